import {
  type HpkeKeyFact,
  isLive,
  type OpenedTerms,
  type RootsFact,
  rootsKey,
  type SessionFact,
  type SignedCall,
  sessionKey,
} from '@salus/contracts';
import type { Json } from '@salus/crypto';
import type { EmergencyBook } from '../emergencies.ts';
import { KeyedLocks } from '../keyed-locks.ts';
import { idOfCall, type NodeCall, type NodeIdentity, signNodeCall } from '../node-call.ts';
import { RecordsError } from '../records-error.ts';
import type { DelegateBody, OpenBody, OpenResult } from './exchange-peer.ts';
import type { GatewaySession, GatewaySessions, Reader } from './gateway-session.ts';

/** A session's row is removed this long after the ledger would have ended it at latest. */
const SESSION_ROW_MS = 9 * 60 * 60_000;

export interface SubmittingLedger {
  get(key: string): Promise<Json | undefined>;
  submit(
    call: SignedCall,
    privateArgs?: { readonly salt: string; readonly values: { readonly [key: string]: Json } },
  ): Promise<
    { readonly kind: 'committed'; readonly result: Json } | { readonly kind: 'refused'; readonly code: string }
  >;
}

export interface OpenParts extends NodeIdentity {
  readonly ledger: SubmittingLedger;
  readonly sessions: GatewaySessions;
  readonly emergencies: EmergencyBook;
  /** Reads who a chain certifies, for an organisation's own authorities; undefined when it does not verify. */
  findReader(organisation: string, chain: readonly string[], atMs: number): Promise<Reader | undefined>;
}

/** What a reader's request says, as far as the door needs it; the contract checks every field. */
export interface RequestedAccess {
  readonly session: string;
  readonly transaction: string;
  readonly pid: string;
  readonly purpose: string;
  readonly categories: readonly string[] | null;
  readonly emergencyUntilMs: number | null;
}

const locks = new KeyedLocks();

/**
 * Spends a reader's signed request on the ledger, in the node's name, and so opens one session. The session's row is
 * durable first: after a crash in between, the same request finds it. Contract refusals throw `ledger-refused` with the
 * contract's code as detail.
 */
export async function openSession(parts: OpenParts, from: string, body: OpenBody): Promise<OpenResult> {
  const asked = readRequest(body.request);
  const release = await locks.acquire([asked.session]);
  try {
    const spent = (await parts.ledger.get(sessionKey(asked.session))) as SessionFact | undefined;
    if (spent !== undefined) return await findOpened(parts, from, asked.session, spent);
    const session = await prepareSession(parts, { from, body, asked });
    await parts.sessions.put(session);
    if (session.emergency) await noteEmergency(parts, session);
    try {
      await spend(parts, asked.emergencyUntilMs === null ? useCall(body, asked) : emergencyCall(body, asked));
    } catch (error) {
      if (error instanceof RecordsError) await parts.sessions.remove(asked.session);
      const isRefused = error instanceof RecordsError && error.code === 'ledger-refused';
      if (session.emergency && isRefused) await parts.emergencies.remove(asked.pid, asked.session);
      throw error;
    }
    const fact = (await parts.ledger.get(sessionKey(asked.session))) as SessionFact | undefined;
    if (fact === undefined) throw new RecordsError('ledger-unavailable', 'the session is not in the state yet');
    return { session: asked.session, untilMs: fact.session.untilMs };
  } finally {
    release();
  }
}

/** Whoever reviews it finds it, whatever becomes of this process. */
async function noteEmergency({ emergencies, clock }: OpenParts, session: GatewaySession): Promise<void> {
  const { pid, reader, request } = session;
  await emergencies.add({ pid, emergency: session.session, openedMs: clock(), reader, request });
}

/** Opens a locate session, whose only content is the sealed list: nothing stays open. */
export async function openPlaces(
  parts: OpenParts,
  body: OpenBody,
): Promise<{ readonly pid: string; readonly grant: string }> {
  const asked = readRequest(body.request);
  if (body.token === null) throw new RecordsError('bad-input', 'a list of places needs its grant');
  const { pid, grant } = body.token.terms;
  await spend(parts, {
    transaction: 'consent.locate',
    args: { pid, grant, request: asked.session },
    values: holderValues(body, body.token),
  });
  return { pid, grant };
}

/** Passes a part of a grant on. */
export async function submitDelegation(parts: OpenParts, body: DelegateBody, commitment: string): Promise<void> {
  const { child, token } = body;
  await spend(parts, {
    transaction: 'consent.delegate',
    args: {
      pid: token.terms.pid,
      parent: token.terms.grant,
      grant: child.terms.grant,
      commitment,
      request: idOfCall(body.request),
    },
    values: { ...holderValues(body, token), child: child as unknown as Json, seals: [] },
  });
}

/** The request's own words; `bad-input` where the door could not even name it. */
export function readRequest(request: SignedCall): RequestedAccess {
  const { payload } = request;
  const { pid, purpose, categories, untilMs } = payload.args as {
    readonly pid?: Json;
    readonly purpose?: Json;
    readonly categories?: Json;
    readonly untilMs?: Json;
  };
  if (typeof pid !== 'string') throw new RecordsError('bad-input', 'the request names no pid');
  const transaction = `${payload.contract}.${payload.transaction}`;
  return {
    session: idOfCall(request),
    transaction,
    pid,
    // HL7 v3 ActReason: emergency treatment, where the request has no purpose field of its own.
    purpose: typeof purpose === 'string' ? purpose : 'ETREAT',
    categories: Array.isArray(categories) ? (categories as string[]) : null,
    emergencyUntilMs: transaction === 'consent.emergencyRequest' ? Number(untilMs) : null,
  };
}

async function prepareSession(
  parts: OpenParts,
  { from, body, asked }: { readonly from: string; readonly body: OpenBody; readonly asked: RequestedAccess },
): Promise<GatewaySession> {
  const nowMs = parts.clock();
  const reader = await parts.findReader(from, body.chain, nowMs);
  // The certificate decides whose reader it is: no organisation reads with another's request.
  if (reader === undefined) throw refusedBy('certificate-invalid');
  const recipient = await findRecipient(parts, from, body.recipientKid, reader.id);
  if (recipient === undefined) throw refusedBy('seal-recipient');
  const emergency = asked.emergencyUntilMs !== null;
  if (!emergency && body.token === null) throw refusedBy('grant-unknown');
  if (body.token !== null && body.token.terms.pid !== asked.pid) throw refusedBy('request-mismatch');
  return {
    session: asked.session,
    pid: asked.pid,
    reader,
    grant: body.token?.terms.grant ?? null,
    emergency,
    opened: body.token === null ? [] : [body.token, ...body.ancestors],
    categories: emergency ? null : asked.categories,
    purpose: asked.purpose,
    recipient,
    request: body.request,
    untilMs: nowMs + SESSION_ROW_MS,
  };
}

/** Seals go only to keys that the ledger lists for the reader's organisation, or for the client that reads. */
async function findRecipient(
  parts: OpenParts,
  organisation: string,
  kid: string,
  reader: string,
): Promise<HpkeKeyFact | undefined> {
  const roots = (await parts.ledger.get(rootsKey(organisation))) as RootsFact | undefined;
  return roots?.hpke.find(
    (key) => key.kid === kid && (key.holder === 'organisation' || key.holder === reader) && isLive(key, parts.clock()),
  );
}

/** A request that was spent: its own organisation finds the session again, anybody else is told that it is spent. */
async function findOpened(parts: OpenParts, from: string, id: string, fact: SessionFact): Promise<OpenResult> {
  const session = await parts.sessions.find(id);
  const isOwn = session !== undefined && session.reader.organisation === from && fact.session !== undefined;
  if (!isOwn) throw refusedBy('request-used');
  if (parts.clock() >= fact.session.untilMs) throw refusedBy('request-used');
  return { session: id, untilMs: fact.session.untilMs };
}

function useCall(body: OpenBody, asked: RequestedAccess): NodeCall {
  const { token } = body;
  if (token === null) throw refusedBy('grant-unknown');
  return {
    transaction: 'consent.use',
    args: { pid: asked.pid, grant: token.terms.grant, request: asked.session },
    values: holderValues(body, token),
  };
}

function emergencyCall(body: OpenBody, asked: RequestedAccess): NodeCall {
  return {
    transaction: 'consent.emergency',
    args: {
      pid: asked.pid,
      request: asked.session,
      untilMs: asked.emergencyUntilMs,
      card: body.token?.terms.grant ?? null,
    },
    values: { request: body.request as unknown as Json, chain: body.chain, card: body.token as unknown as Json },
  };
}

function holderValues(
  body: Pick<OpenBody, 'request' | 'chain' | 'ancestors'>,
  token: OpenedTerms,
): { readonly [key: string]: Json } {
  return {
    request: body.request as unknown as Json,
    chain: body.chain,
    terms: token.terms as unknown as Json,
    salt: token.salt,
    ancestors: body.ancestors as unknown as Json,
  };
}

async function spend(parts: OpenParts, call: NodeCall): Promise<void> {
  const signed = await signNodeCall(parts, call);
  const outcome = await parts.ledger.submit(signed.call, signed.privateArgs);
  if (outcome.kind === 'refused') throw refusedBy(outcome.code);
}

function refusedBy(code: string): RecordsError {
  return new RecordsError('ledger-refused', `the request opens nothing: ${code}`, { detail: code });
}
