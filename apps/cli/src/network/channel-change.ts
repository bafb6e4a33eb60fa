import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Change,
  describeQuorum,
  NetworkError,
  type NetworkPlace,
  type PreparedUpdate,
  parseProposal,
  prepareUpdate,
  sendPrepared,
} from '@salus/network';
import { Option } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { list } from '../options.ts';

export interface ChangeOptions {
  readonly signers?: readonly string[];
  readonly proposal?: string;
  readonly yes?: boolean;
}

export function signersOption(): Option {
  return new Option(
    '--signers <slugs>',
    'organisations whose administrators sign (default: all whose keys are on this host)',
  ).argParser(list);
}

export function proposalOption(): Option {
  return new Option(
    '--proposal <file>',
    'the change with its signatures, as it travels between administrators: read where it exists, written below quorum',
  );
}

export function yesOption(): Option {
  return new Option('--yes', 'send without being asked');
}

/** What became of one change of the channel. */
export interface ChangeMade {
  readonly title: string;
  /** False: the channel was so already. */
  readonly changed: boolean;
  readonly description: readonly string[];
  readonly signedBy: readonly string[];
}

/**
 * Shows what a change does and who has signed it, then sends it. Below the quorum it sends nothing: the proposal is written to
 * the file that --proposal names, for the next administrator, and the command is refused with `below-quorum`.
 */
export async function makeChange(
  context: CommandContext,
  place: NetworkPlace,
  { title, change, options }: Change & { readonly options: ChangeOptions },
): Promise<ChangeMade> {
  const prepared = await prepareOrNothing(place, { title, change, options }, context);
  if (prepared === undefined) return { title, changed: false, description: [], signedBy: [] };
  const { description, quorum } = prepared;
  context.terminal.say(description.join('\n'));
  if (!quorum.reached) throw belowQuorum(context, prepared, options);
  if (options.yes !== true && !(await context.terminal.confirm(`Send this change (${title})?`))) {
    throw new CliError('cancelled', 'Nothing was sent.', { exit: EXIT.refused });
  }
  context.terminal.say(describeQuorum(quorum).join('\n'));
  await sendPrepared(place, prepared);
  return { title, changed: true, description, signedBy: quorum.signedBy };
}

async function prepareOrNothing(
  place: NetworkPlace,
  { change, options }: Change & { readonly options: ChangeOptions },
  context: CommandContext,
): Promise<PreparedUpdate | undefined> {
  const file = options.proposal === undefined ? undefined : resolve(context.workingDirectory, options.proposal);
  const proposal = file !== undefined && existsSync(file) ? parseProposal(readFileSync(file, 'utf8')) : undefined;
  try {
    return await prepareUpdate(place, { change, signers: options.signers, proposal });
  } catch (error) {
    if (error instanceof NetworkError && error.code === 'no-change') return undefined;
    throw error;
  }
}

function belowQuorum(context: CommandContext, prepared: PreparedUpdate, { proposal }: ChangeOptions): CliError {
  const { quorum } = prepared;
  const signed = quorum.signedBy.length === 0 ? 'nobody' : quorum.signedBy.join(', ');
  const file = proposal === undefined ? undefined : resolve(context.workingDirectory, proposal);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(prepared.proposal, null, 2)}\n`);
  const next =
    file === undefined
      ? 'Run it with --proposal FILE and pass the file to the other administrators.'
      : `Pass ${file} on: others sign it with \`salus network channel sign ${file}\`.`;
  return new CliError(
    { relayed: 'below-quorum' },
    `Nothing was sent: signed by ${signed}.\n${describeQuorum(quorum).join('\n')}`,
    { exit: EXIT.refused, next },
  );
}
