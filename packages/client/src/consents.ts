import type { Grantee, RequestTerms, Terms } from '@salus/contracts';
import { answer, backUp, type GrantChoice, type ListedKey, type Occasion, type PatientWallet } from '@salus/wallet';
import type { ApiClient } from './api-client.ts';
import { ClientError } from './client-error.ts';
import type { Committed, NodeSession } from './session.ts';

const REQUESTS_MAX = 200;

/** What somebody asked of a pid, in their own words. */
export interface PatientRequest {
  readonly asked: RequestTerms;
  readonly requester: string;
  readonly createdMs: number;
  readonly status: 'open' | 'granted' | 'partly' | 'declined';
}

/** The requests to a pid, newest first. */
export async function listRequests({ api, organisation, token }: NodeSession): Promise<readonly PatientRequest[]> {
  const path = `/api/v1/orgs/${organisation}/patient/requests`;
  const query = { limit: REQUESTS_MAX };
  const { requests } = await api.send<{ requests: readonly PatientRequest[] }>({ method: 'GET', path, query, token });
  return requests;
}

/** A grant as the ledger holds it now; its terms where the node knows them. */
export interface HeldGrant {
  readonly grant: string;
  readonly fact: {
    readonly kind: string;
    readonly status: string;
    readonly uses?: number;
    /** What the terms and salt of the grant open; absent where the ledger has only its end. */
    readonly commitment?: string;
    /** The time of its first call on the ledger. */
    readonly firstMs?: number;
  };
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
    const known = organisations.map(({ organisation: name }) => name).join(', ');
    throw new ClientError(
      'organisation-unknown',
      `${organisation} is not an active member of this network; members are ${known}.`,
    );
  }
  return member.hpke
    .filter((key) => key.holder === holder && (key.untilMs === null || nowMs < key.untilMs))
    .map(({ kid, publicKey }) => ({ kid, publicKey }));
}

/**
 * The grantee's live keys, to which a grant's keys and token are sealed: a system's own where it has some, else its organisation's. A card has none.
 *
 * @throws ClientError `recipient-unlisted`, `organisation-unknown`
 */
export async function recipientsOf(api: ApiClient, grantee: Grantee, nowMs: number): Promise<readonly ListedKey[]> {
  if (grantee.kind === 'card') return [];
  const { organisation } = grantee;
  const own = grantee.kind === 'client' ? await readListedKeys(api, organisation, { nowMs, holder: grantee.id }) : [];
  // An app has no key of its own: its organisation's node reads for it.
  const keys = own.length > 0 ? own : await readListedKeys(api, organisation, { nowMs, holder: 'organisation' });
  if (keys.length > 0) return keys;
  throw new ClientError('recipient-unlisted', `${grantee.organisation} lists no key to which you could seal.`);
}

/** A system of the organisation that keeps the records: its node holds the keys already, and gets none. */
export function isAtHome({ grantee }: Pick<GrantChoice, 'grantee'>, organisation: string): boolean {
  return grantee.kind === 'client' && grantee.organisation === organisation;
}

/**
 * Hands a token to the grantee's own node: it proves itself by the ledger, so nobody needs to log in there. A node that is not
 * that organisation's hands it on, in the session of the pid that granted: pages reach only the node that served them.
 */
export async function deliverToken(
  session: NodeSession,
  grantee: Grantee,
  { grant, token }: { readonly grant: string; readonly token: object },
): Promise<void> {
  if (grantee.kind === 'card') return;
  const { api } = session;
  try {
    await api.send({
      method: 'POST',
      path: `/api/v1/orgs/${grantee.organisation}/tokens`,
      body: { token },
      repeatable: true,
    });
  } catch (error) {
    if (!(error instanceof ClientError && error.code === 'not-found')) throw error;
    await api.send({
      method: 'POST',
      path: `/api/v1/orgs/${session.organisation}/patient/handed-on`,
      body: { grant, token },
      token: session.token,
      repeatable: true,
    });
  }
}

/** Hands the token of a grant to an app over to the app's own node, in the patient's session there: the app is this person's. */
export async function handOverToken({ api, organisation, token }: NodeSession, granted: object): Promise<void> {
  const path = `/api/v1/orgs/${organisation}/patient/tokens`;
  await api.send({ method: 'POST', path, body: { token: granted }, token, repeatable: true });
}

/** Hands a signed grant or narrowing to the author's node, with the keys that it seals. */
export async function submitGrant(
  { api, organisation, token }: NodeSession,
  prepared: {
    readonly call: unknown;
    readonly privateArgs: unknown;
    readonly seals?: readonly unknown[];
    /** The sealed list that a grant of kind `locate` opens. */
    readonly places?: unknown;
  },
): Promise<Committed> {
  const { call, privateArgs, seals = [], places } = prepared;
  return api.send<Committed>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/patient/grants`,
    body: { call, privateArgs, seals, ...(places === undefined ? {} : { places }) },
    token,
    repeatable: true,
  });
}

/** Signs and sends the answer to a request, with the sealed tokens of what was granted; the session is of the pid that was asked. */
export async function sendAnswer(
  { api, organisation, token }: NodeSession,
  wallet: PatientWallet,
  occasion: Occasion,
  {
    request,
    word,
    tokens,
  }: {
    readonly request: Pick<PatientRequest, 'asked'>;
    readonly word: 'granted' | 'partly' | 'declined';
    readonly tokens: readonly object[];
  },
): Promise<Committed> {
  const { pid, request: id } = request.asked;
  const { call } = await answer(wallet, occasion, { pid, request: id, answer: word });
  return api.send<Committed>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/patient/answers`,
    body: { call, tokens },
    token,
    repeatable: true,
  });
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
