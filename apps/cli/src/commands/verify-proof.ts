import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { BUNDLE_BYTES_MAX, type CheckedRecord, checkRecordProof, proofsIn, type RecordProof } from '@salus/client';
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
      'Check that the ledger holds a record, or every record of a bundle, as it stands in its proof: no node, no key, nothing but the file and a checkpoint. Exit code 1 where a step does not hold.',
    )
    .option(
      '--checkpoint <file>',
      'a checkpoint from a source of your own; without one the proof is compared with the one in itself',
    );
  act<VerifyProofOptions>(
    command,
    'salus verify-proof proof.json --checkpoint checkpoint.json',
    async (context, options, [file = '']) => {
      const { isBundle, proofs } = readProofs(context, file);
      const own = readOwn(context, options.checkpoint, proofs[0]!);
      const checked = proofs.map((proof) => checkRecordProof(proof, own ?? readGiven(proof)));
      const hasOwnCheckpoint = own !== undefined;
      const lines = [
        isBundle ? describeAll(checked) : describe(checked[0]!),
        ...(hasOwnCheckpoint
          ? []
          : ['No checkpoint of your own was given: who made the proof vouches for the ledger.']),
        ...(checked.every(({ isFollowed }) => isFollowed)
          ? []
          : ['The blocks up to the checkpoint are too many for a proof: follow them on the ledger.']),
      ];
      const answer = isBundle ? { records: checked } : checked[0]!;
      context.terminal.result(lines.join('\n'), { ...answer, hasOwnCheckpoint });
      return EXIT.ok;
    },
  );
}

function describe({ resource, block, committedMs }: CheckedRecord): string {
  return `${resource} was committed in block ${block}, ${when(committedMs)}: every step holds.`;
}

function describeAll(checked: readonly CheckedRecord[]): string {
  const blocks = checked.map(({ block }) => block);
  const between = `blocks ${Math.min(...blocks)} to ${Math.max(...blocks)}`;
  return `${checked.length} records were committed in ${between} as they stand in the bundle: every step holds.`;
}

function readProofs(
  { workingDirectory }: CommandContext,
  name: string,
): { readonly isBundle: boolean; readonly proofs: readonly RecordProof[] } {
  const file = resolve(workingDirectory, name);
  if (!existsSync(file) || statSync(file).size > BUNDLE_BYTES_MAX) {
    throw new CliError('bad-file', `${file} is missing or too large for a proof.`);
  }
  const bytes = readFileSync(file);
  const text = bytes.toString();
  if (BUNDLE.test(text)) {
    const proofs = proofsIn(text);
    if (proofs.length === 0) throw new CliError('bad-file', `${file} holds no proof of a record.`);
    return { isBundle: true, proofs };
  }
  // Each part is checked where it is used.
  const proof = parseJson(bytes, { sizeMax: PROOF_BYTES_MAX, depthMax: PROOF_DEPTH_MAX }) as unknown as RecordProof;
  return { isBundle: false, proofs: [proof] };
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
