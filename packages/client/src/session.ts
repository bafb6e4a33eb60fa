import {
  actingEntry,
  answerChallenge,
  delegation,
  type Occasion,
  type PatientWallet,
  type PreparedCall,
  type StaffWallet,
} from '@salus/wallet';
import type { ApiClient } from './api-client.ts';

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

/** The session of a member of staff; `nodeId` is the identity to which the person delegates. */
export interface StaffNodeSession extends NodeSession {
  readonly nodeId: string;
}

/** A member of staff at work: logged in, with the key that signs. */
export interface StaffAtWork {
  readonly session: StaffNodeSession;
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

/** Logs a member of staff in with account and password; neither signs anything. */
export async function logInStaff(
  api: ApiClient,
  {
    organisation,
    account,
    password,
  }: { readonly organisation: string; readonly account: string; readonly password: string },
): Promise<StaffNodeSession> {
  const { token, node } = await api.send<{ token: string; node: string }>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/login`,
    body: { account, password },
  });
  return { api: api.at(organisation), organisation, token, nodeId: node };
}

/** Logs a patient's device in, for one pid, an own or a ward's: the sessions of two pids have nothing in common. */
export async function logInPatient(api: ApiClient, wallet: PatientWallet, pid: string): Promise<NodeSession> {
  const { organisation, kid } = actingEntry(wallet.content, pid);
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

/** Runs `work` and ends the session, however `work` ends. */
export async function whileLoggedIn<T>(session: NodeSession, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // What went wrong is what the person must hear, not that the log-out went wrong as well.
    await logOut(session).catch(() => undefined);
    throw error;
  }
  await logOut(session);
  return result;
}

export async function logOut({ api, token }: Pick<NodeSession, 'api' | 'token'>): Promise<void> {
  await api.send({ method: 'POST', path: '/api/v1/logout', token });
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
export async function readState<T>({ api, token }: Pick<NodeSession, 'api' | 'token'>, key: string): Promise<T | null> {
  const { value } = await api.send<{ value: T | null }>({
    method: 'GET',
    path: '/api/v1/ledger/state',
    query: { key },
    token,
  });
  return value;
}

/** The network that a node serves; what is signed names it. */
export async function readNetwork(api: ApiClient): Promise<string> {
  return (await api.send<{ network: string }>({ method: 'GET', path: '/api/v1/network' })).network;
}
