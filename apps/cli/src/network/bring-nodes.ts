import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  awaitFirstTransaction,
  awaitNode,
  awaitNodeReady,
  hasNode,
  organisationsHere,
  readNetworkStatus,
  startNode,
  type WithNode,
  writeNodeAddresses,
} from '@salus/network';
import { CliError } from '../cli-error.ts';
import { type CommandContext, commandContext } from '../command-context.ts';
import { admitApplicant, type Decided, voteOn } from '../commands/staff-members.ts';
import { nodeSecrets, type OpenNetwork, type OrganisationOption } from './network-directory.ts';

/** The server's program. */
export const SERVER = fileURLToPath(import.meta.resolve('@salus/server/main'));

export interface NodesReport {
  readonly started: readonly string[];
  /** Organisations that were admitted now, in order. */
  readonly admitted: readonly string[];
  /** Organisations whose application waits for other hosts' administrators, with its file. */
  readonly waiting: readonly { readonly organisation: string; readonly application: string }[];
}

/**
 * Starts the Salus nodes of the organisations here: the founder's first, then the others together. Those that wait to be
 * admitted are admitted one after another by the administrators whose wallets and credentials are on this host, as in a
 * demonstration; elsewhere administrators decide with `salus staff admit` and `vote`.
 */
export async function bringNodes(
  context: CommandContext,
  place: OpenNetwork,
  { org, elapsed }: OrganisationOption & { readonly elapsed: () => string },
): Promise<NodesReport> {
  const { layout } = place;
  const nodes = organisationsHere({ ...place, only: org }).filter(hasNode);
  writeNodeAddresses(place);
  const secrets = nodeSecrets(context);
  const started: string[] = [];
  const start = async (organisation: WithNode): Promise<void> => {
    const outcome = await startNode({ ...place, program: SERVER, secrets }, organisation);
    if (outcome === 'started') started.push(organisation.slug);
  };
  const founder = nodes.find(({ slug }) => slug === place.consortium.organisations[0]?.slug);
  if (founder !== undefined) {
    const height = await heightOf(place, context);
    await start(founder);
    await awaitFirstTransaction(layout, founder, { channel: place.consortium.channel.name, height });
    if (started.length > 0) context.terminal.say(`The first Salus transaction is committed ${elapsed()}.`);
    await awaitNodeReady(layout, founder);
  }
  const others = nodes.filter((one) => one !== founder);
  await Promise.all(others.map(start));
  const members: WithNode[] = founder === undefined ? [] : [founder];
  const admitted: string[] = [];
  const waiting: NodesReport['waiting'][number][] = [];
  for (const organisation of others) {
    const { slug } = organisation;
    const { application } = layout.organisation(slug).node;
    if ((await awaitNode(layout, organisation)) === 'waiting') {
      if (!(await admit(context, place, { members, application }))) {
        waiting.push({ organisation: slug, application });
        continue;
      }
      await awaitNodeReady(layout, organisation);
      admitted.push(slug);
    }
    members.push(organisation);
  }
  return { started, admitted, waiting };
}

async function heightOf(place: OpenNetwork, { nowMs }: CommandContext): Promise<number> {
  const { peers } = await readNetworkStatus(place, nowMs());
  return Math.max(0, ...peers.map(({ chain }) => chain?.height ?? 0));
}

/** What `up` says of the nodes. */
export function nodesText({ started, admitted, waiting }: NodesReport, nodesFile: string): string {
  const lines = [
    ...(started.length === 0 ? [] : [`Salus nodes started: ${started.join(', ')}`]),
    ...(admitted.length === 0 ? [] : [`admitted to the network: ${admitted.join(', ')}`]),
    ...waiting.map(
      ({ organisation, application }) =>
        `${organisation} waits to be admitted: a member’s administrator runs \`salus staff admit\` with ${application}`,
    ),
    `Commands find the nodes with: export SALUS_NODES=${nodesFile}`,
  ];
  return `${lines.join('\n')}\n`;
}

interface Admission {
  readonly members: readonly WithNode[];
  readonly application: string;
}

/** False where the administrators here cannot decide it. */
async function admit(
  context: CommandContext,
  place: OpenNetwork,
  { members, application }: Admission,
): Promise<boolean> {
  const voters = members.flatMap((member) => {
    const voter = administratorOf(context, place, member);
    return voter === undefined ? [] : [voter];
  });
  let decided: Decided | undefined;
  for (const voter of voters) {
    decided =
      decided === undefined
        ? await admitApplicant(voter.context, voter.options, application)
        : await voteOn(voter.context, voter.options, { proposal: decided.proposal, approve: true });
    if (decided.status === 'applied') return true;
    if (decided.status === 'rejected') {
      throw new CliError({ relayed: 'rejected' }, `The members rejected the application ${application}.`);
    }
  }
  return false;
}

/** How to act as a member's administrator, whose wallet and credentials this host's founding wrote; else undefined. */
function administratorOf(context: CommandContext, { layout }: OpenNetwork, { slug }: WithNode) {
  const { config } = layout.organisation(slug).node;
  const files = ['demonstration', 'administrators'].map((folder) => join(config, 'salus', folder, 'credentials.json'));
  const wallet = `${slug}.admin`;
  if (!files.some((file) => existsSync(file) && readFileSync(file, 'utf8').includes(JSON.stringify(wallet)))) {
    return undefined;
  }
  const environment = { ...context.environment, XDG_CONFIG_HOME: config, SALUS_NODES: layout.nodes };
  const own = commandContext({ json: true }, { ...context, environment });
  return { context: { ...own, terminal: context.terminal }, options: { wallet } };
}
