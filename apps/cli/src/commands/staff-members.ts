import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { readState, type StaffAtWork, submitCall } from '@salus/client';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { CryptoError, type Json, parseJson } from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { type Command, InvalidArgumentError } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';
import { unmark } from '../words.ts';

const APPLICATION_VERSION = 'salus:application:v1';
const FILE_BYTES_MAX = 256 * 1024;
const PROPOSALS_PAGE = 200;
const PROPOSALS_PAGES_MAX = 50;

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

/** What an organisation that wants to join hands over; everything in it is public. */
interface Application {
  readonly network: string;
  readonly organisation: string;
  readonly application: { readonly [name: string]: Json };
  readonly signature: string;
}

export interface Decided {
  readonly proposal: string;
  readonly status: 'open' | 'applied' | 'rejected';
}

/** What the members decide together, by the signatures of their administrators. */
export function addMemberCommands(staff: Command, act: Act): void {
  addAdmit(staff, act);
  addProposals(staff, act);
  addVote(staff, act);
}

function addAdmit(staff: Command, act: Act): void {
  const command = staff
    .command('admit')
    .argument('<file>', 'the application that the other organisation handed over')
    .description(
      'As administrator: propose that an organisation joins, with your vote for it. More than half of the members decide; its node goes on by itself then.',
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example = 'salus staff admit application.json --as hospital-a.admin';
  act<StaffOptions>(command, example, async (context, options, [file = '']) => {
    const { organisation, ...decided } = await admitApplicant(context, options, file);
    context.terminal.result(describe(decided, organisation), { organisation, ...decided });
    return EXIT.ok;
  });
}

/** Proposes the applicant of a file, with the administrator's own vote for it. */
export async function admitApplicant(
  context: CommandContext,
  options: StaffOptions,
  file: string,
): Promise<Decided & { readonly organisation: string; readonly block: number }> {
  const path = resolve(context.workingDirectory, file);
  const { network, organisation, application, signature } = readApplication(path);
  const decided = await asAdministrator(context, options, (administrator) => {
    if (administrator.wallet.network !== network) {
      throw new CliError('bad-file', `${path} applies to another network than yours.`);
    }
    return call(administrator, 'proposeJoin', { application, signature });
  });
  return { organisation, ...decided };
}

/** An administrator's vote on an open proposal. */
export function voteOn(
  context: CommandContext,
  options: StaffOptions,
  vote: { readonly proposal: string; readonly approve: boolean },
): Promise<Decided & { readonly block: number }> {
  return asAdministrator(context, options, (administrator) => call(administrator, 'vote', vote));
}

function addVote(staff: Command, act: Act): void {
  interface Options extends StaffOptions {
    readonly reject?: boolean;
  }
  const command = staff
    .command('vote')
    .argument('<proposal>', 'as `salus staff proposals` lists it', proposalId)
    .description('As administrator: your organisation’s vote on what another member proposed.')
    .option('--reject', 'vote against it')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<Options>(command, 'salus staff vote 1bTz… --as hospital-b.admin', async (context, options, [proposal = '']) => {
    const approve = options.reject !== true;
    const decided = await voteOn(context, options, { proposal, approve });
    context.terminal.result(describe(decided, 'the proposal'), { ...decided });
    return EXIT.ok;
  });
}

interface Proposal {
  readonly proposer: string;
  readonly proposedMs: number;
  readonly notAfterMs: number;
  readonly status: Decided['status'];
  readonly effect: {
    readonly kind: 'join' | 'roots' | 'removal' | 'move';
    readonly organisation?: string;
    readonly applicant?: { readonly organisation: string };
  };
}

function addProposals(staff: Command, act: Act): void {
  interface Options extends StaffOptions {
    readonly all?: boolean;
  }
  const command = staff
    .command('proposals')
    .description('What the members have to decide, and how your organisation voted.')
    .option('--all', 'decided ones too')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<Options>(command, 'salus staff proposals --as hospital-b.admin', async (context, options) => {
    const proposals = await asStaff(context, options, async (person) => {
      const listed = await listProposals(person);
      const shown = listed.filter(({ status }) => options.all === true || status === 'open');
      return Promise.all(
        shown.map(async (proposal) => {
          const key = `membership/vote/${proposal.proposal}/${person.wallet.organisation}`;
          const vote = await readState<{ readonly approve: boolean }>(person.session, key);
          return { ...proposal, voted: vote === null ? null : vote.approve };
        }),
      );
    });
    const rows = proposals.map(({ proposal, proposer, effect, status, notAfterMs, voted }) => [
      proposal,
      `${effect.kind} ${effect.applicant?.organisation ?? effect.organisation ?? ''}`.trim(),
      proposer,
      status,
      when(notAfterMs),
      voted === null ? 'not yet' : voted ? 'for' : 'against',
    ]);
    const text =
      rows.length === 0
        ? 'There is nothing to decide.'
        : table(['proposal', 'what', 'proposed by', 'status', 'until', 'your vote'], rows);
    context.terminal.result(text, { proposals });
    return EXIT.ok;
  });
}

async function listProposals({
  session: { api, token },
}: StaffAtWork): Promise<readonly (Proposal & { readonly proposal: string })[]> {
  const prefix = 'membership/proposal/';
  const listed: (Proposal & { readonly proposal: string })[] = [];
  let after: string | undefined;
  for (let page = 0; page < PROPOSALS_PAGES_MAX; page += 1) {
    const { entries, next } = await api.send<{
      readonly entries: readonly { readonly key: string; readonly value: Proposal }[];
      readonly next: string | null;
    }>({ method: 'GET', path: '/api/v1/ledger/entries', query: { prefix, after, limit: PROPOSALS_PAGE }, token });
    listed.push(...entries.map(({ key, value }) => ({ ...value, proposal: key.slice(prefix.length) })));
    if (next === null) break;
    after = next;
  }
  return listed;
}

async function call(
  { session, wallet, occasion }: StaffAtWork,
  transaction: string,
  args: { readonly [name: string]: Json },
): Promise<Decided & { readonly block: number }> {
  const prepared = await staffCall(wallet, occasion, { contract: 'membership', transaction, args });
  const { result, block } = await submitCall(session.api, session.organisation, prepared);
  return { ...(result as Decided), block };
}

function asAdministrator<T>(
  context: CommandContext,
  options: StaffOptions,
  work: (administrator: StaffAtWork) => Promise<T>,
): Promise<T> {
  return asStaff(context, options, (person) => {
    if (person.wallet.roles.includes(ADMINISTRATOR_ROLE)) return work(person);
    const next = 'Use the wallet of an administrator: --as WALLET.';
    throw new CliError('not-permitted', 'This is for administrators.', { exit: EXIT.denied, next });
  });
}

function describe({ proposal, status }: Decided, what: string): string {
  switch (status) {
    case 'applied':
      return `Decided: ${what} is in effect.`;
    case 'rejected':
      return `Decided: ${what} is rejected.`;
    case 'open':
      return `Your vote is on the ledger. The others vote with: salus staff vote ${proposal}`;
  }
}

function readApplication(file: string): Application {
  const bad = (cause?: unknown): CliError => new CliError('bad-file', `${file} is no application to join.`, { cause });
  if (!existsSync(file) || statSync(file).size > FILE_BYTES_MAX) throw bad();
  try {
    const parsed = parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 8 });
    const value = (parsed ?? {}) as unknown as Partial<Application> & { readonly version?: unknown };
    const { version, network, organisation, application, signature } = value;
    const texts = [network, organisation, signature];
    if (version === APPLICATION_VERSION && texts.every((text) => typeof text === 'string') && isObject(application)) {
      return value as Application;
    }
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw bad(cause);
  }
  throw bad();
}

/** The id of the call that proposed it. */
function proposalId(value: string): string {
  const word = unmark(value);
  if (!/^[A-Za-z0-9_-]{43}$/.test(word)) throw new InvalidArgumentError('It has 43 letters, digits, - or _.');
  return word;
}

function isObject(value: unknown): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
