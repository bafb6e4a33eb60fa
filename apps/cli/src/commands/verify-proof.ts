import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkRecordProof } from '@salus/client';
import { type Json, parseJson } from '@salus/crypto';
import { type Checkpoint, findCheckpoint } from '@salus/ledger';
import type { RecordProof } from '@salus/records';
import type { Command } from 'commander';
import { findCheckpointSource } from '../checkpoint-source.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Act } from '../program.ts';
import { when } from '../terminal.ts';

const PROOF_BYTES_MAX = 64 * 1024 * 1024;
const PROOF_DEPTH_MAX = 64;

interface VerifyProofOptions {
  readonly checkpoint?: string;
}

/** `salus verify-proof FILE`: offline, what `GET …/$proof` answered. */
export function addVerifyProofCommand(program: Command, act: Act): void {
  const command = program
    .command('verify-proof')
    .argument('<file>', 'the answer of GET [base]/{type}/{id}/$proof')
    .description(
      'Check that the ledger holds a record as it stands in a proof: no node, no key, nothing but the file and a checkpoint. Exit code 1 where a step does not hold.',
    )
    .option(
      '--checkpoint <file>',
      'a checkpoint from a source of your own; without one the proof is compared with the one in itself',
    );
  act<VerifyProofOptions>(
    command,
    'salus verify-proof proof.json --checkpoint checkpoint.json',
    async (context, options, [file = '']) => {
      const proof = readProof(context, file);
      const own = readOwn(context, options.checkpoint, proof);
      const checked = checkRecordProof(proof, own ?? readGiven(proof));
      const lines = [
        `${checked.resource} was committed in block ${checked.block}, ${when(checked.committedMs)}: every step holds.`,
        ...(own === undefined
          ? ['No checkpoint of your own was given: who made the proof vouches for the ledger.']
          : []),
        ...(checked.isFollowed
          ? []
          : ['The blocks up to the checkpoint are too many for a proof: follow them on the ledger.']),
      ];
      context.terminal.result(lines.join('\n'), { ...checked, hasOwnCheckpoint: own !== undefined });
      return EXIT.ok;
    },
  );
}

function readProof({ workingDirectory }: CommandContext, name: string): RecordProof {
  const file = resolve(workingDirectory, name);
  if (!existsSync(file) || statSync(file).size > PROOF_BYTES_MAX) {
    throw new CliError('bad-file', `${file} is missing or too large for a proof.`);
  }
  // Each part is checked where it is used.
  return parseJson(readFileSync(file), {
    sizeMax: PROOF_BYTES_MAX,
    depthMax: PROOF_DEPTH_MAX,
  }) as unknown as RecordProof;
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
