import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import {
  type FabricOptions,
  type FabricVerification,
  type VerifiedPeer,
  verifyFabric,
} from '../fabric-verification.ts';
import { directoryOption, organisationOption } from '../network/network-directory.ts';
import type { Act } from '../program.ts';
import { type OrganisationReport, type PlacedFinding, type Verification, verifyData } from '../verification.ts';

/** Findings that are printed for people; --json has all. */
const SHOWN_MAX = 50;

interface VerifyOptions extends FabricOptions {
  readonly checkpoint?: string;
  readonly reexecute?: boolean;
  readonly fabric?: boolean;
}

/** `salus verify`: offline, without a node and without any key. */
export function addVerifyCommand(program: Command, act: Act): void {
  const command = program
    .command('verify')
    .description(
      'Check the ledger and every organisation’s records and audit log in a data directory or a copy of one: no node, no master key, nothing is changed. Exit code 1 and the exact place where something is wrong.',
    )
    .option('--data <directory>', 'the data directory (default: SALUS_DATA, else ./data)')
    .option(
      '--checkpoint <file>',
      'a checkpoint that was kept elsewhere; without one nobody can tell whether the newest blocks were cut off',
    )
    .option('--reexecute', 'run every call again and compare what it did (slower)')
    .option(
      '--fabric',
      'check the block files of this host’s peers, byte by byte, with every call run again, beside the replica and records of the node in the data directory; the node must have ended',
    )
    .option('--peer-data <directory>', 'with --fabric: a copy of the peer’s data, or of its folder of block files')
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<VerifyOptions>(command, 'salus verify --data ./data --checkpoint checkpoint.json', async (context, options) => {
    if (options.fabric === true) return tellFabric(context, await verifyFabric(context, options));
    const verification = await verifyData(context, options);
    context.terminal.result(describe(verification), { ok: verification.findings.length === 0, ...verification });
    return verification.findings.length === 0 ? EXIT.ok : EXIT.refused;
  });
}

function tellFabric({ terminal }: CommandContext, verification: FabricVerification): ExitCode {
  const { peers, organisations, findings } = verification;
  const lines = [...peers.map(describePeer), ...organisations.map(describeOrganisation)];
  const isSound = findings.length === 0;
  terminal.result([...lines, ...describeFindings(findings)].join('\n'), { ok: isSound, ...verification });
  return isSound ? EXIT.ok : EXIT.refused;
}

function describePeer(verified: VerifiedPeer): string {
  const { organisation, peer, replica, blocks, files, transactions, signatures, calls, compared, head } = verified;
  return [
    `${organisation} ${peer}: ${blocks} blocks in ${files} files, ${transactions} transactions, ${signatures} signatures of orderers checked; ${calls} calls run again.`,
    ...(head === undefined ? [] : [`Newest block ${head.number}, hash ${head.hash}, commit hash ${head.commitHash}.`]),
    replica
      ? `${compared} blocks compared with the node’s replica.`
      : 'No replica: name the data directory of the organisation’s node with --data to compare with what it recorded.',
  ].join(' ');
}

function describe({ ledger, organisations, findings, directory }: Verification): string {
  const { head, checkpoint } = ledger;
  const lines = [
    `${directory}: ${ledger.blocks} blocks, ${ledger.transactions} calls, ${ledger.signatures} signatures, ${ledger.versions} stored versions checked` +
      ` in ${(ledger.durationMs / 1000).toFixed(1)} s${ledger.reexecuted > 0 ? `; ${ledger.reexecuted} calls run again` : ''}.`,
    ...(head === undefined ? [] : [`Network ${head.network}, newest block ${head.number}, hash ${head.hash}.`]),
    checkpoint.kind === 'absent'
      ? 'No checkpoint: whether the newest blocks were cut off, nobody can tell from this directory alone. Give one with --checkpoint FILE (`salus ledger checkpoint`, or the node’s checkpoint file).'
      : `${checkpoint.compared} checkpoints compared, the newest of block ${checkpoint.newest}; ${checkpoint.signatures} of their signatures checked.`,
    ...(ledger.otherVersion > 0
      ? [`${ledger.otherVersion} calls are of contracts that are not installed here: checked, but not run again.`]
      : []),
    ...organisations.map(describeOrganisation),
  ];
  return [...lines, ...describeFindings(findings)].join('\n');
}

function describeFindings(findings: readonly PlacedFinding[]): readonly string[] {
  if (findings.length === 0) return ['Nothing is wrong.'];
  const shown = findings.slice(0, SHOWN_MAX).map(({ place, code, message }) => `  ${place}: ${message} (${code})`);
  const more = findings.length > SHOWN_MAX ? [`  … and ${findings.length - SHOWN_MAX} more: --json lists all.`] : [];
  return [`WRONG in ${findings.length} places:`, ...shown, ...more];
}

function describeOrganisation({ organisation, seen, notes }: OrganisationReport): string {
  const facts = `${seen.records} record versions in ${seen.batches} batches and ${seen.objects} objects, ${seen.auditEvents} audit events, ${seen.rows} rows, ${seen.ledgerEntries} ledger entries checked`;
  const said = [
    ...(notes.unrooted > 0 ? [`${notes.unrooted} log entries are too new for a root on the ledger`] : []),
    ...(notes.pendingBatches > 0 ? [`${notes.pendingBatches} writes were under way`] : []),
    ...(notes.orphanFiles > 0 ? [`${notes.orphanFiles} files belong to no write; the next start removes them`] : []),
    ...(notes.erasedBeforeRollback > 0
      ? [`${notes.erasedBeforeRollback} versions were erased by calls that a rollback lost`]
      : []),
  ];
  return `${organisation}: ${[facts, ...said].join('; ')}.`;
}
