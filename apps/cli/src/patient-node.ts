import type { RequestTerms, Terms } from '@salus/contracts';
import { backUp, type KeyEnvelope, type ListedKey, type PatientWallet, type PidEntry } from '@salus/wallet';
import { patientWalletOf } from '@salus/wallet/node';
import type { ApiClient } from './api-client.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { EXIT } from './exit-codes.ts';
import { asPatient, type NodeSession } from './node-session.ts';
import { type OpenWallet, openPatient, type PatientStored } from './wallet-files.ts';

const PAGE = 500;
const PAGES_MAX = 2_000;

/** A patient's wallet at hand, with the file that it is kept in. */
export interface PatientAtHome {
  readonly opened: OpenWallet<PatientStored>;
  readonly wallet: PatientWallet;
  /** The pids that a command is about. */
  readonly pids: readonly PidEntry[];
}

export interface PatientOptions {
  readonly wallet?: string;
  /** Only the pid at this organisation. */
  readonly at?: string;
}

/** Opens a patient's wallet and chooses its pids. @throws CliError `no-pid` where the wallet has none there. */
export async function openPatientAtHome(context: CommandContext, options: PatientOptions): Promise<PatientAtHome> {
  const opened = await openPatient(context, options.wallet);
  const { at } = options;
  const all = opened.stored.content.pids;
  const pids = at === undefined ? all : all.filter(({ organisation }) => organisation === at);
  if (pids.length === 0) {
    const known = all.map(({ organisation }) => organisation).join(', ');
    const next = known === '' ? 'Claim a slip first: `salus patient claim`.' : `It has pids at: ${known}.`;
    throw new CliError('no-pid', `The wallet has no pid${at === undefined ? '' : ` at ${at}`}.`, { next });
  }
  return { opened, wallet: patientWalletOf(opened.stored), pids };
}

/** The one pid that a command needs. @throws CliError `pid-not-named` where there are several. */
export function onlyPid({ pids }: PatientAtHome): PidEntry {
  const [only] = pids;
  if (only === undefined || pids.length > 1) {
    const known = pids.map(({ organisation }) => organisation).join(', ');
    throw new CliError('pid-not-named', 'The wallet has several pids.', { next: `Name one with --at: ${known}.` });
  }
  return only;
}

/** Runs `work` once for each pid, each in a session of its own. */
export async function forEachPid<T>(
  { api }: CommandContext,
  { wallet, pids }: PatientAtHome,
  work: (session: NodeSession, entry: PidEntry) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const entry of pids) {
    results.push(await asPatient(api, wallet, entry.pid, (session) => work(session, entry)));
  }
  return results;
}

/** One of a patient's records, without its content. */
export interface ListedRecord {
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  readonly category: string;
  readonly labelClass: string;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
}

export async function listOwnRecords({ api, organisation, token }: NodeSession): Promise<readonly ListedRecord[]> {
  const records: ListedRecord[] = [];
  let after: string | null | undefined;
  for (let page = 0; after !== null; page += 1) {
    if (page >= PAGES_MAX) throw new CliError('too-many-records', 'There are more records than this command lists.');
    const answer: { records: readonly ListedRecord[]; next: string | null } = await api.send({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/patient/records`,
      query: { after, limit: PAGE },
      token,
    });
    records.push(...answer.records);
    after = answer.next;
  }
  return records;
}

/** Every E of the patient's records that the node holds, sealed to this device. */
export async function readKeys({ api, organisation, token }: NodeSession): Promise<readonly KeyEnvelope[]> {
  const path = `/api/v1/orgs/${organisation}/patient/keys`;
  const { keys } = await api.send<{ keys: readonly KeyEnvelope[] }>({ method: 'GET', path, token });
  return keys;
}

/** What somebody asked of a pid, in their own words. */
export interface PatientRequest {
  readonly asked: RequestTerms;
  readonly requester: string;
  readonly createdMs: number;
  readonly status: 'open' | 'granted' | 'partly' | 'declined';
}

export async function listRequests({ api, organisation, token }: NodeSession): Promise<readonly PatientRequest[]> {
  const path = `/api/v1/orgs/${organisation}/patient/requests`;
  const query = { limit: 200 };
  const { requests } = await api.send<{ requests: readonly PatientRequest[] }>({ method: 'GET', path, query, token });
  return requests;
}

/** A grant as the ledger holds it now; its terms where the node knows them. */
export interface HeldGrant {
  readonly grant: string;
  readonly fact: { readonly kind: string; readonly status: string; readonly uses?: number };
  readonly terms: Terms | null;
}

export interface HeldEmergency {
  readonly request: string;
  readonly fact: { readonly untilMs: number; readonly status: string; readonly outcome?: string };
}

export async function listGrants({
  api,
  organisation,
  token,
}: NodeSession): Promise<{ readonly grants: readonly HeldGrant[]; readonly emergencies: readonly HeldEmergency[] }> {
  return api.send({ method: 'GET', path: `/api/v1/orgs/${organisation}/patient/grants`, token });
}

/** A member's live keys of its organisation (or of one of its clients), as the network lists them. */
export async function readListedKeys(
  api: ApiClient,
  organisation: string,
  { nowMs, holder = 'organisation' }: { readonly nowMs: number; readonly holder?: string },
): Promise<readonly ListedKey[]> {
  interface Key extends ListedKey {
    readonly holder: string;
    readonly fromMs: number;
    readonly untilMs: number | null;
  }
  const { organisations } = await api.send<{
    readonly organisations: readonly {
      readonly organisation: string;
      readonly status: string;
      readonly hpke: readonly Key[];
    }[];
  }>({ method: 'GET', path: '/api/v1/network' });
  const member = organisations.find((known) => known.organisation === organisation);
  if (member?.status !== 'active') {
    throw new CliError('organisation-unknown', `${organisation} is not a member of this network.`, {
      exit: EXIT.refused,
      next: `Members: ${organisations.map((known) => known.organisation).join(', ')}.`,
    });
  }
  return member.hpke
    .filter((key) => key.holder === holder && (key.untilMs === null || nowMs < key.untilMs))
    .map(({ kid, publicKey }) => ({ kid, publicKey }));
}

/** Leaves the wallet's backup with the node, sealed under a key that only the recovery code opens. */
export async function putBackup({ api, organisation, token }: NodeSession, wallet: PatientWallet): Promise<void> {
  await api.send({
    method: 'PUT',
    path: `/api/v1/orgs/${organisation}/patient/backup`,
    body: { backup: await backUp(wallet) },
    token,
    repeatable: true,
  });
}

/** Keeps a changed wallet in its file, then its backup with the node; that the latter failed is said, not thrown. */
export async function keepWallet(
  { terminal }: CommandContext,
  opened: OpenWallet<PatientStored>,
  { wallet, session }: { readonly wallet: PatientWallet; readonly session: NodeSession },
): Promise<void> {
  await opened.save({ ...opened.stored, content: wallet.content });
  try {
    await putBackup(session, wallet);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    terminal.say(
      `The wallet is saved here, but its backup at the node is not: run \`salus patient backup\` (${error.code}).`,
    );
  }
}
