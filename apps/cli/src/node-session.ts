import {
  answerChallenge,
  delegation,
  type Occasion,
  type PatientWallet,
  type PreparedCall,
  pidEntry,
  type StaffWallet,
} from '@salus/wallet';
import { patientWalletOf, staffWalletOf } from '@salus/wallet/node';
import type { ApiClient } from './api-client.ts';
import type { CommandContext } from './command-context.ts';
import { readSecret } from './passphrase.ts';
import {
  foundedCredential,
  type OpenWallet,
  openStaff,
  openWallet,
  type StaffStored,
  walletName,
} from './wallet-files.ts';

/** The scope of a delegation for writing records. */
export const WRITING_SCOPE = [
  'record.commit',
  'record.correct',
  'record.tombstone',
  'record.move',
  'patient.merge',
  'patient.unmerge',
  'patient.register',
  'patient.reissueClaim',
] as const;

/** A person logged in at one organisation of a node. */
export interface NodeSession {
  readonly api: ApiClient;
  readonly organisation: string;
  readonly token: string;
}

/** A member of staff at work: logged in, with the key that signs. */
export interface StaffAtWork {
  readonly session: NodeSession & { readonly nodeId: string };
  readonly wallet: StaffWallet;
  readonly occasion: Occasion;
}

/** What a node answers for a committed call. */
export interface Committed {
  readonly callId: string;
  readonly block: number;
  readonly index: number;
  readonly timestampMs: number;
  readonly result: unknown;
}

/** Logs a member of staff in, lets `work` run and ends the session, however `work` ends. */
export async function asStaff<T>(
  context: CommandContext,
  options: { readonly wallet?: string | undefined; readonly account?: string | undefined },
  work: (staff: StaffAtWork) => Promise<T>,
): Promise<T> {
  const opened = await openStaff(context, options.wallet);
  const session = await logInStaff(context, opened, options.account);
  const wallet = staffWalletOf(opened.stored);
  const occasion = { network: wallet.network, nowMs: context.nowMs() };
  return whileLoggedIn(session, () => work({ session, wallet, occasion }));
}

/** Logs anybody in, for what the ledger shows to every member and patient. */
export async function asAnybody<T>(
  context: CommandContext,
  wallet: string | undefined,
  work: (session: NodeSession) => Promise<T>,
): Promise<T> {
  const { file, stored } = await openWallet(context, wallet);
  if (stored.kind === 'staff') {
    const session = await logInStaff(context, { file, stored }, undefined);
    return whileLoggedIn(session, () => work(session));
  }
  const patient = patientWalletOf(stored);
  const [first] = stored.content.pids;
  const session = await logInPatient(context.api, patient, first?.pid ?? '');
  return whileLoggedIn(session, () => work(session));
}

/** Logs a patient's device in, for one pid: the sessions of two pids have nothing in common. */
export async function logInPatient(api: ApiClient, wallet: PatientWallet, pid: string): Promise<NodeSession> {
  const { organisation, kid } = pidEntry(wallet.content, pid);
  const path = `/api/v1/orgs/${organisation}/patient`;
  const { challenge } = await api.send<{ challenge: string }>({
    method: 'POST',
    path: `${path}/challenge`,
    body: { pid, kid },
    repeatable: true,
  });
  const { signature } = await answerChallenge(wallet, { pid, challenge });
  const body = { pid, kid, challenge, signature };
  const { token } = await api.send<{ token: string }>({ method: 'POST', path: `${path}/login`, body });
  return { api: api.at(organisation), organisation, token };
}

/** Runs `work` as one pid of a patient and ends the session afterwards. */
export async function asPatient<T>(
  api: ApiClient,
  wallet: PatientWallet,
  pid: string,
  work: (session: NodeSession) => Promise<T>,
): Promise<T> {
  const session = await logInPatient(api, wallet, pid);
  return whileLoggedIn(session, () => work(session));
}

/** Lets the node write under the person's name within this session; the person's own key signs that. */
export async function delegateToNode({ session, wallet, occasion }: StaffAtWork): Promise<void> {
  const signed = await delegation(wallet, occasion, { delegate: session.nodeId, scope: WRITING_SCOPE });
  await session.api.send({
    method: 'POST',
    path: `/api/v1/orgs/${session.organisation}/delegations`,
    token: session.token,
    body: { delegation: signed },
  });
}

/** Hands a signed call to the node of its organisation. The call's id makes a second try harmless. */
export async function submitCall(
  api: ApiClient,
  organisation: string,
  { call, privateArgs }: PreparedCall,
): Promise<Committed> {
  return api.send<Committed>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/calls`,
    body: { call, ...(privateArgs === null ? {} : { privateArgs }) },
    repeatable: true,
  });
}

/** The value of a key of the world state, null where there is none. */
export async function readState<T>({ api, token }: NodeSession, key: string): Promise<T | null> {
  const { value } = await api.send<{ value: T | null }>({
    method: 'GET',
    path: '/api/v1/ledger/state',
    query: { key },
    token,
  });
  return value;
}

async function logInStaff(
  context: CommandContext,
  { file, stored }: Pick<OpenWallet<StaffStored>, 'file' | 'stored'>,
  named: string | undefined,
): Promise<NodeSession & { readonly nodeId: string }> {
  const { api, terminal, passwordFile } = context;
  const known = foundedCredential(context, file);
  const account = named ?? known?.account ?? walletName(file);
  const { organisation } = stored;
  const password =
    (passwordFile === undefined ? known?.password : undefined) ??
    (await readSecret(terminal, `Password of ${account} at ${organisation}: `, passwordFile));
  const { token, node } = await api.send<{ token: string; node: string }>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/login`,
    body: { account, password },
  });
  return { api: api.at(organisation), organisation, token, nodeId: node };
}

async function whileLoggedIn<T>({ api, token }: NodeSession, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // What went wrong is what the person must hear, not that the log-out went wrong as well.
    await logOut(api, token).catch(() => undefined);
    throw error;
  }
  await logOut(api, token);
  return result;
}

async function logOut(api: ApiClient, token: string): Promise<void> {
  await api.send({ method: 'POST', path: '/api/v1/logout', token });
}
