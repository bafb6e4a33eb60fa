import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readChainInfo } from '../channel/index.ts';
import { listenHost } from '../configuration/listen-host.ts';
import type { Consortium, Organisation, SalusNode } from '../consortium/consortium.ts';
import type { NetworkLayout, NodeLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { isListening, startProcess } from '../processes/supervisor.ts';
import { writeIfChanged } from '../write-file.ts';
import { adminIdentity, peerAddresses, processName } from './addresses.ts';
import { checkpointFileOf, type NodeSecrets, requireOutside } from './node-secrets.ts';

export const NODE_TIMEOUT_MS = 120_000;
const LOOK_MS = 50;
/** Each look at the chain is a connection of its own. */
const LOOK_AT_CHAIN_MS = 200;

export interface NodesInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  /** The server's program, which this Node runs. */
  readonly program: string;
  readonly secrets: NodeSecrets;
}

/** An organisation whose consortium.yaml has a Salus node. */
export type WithNode = Organisation & { readonly node: SalusNode };

export function hasNode(organisation: Organisation): organisation is WithNode {
  return organisation.node !== undefined;
}

/** Writes where all nodes and exchanges of the consortium are reached: for people's commands, and for the nodes. */
export function writeNodeAddresses({ layout, consortium }: Pick<NodesInput, 'layout' | 'consortium'>): void {
  const nodes = consortium.organisations.filter(hasNode);
  const list = (of: (organisation: WithNode) => unknown): string =>
    `${JSON.stringify(Object.fromEntries(nodes.map((one) => [one.slug, of(one)])), null, 2)}\n`;
  writeIfChanged(
    layout.nodes,
    list(({ slug, node }) => {
      // Where the people of a node of this host find their wallets.
      const config = relative(layout.directory, join(layout.organisation(slug).node.config, 'salus'));
      return { url: `http://127.0.0.1:${node.port}`, config };
    }),
  );
  writeIfChanged(
    layout.exchangePeers,
    list(({ host, node }) => `https://${host}:${node.exchangePort}`),
  );
}

/** Starts an organisation's Salus node unless it runs. Throws NetworkError `bad-input` as `nodeSpec` does. */
export async function startNode(input: NodesInput, organisation: WithNode): Promise<'started' | 'running'> {
  const { node } = input.layout.organisation(organisation.slug);
  const spec = nodeSpec(input, organisation);
  requireNoKeysInside(node, input.secrets);
  const checkpoints = dirname(checkpointFileOf(input.secrets, input.consortium, organisation.slug));
  for (const folder of [node.folder, node.config, checkpoints]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return startProcess(input.layout, spec);
}

/** Where earlier versions let a node keep its master keys, which would now be others. */
function requireNoKeysInside({ config }: NodeLayout, { masterKeyFile }: NodeSecrets): void {
  const former = join(config, 'salus', 'master-keys.json');
  if (!existsSync(former)) return;
  throw new NetworkError(
    'bad-input',
    `${former} lies in what backups take: put its keys in the place of those of the same name in ${masterKeyFile}, then remove it.`,
  );
}

/**
 * Waits until an organisation's node answers, or has written its application and waits to be admitted.
 * Throws NetworkError `process-ended`, `timeout`.
 */
export async function awaitNode(layout: NetworkLayout, { slug, node }: WithNode): Promise<'ready' | 'waiting'> {
  const place = layout.organisation(slug).node;
  const endMs = performance.now() + NODE_TIMEOUT_MS;
  while (performance.now() < endMs) {
    if (await isListening(layout, processName(slug, 'node'), node.port)) return 'ready';
    if (existsSync(join(place.data, 'joining.json')) && existsSync(place.application)) return 'waiting';
    await delay(LOOK_MS);
  }
  throw new NetworkError('timeout', `The node of ${slug} is neither ready nor waiting after ${NODE_TIMEOUT_MS} ms.`);
}

/**
 * Waits until the channel is higher than it was: on one whose chaincode was just committed the first Salus transaction makes it
 * so. Ends early when the founder's node answers, for then it was there before. Throws NetworkError `process-ended`, `timeout`.
 */
export async function awaitFirstTransaction(
  layout: NetworkLayout,
  founder: WithNode,
  { channel, height }: { readonly channel: string; readonly height: number },
): Promise<void> {
  const identity = adminIdentity(layout, founder.slug);
  const [peer] = peerAddresses(layout, founder);
  const endMs = performance.now() + NODE_TIMEOUT_MS;
  while (peer !== undefined && (await readChainInfo(peer, identity, channel)).height <= height) {
    if (await isListening(layout, processName(founder.slug, 'node'), founder.node.port)) return;
    if (performance.now() > endMs) {
      throw new NetworkError('timeout', `No Salus transaction was committed in ${NODE_TIMEOUT_MS} ms.`);
    }
    await delay(LOOK_AT_CHAIN_MS);
  }
}

/** Waits until an organisation's node answers: it is admitted. Throws NetworkError `process-ended`, `timeout`. */
export async function awaitNodeReady(layout: NetworkLayout, { slug, node }: WithNode): Promise<void> {
  const endMs = performance.now() + NODE_TIMEOUT_MS;
  while (!(await isListening(layout, processName(slug, 'node'), node.port))) {
    if (performance.now() > endMs) throw new NetworkError('timeout', `The node of ${slug} does not answer.`);
    await delay(LOOK_MS);
  }
}

/**
 * How an organisation's node is started. Throws NetworkError `bad-input` where its master keys or checkpoints would lie inside
 * the network's directory.
 */
export function nodeSpec(
  { layout, consortium, program, secrets }: NodesInput,
  { slug, host, node }: WithNode,
): ProcessSpec {
  const own = layout.organisation(slug);
  const checkpointFile = checkpointFileOf(secrets, consortium, slug);
  requireOutside(layout, secrets.masterKeyFile, 'The file of master keys');
  requireOutside(layout, checkpointFile, 'The checkpoint file');
  return {
    name: processName(slug, 'node'),
    organisation: slug,
    kind: 'node',
    command: process.execPath,
    args: [program],
    environment: {
      XDG_CONFIG_HOME: own.node.config,
      SALUS_DATA: own.node.data,
      SALUS_MASTER_KEY_FILE: secrets.masterKeyFile,
      SALUS_CHECKPOINT_FILE: checkpointFile,
      SALUS_BACKUPS: join(own.node.folder, 'backups'),
      SALUS_LEDGER: own.connection,
      SALUS_PORT: String(node.port),
      SALUS_EXCHANGE_HOST: listenHost(host),
      SALUS_EXCHANGE_PORT: String(node.exchangePort),
      SALUS_EXCHANGE_PEERS: layout.exchangePeers,
      SALUS_LOG_LEVEL: 'warn',
    },
    workingDirectory: own.node.folder,
    ports: [node.port],
  };
}
