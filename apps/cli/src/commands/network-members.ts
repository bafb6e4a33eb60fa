import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  admissionOf,
  type Change,
  departureOf,
  describeChannel,
  describeQuorum,
  downNetwork,
  ensureMaterialHere,
  ordererAdmissionOf,
  parseProposal,
  readConfigHere,
  removeOrganisation,
  revocationOf,
  settingsOf,
  signAndDescribe,
  takeSnapshots,
  type UpReport,
  upgradeContracts,
  upNetwork,
} from '@salus/network';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import {
  type ChangeMade,
  type ChangeOptions,
  makeChange,
  proposalOption,
  signersOption,
  yesOption,
} from '../network/channel-change.ts';
import {
  type DirectoryOption,
  directoryOption,
  networkMasterKeys,
  type OpenNetwork,
  type OrganisationOption,
  openNetwork,
  organisationOption,
  upInput,
} from '../network/network-directory.ts';
import { upText } from '../network/up-text.ts';
import type { Act } from '../program.ts';

type Options = DirectoryOption & ChangeOptions;

const QUORUM = 'The difference is shown first; below the quorum that the channel’s policies ask nothing is sent.';

/** What administrators change together: members, orderers, settings, revocations, contracts. */
export function addNetworkMemberCommands(network: Command, act: Act): void {
  addAddOrganisation(network, act);
  addRemoveOrganisation(network, act);
  addAddOrderer(network, act);
  addChannel(network, act);
  addRevoke(network, act);
  addSnapshot(network, act);
  addUpgradeContracts(network, act);
}

function changing(command: Command): Command {
  return command
    .addOption(signersOption())
    .addOption(proposalOption())
    .addOption(yesOption())
    .addOption(directoryOption());
}

interface AddOptions extends Options {
  readonly here?: boolean;
}

function addAddOrganisation(network: Command, act: Act): void {
  const command = network
    .command('add-org')
    .argument('<slug>', 'an organisation that consortium.yaml names')
    .description(
      `Admit an organisation to the channel. ${QUORUM} Once admitted its peers validate the chain from the first block, and the endorsement policy counts it. Its public part must be here (import-org), unless it runs on this host (--here).`,
    )
    .option('--here', 'the organisation’s machines run on this host: make its keys here');
  act<AddOptions>(changing(command), 'salus network add-org clinic --here', async (context, options, [slug = '']) => {
    const place = openNetwork(context, options);
    const isHere = options.here === true || existsSync(place.layout.organisation(slug).authorities);
    const masterKeys = isHere ? networkMasterKeys(context, place.layout, [slug]) : new Map<string, Uint8Array>();
    await ensureMaterialHere(place, slug, { masterKeys, nowMs: context.nowMs() });
    const view = describeChannel(await readConfigHere(place));
    const changes = await makeChanges(context, place, admissionOf(place, view, slug), options);
    const up = await upNetwork(await upInput(context, place, {}));
    return tell(context, { changes, up, done: `${slug} is a member.` });
  });
}

function addRemoveOrganisation(network: Command, act: Act): void {
  const command = network
    .command('remove-org')
    .argument('<slug>', 'a member')
    .description(
      `Let an organisation leave the channel, its orderers first. ${QUORUM} It keeps what it has and gets no new block; it is taken out of consortium.yaml, and its processes on this host end.`,
    );
  act<Options>(changing(command), 'salus network remove-org pharmacy', async (context, options, [slug = '']) => {
    const place = openNetwork(context, options);
    const view = describeChannel(await readConfigHere(place));
    const changes = await makeChanges(context, place, departureOf(view, slug), options);
    await downNetwork(place.layout, slug);
    removeOrganisation(place.layout.consortium, slug);
    const up = await upNetwork(await upInput(context, openNetwork(context, options), {}));
    return tell(context, { changes, up, done: `${slug} is no member.` });
  });
}

function addAddOrderer(network: Command, act: Act): void {
  const command = network
    .command('add-orderer')
    .argument('<slug>', 'a member')
    .argument('<name>', 'an orderer that consortium.yaml names for it')
    .description(`Have one more orderer take part in ordering, then start it where it runs on this host. ${QUORUM}`);
  const example = 'salus network add-orderer pharmacy orderer0';
  act<Options>(changing(command), example, async (context, options, [slug = '', name = '']) => {
    const place = openNetwork(context, options);
    const isHere = existsSync(place.layout.organisation(slug).authorities);
    const masterKeys = isHere ? networkMasterKeys(context, place.layout, [slug]) : new Map<string, Uint8Array>();
    await ensureMaterialHere(place, slug, { masterKeys, nowMs: context.nowMs() });
    const changes = await makeChanges(context, place, ordererAdmissionOf(place, slug, name), options);
    const up = await upNetwork(await upInput(context, place, {}));
    return tell(context, { changes, up, done: `${slug}'s ${name} orders.` });
  });
}

function addChannel(network: Command, act: Act): void {
  const channel = network.command('channel').description('Look at the channel, and change its settings.');
  addShow(channel, act);
  const update = channel
    .command('update')
    .description(
      `Bring the channel to the settings of consortium.yaml: time and size of blocks, and how many organisations endorse. ${QUORUM}`,
    );
  act<Options>(changing(update), 'salus network channel update', async (context, options) => {
    const place = openNetwork(context, options);
    const changes = await makeChanges(context, place, settingsOf(place), options);
    const up = await upNetwork(await upInput(context, place, {}));
    return tell(context, { changes, up, done: 'The channel is as consortium.yaml says.' });
  });
  const sign = channel
    .command('sign')
    .argument('<file>', 'a proposal that another administrator wrote below quorum')
    .description('Show what a proposed change does, and sign it for the administrators on this host. Nothing is sent.')
    .addOption(signersOption())
    .addOption(yesOption())
    .addOption(directoryOption());
  act<Options>(sign, 'salus network channel sign add-clinic.json', (context, options, [file = '']) =>
    signFile(context, options, resolve(context.workingDirectory, file)),
  );
}

function addShow(channel: Command, act: Act): void {
  const command = channel
    .command('show')
    .description('The channel as a peer here knows it: members, orderers, limits of blocks.')
    .addOption(directoryOption());
  act<DirectoryOption>(command, 'salus network channel show', async (context, options) => {
    const view = describeChannel(await readConfigHere(openNetwork(context, options)));
    const { batch, consenters, organisations } = view;
    const lines = [
      `channel ${view.channel}, configuration ${view.sequence}, ordered by ${view.consensus}`,
      `a block after ${batch.timeoutMs} ms, ${batch.maxCount} transactions or ${batch.preferredBytes} bytes`,
      ...organisations.map(({ mspId, member, anchorPeers, revocationLists }) => {
        const peers = anchorPeers.map(({ host, port }) => `${host}:${port}`).join(', ');
        return `${mspId}: ${member ? 'member' : 'orders only'}, peers ${peers}, ${revocationLists.length} revocation lists`;
      }),
      ...consenters.map(({ mspId, host, port }) => `orderer ${host}:${port} of ${mspId}`),
    ];
    context.terminal.result(lines.join('\n'), view);
    return EXIT.ok;
  });
}

async function signFile(context: CommandContext, options: Options, file: string) {
  const place = openNetwork(context, options);
  if (!existsSync(file)) throw new CliError('bad-file', `There is no file ${file}.`);
  const proposal = parseProposal(readFileSync(file, 'utf8'));
  const prepared = await signAndDescribe(place, await readConfigHere(place), { proposal, signers: options.signers });
  context.terminal.say([...prepared.description, ...describeQuorum(prepared.quorum)].join('\n'));
  if (options.yes !== true && !(await context.terminal.confirm('Sign this change?'))) {
    throw new CliError('cancelled', 'Nothing was signed.', { exit: EXIT.refused });
  }
  writeFileSync(file, `${JSON.stringify(prepared.proposal, null, 2)}\n`);
  const { reached, signedBy } = prepared.quorum;
  const text = `Signed by ${signedBy.join(', ')}; ${reached ? 'that is enough: whoever made it can send it' : 'more are needed'}.`;
  context.terminal.result(text, { file, signedBy, reached });
  return EXIT.ok;
}

interface RevokeOptions extends Options {
  readonly org: string;
}

function addRevoke(network: Command, act: Act): void {
  const command = network
    .command('revoke')
    .argument('<what>', 'admin, node, the name of a peer or orderer, or a certificate’s serial number in hex')
    .description(
      `Take back an identity of an organisation’s own Fabric CA: a new revocation list for its MSP, in the channel at once. ${QUORUM}`,
    )
    .requiredOption('--org <slug>', 'whose identity');
  act<RevokeOptions>(
    changing(command),
    'salus network revoke node --org pharmacy',
    async (context, options, [what = '']) => {
      const place = openNetwork(context, options);
      const founding = { masterKeys: networkMasterKeys(context, place.layout, [options.org]), nowMs: context.nowMs() };
      const steps = await revocationOf(place, { organisation: options.org, what }, founding);
      const changes = await makeChanges(context, place, steps, options);
      return tell(context, { changes, up: undefined, done: `${what} of ${options.org} is revoked.` });
    },
  );
}

function addSnapshot(network: Command, act: Act): void {
  const command = network
    .command('snapshot')
    .description('Have the peers on this host write a snapshot of the channel at its newest block.')
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<DirectoryOption & OrganisationOption>(command, 'salus network snapshot', async (context, options) => {
    const taken = await takeSnapshots(openNetwork(context, options), options.org);
    const text = taken.map(({ peer, block, folder }) => `${peer}: from block ${block} on, below ${folder}`).join('\n');
    context.terminal.result(text, { snapshots: taken });
    return EXIT.ok;
  });
}

function addUpgradeContracts(network: Command, act: Act): void {
  const command = network
    .command('upgrade-contracts')
    .description(
      'Approve the contracts of this software for the organisations on this host. The channel runs them once a majority of its members has approved; run it, or `up`, again here after the others did.',
    )
    .addOption(organisationOption())
    .addOption(directoryOption());
  const example = 'salus network upgrade-contracts';
  act<DirectoryOption & OrganisationOption>(command, example, async (context, options) => {
    const place = openNetwork(context, options);
    const { deployment, up } = await upgradeContracts(await upInput(context, place, options));
    const open = Object.entries(deployment.approvals).filter(([, approved]) => !approved);
    const text =
      up === undefined
        ? `Approved; the channel still runs the old contracts until more approve: ${open.map(([slug]) => slug).join(', ')}.`
        : upText(up);
    context.terminal.result(text, { deployment, up: up ?? null });
    return EXIT.ok;
  });
}

/** Several changes are made one after another, for the channel takes one orderer at a time; a proposal file is for one. */
async function makeChanges(
  context: CommandContext,
  place: OpenNetwork,
  steps: readonly Change[],
  options: ChangeOptions,
): Promise<readonly ChangeMade[]> {
  const made: ChangeMade[] = [];
  for (const step of steps) made.push(await makeChange(context, place, { ...step, options }));
  return made;
}

interface Told {
  readonly changes: readonly ChangeMade[];
  readonly up: UpReport | undefined;
  readonly done: string;
}

function tell(context: CommandContext, { changes, up, done }: Told) {
  const changed = changes.some((change) => change.changed);
  const lines = [
    changed ? done : `${done} Nothing changed in the channel.`,
    ...(up === undefined || up.unchanged ? [] : [upText(up)]),
  ];
  context.terminal.result(lines.join('\n'), { changed, changes, up: up ?? null });
  return EXIT.ok;
}
