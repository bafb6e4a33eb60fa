import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type BroughtProofs,
  BUNDLE_BYTES_MAX,
  type CheckedRecord,
  checkRecordProof,
  proofsIn,
  type RecordProof,
} from '@salus/client';
import { type Json, parseJson } from '@salus/crypto';
import { type Checkpoint, findCheckpoint } from '@salus/ledger';
import type { Command } from 'commander';
import { findCheckpointSource } from '../checkpoint-source.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Act } from '../program.ts';
import { when } from '../terminal.ts';

const PROOF_BYTES_MAX = 64 * 1024 * 1024;
const PROOF_DEPTH_MAX = 64;
/** Resources that a line names. */
const NAMED_MAX = 20;
const NO_CHECKPOINT =
  'The file agrees with itself, which whoever made it can bring about: give a checkpoint of your own with --checkpoint.';
const UNCONNECTED =
  'No blocks lead from here to the checkpoint, so it vouches for nothing; ask for the proof again, or follow the blocks on the ledger:';
/** As the web app and FHIR servers begin a bundle. */
const BUNDLE = /^\s*\{\s*"resourceType"\s*:\s*"Bundle"/;

interface VerifyProofOptions {
  readonly checkpoint?: string;
}

/** `salus verify-proof FILE`: offline, what `GET …/$proof` answered, or the bundle that a patient took home. */
export function addVerifyProofCommand(program: Command, act: Act): void {
  const command = program
    .command('verify-proof')
    .argument('<file>', 'the answer of GET [base]/{type}/{id}/$proof, or a FHIR bundle with proofs')
    .description(
      'Check that the ledger holds a record, or every record of a bundle, as it stands in its proof: no node, no key, nothing but the file and a checkpoint of your own. Exit code 1 where a step does not hold, where no blocks lead to the checkpoint, and without one. What a bundle holds without a proof is named.',
    )
    .option('--checkpoint <file>', 'a checkpoint from a source of your own; without one nothing is proven');
  act<VerifyProofOptions>(
    command,
    'salus verify-proof proof.json --checkpoint checkpoint.json',
    async (context, options, [file = '']) => {
      const brought = readProofs(context, file);
      const own = readOwn(context, options.checkpoint, brought.proofs[0]!);
      const checked = brought.proofs.map((proof) => checkRecordProof(proof, own ?? readGiven(proof)));
      const hasOwnCheckpoint = own !== undefined;
      const unconnected = checked.filter(({ isFollowed }) => !isFollowed).map(({ resource }) => resource);
      const isProven = hasOwnCheckpoint && unconnected.length === 0;
      const lines = [
        brought.isBundle ? describeAll(checked, brought, { isProven }) : describe(checked[0]!, { isProven }),
        ...(hasOwnCheckpoint ? [] : [NO_CHECKPOINT]),
        ...(unconnected.length === 0 ? [] : [`${UNCONNECTED} ${named(unconnected)}`]),
        ...(brought.without.length === 0 ? [] : [`The bundle brings no proof of: ${named(brought.without)}`]),
      ];
      const { resources, without } = brought;
      const answer = brought.isBundle ? { records: checked, resources, without } : checked[0]!;
      context.terminal.result(lines.join('\n'), { ...answer, hasOwnCheckpoint, isProven });
      return isProven ? EXIT.ok : EXIT.refused;
    },
  );
}

function describe(
  { resource, block, committedMs }: CheckedRecord,
  { isProven }: { readonly isProven: boolean },
): string {
  return isProven
    ? `${resource} was committed in block ${block}, ${when(committedMs)}: every step holds.`
    : `${resource} is not proven. The file says: committed in block ${block}, ${when(committedMs)}.`;
}

function describeAll(
  checked: readonly CheckedRecord[],
  { resources, without }: Brought,
  { isProven }: { readonly isProven: boolean },
): string {
  const blocks = checked.map(({ block }) => block);
  const between = `blocks ${Math.min(...blocks)} to ${Math.max(...blocks)}`;
  const count = `${resources - without.length} of ${resources} resources`;
  return isProven
    ? `${count} were committed in ${between} as they stand in the bundle: every step holds.`
    : `The bundle is not proven. It says: ${count} committed in ${between}.`;
}

function named(resources: readonly string[]): string {
  const more = resources.length - NAMED_MAX;
  return `${resources.slice(0, NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}

interface Brought extends BroughtProofs {
  readonly isBundle: boolean;
}

function readProofs({ workingDirectory }: CommandContext, name: string): Brought {
  const file = resolve(workingDirectory, name);
  if (!existsSync(file) || statSync(file).size > BUNDLE_BYTES_MAX) {
    throw new CliError('bad-file', `${file} is missing or too large for a proof.`);
  }
  const bytes = readFileSync(file);
  const text = bytes.toString();
  if (BUNDLE.test(text)) {
    const brought = proofsIn(text);
    if (brought.proofs.length === 0) throw new CliError('bad-file', `${file} holds no proof of a record.`);
    return { isBundle: true, ...brought };
  }
  // Each part is checked where it is used.
  const proof = parseJson(bytes, { sizeMax: PROOF_BYTES_MAX, depthMax: PROOF_DEPTH_MAX }) as unknown as RecordProof;
  return { isBundle: false, proofs: [proof], resources: 1, without: [] };
}

function readOwn(context: CommandContext, named: string | undefined, { network }: RecordProof): Checkpoint | undefined {
  if (named === undefined) return undefined;
  const source = findCheckpointSource(context, named, network);
  const [saved] = source.kind === 'saved' ? source.checkpoints : [];
  if (saved === undefined) {
    throw new CliError('no-checkpoint', 'The file holds no checkpoint as `salus --json ledger checkpoint` prints it.');
  }
  return saved;
}

function readGiven({ checkpoint }: RecordProof): Checkpoint {
  const found = findCheckpoint(checkpoint as unknown as Json);
  if (found === undefined) throw new CliError('bad-file', 'The file holds no proof of a record.');
  return found;
}
