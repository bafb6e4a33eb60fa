import type { DelegationPayload, Grantee, Purpose, RequestTerms, SignedCall, SignedDelegation } from '@salus/contracts';
import {
  canonicalBytes,
  fromBase64url,
  hashTuple,
  type Json,
  newNonce,
  randomBytes,
  type Signer,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { type Occasion, type PreparedCall, prepareCall } from './calls.ts';
import type { EmergencyCard } from './emergency-card.ts';
import type { GrantToken } from './grant-token.ts';

/** The longest delegation that contracts accept. */
const DELEGATION_MS = 12 * 3_600_000;

/** A member of staff: the key stays with the person, the certificate says whose it is. */
export interface StaffWallet {
  readonly network: string;
  readonly organisation: string;
  readonly id: string;
  readonly roles: readonly string[];
  readonly signer: Signer;
  /** DER in base64url, the person's own certificate first. */
  readonly chain: readonly string[];
}

/** What a reader hands to the author's node, which submits it as the private part of a call of its own. */
export interface ReaderRequest {
  readonly call: SignedCall;
  readonly chain: readonly string[];
}

/** A node's clock may run a little behind this device's. */
const CLOCK_SLACK_MS = 60_000;

/** Lets `delegate`, this organisation's node or an app, write records under the person's name for `forMs`, 12 hours at most. */
export async function delegation(
  wallet: StaffWallet,
  occasion: Occasion,
  {
    delegate,
    scope,
    forMs = DELEGATION_MS,
  }: { readonly delegate: string; readonly scope: readonly string[]; readonly forMs?: number },
): Promise<SignedDelegation> {
  const notBeforeMs = occasion.nowMs - CLOCK_SLACK_MS;
  const payload: DelegationPayload = {
    version: 'salus:delegation:v1',
    alg: 'ES256',
    network: occasion.network,
    user: wallet.id,
    delegate,
    scope,
    notBeforeMs,
    notAfterMs: Math.min(occasion.nowMs + forMs, notBeforeMs + DELEGATION_MS),
    nonce: newNonce(),
  };
  const signature = toBase64url(await wallet.signer.sign(canonicalBytes(payload as unknown as Json)));
  return { payload, signature };
}

/** Asks to use a grant: one such request opens one session. */
export async function useRequest(
  wallet: StaffWallet,
  occasion: Occasion,
  {
    token,
    purpose,
    categories,
  }: {
    readonly token: Pick<GrantToken, 'pid' | 'grant'>;
    readonly purpose: Purpose;
    readonly categories: readonly string[];
  },
): Promise<ReaderRequest> {
  return inner(wallet, occasion, 'useRequest', { pid: token.pid, grant: token.grant, purpose, categories });
}

/** Asks for the list of places that a grant of kind `locate` opens, once. */
export async function locateRequest(
  wallet: StaffWallet,
  occasion: Occasion,
  { token, purpose }: { readonly token: Pick<GrantToken, 'pid' | 'grant'>; readonly purpose: Purpose },
): Promise<ReaderRequest> {
  return inner(wallet, occasion, 'locateRequest', { pid: token.pid, grant: token.grant, purpose });
}

/** What a clinician asks of a patient; private, the ledger sees a commitment. */
export interface RequestText {
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  readonly purposes: readonly Purpose[];
  readonly notAfterMs: number | null;
  readonly text: string;
}

/** Asks the patient for access, addressed to the pid at the clinician's own organisation. */
export async function accessRequest(
  wallet: StaffWallet,
  occasion: Occasion,
  { pid, ...wanted }: RequestText & { readonly pid: string },
): Promise<PreparedCall & { readonly request: string }> {
  const request = toBase64url(randomBytes(16));
  const salt = toBase64url(randomBytes(32));
  const asked: RequestTerms = { version: 'salus:request:v1', network: occasion.network, pid, request, ...wanted };
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'consent',
      transaction: 'request',
      args: { pid, request, commitment: hashTuple('request', salt, asked as unknown as Json) },
      signer: `id:${wallet.id}`,
      privateValues: { asked: asked as unknown as Json, salt },
    },
    wallet.signer,
  );
  return { ...prepared, request };
}

export interface EmergencyNeed {
  readonly pid: string;
  /** The clinical role in which the person acts; the certificate must name it. */
  readonly role: string;
  /** One of the contract's `EMERGENCY_REASONS`. */
  readonly reason: string;
  /** For the patient and the review. */
  readonly text: string;
  /** At most eight hours ahead. */
  readonly untilMs: number;
  /** The patient's card; needed outside the organisation that keeps the pid's records. */
  readonly card: EmergencyCard | null;
}

/** Breaks the glass: the card's key, if there is one, signs this very request. */
export async function emergencyRequest(
  wallet: StaffWallet,
  occasion: Occasion,
  need: EmergencyNeed,
): Promise<ReaderRequest> {
  const { pid, role, reason, text, untilMs, card } = need;
  const nonce = newNonce();
  const signer = `id:${wallet.id}`;
  const shown =
    card === null ? null : { grant: card.grant, signature: await signCard(card, { signer, nonce, untilMs }) };
  return inner(wallet, occasion, 'emergencyRequest', { pid, role, reason, text, untilMs, card: shown }, nonce);
}

async function signCard(
  card: EmergencyCard,
  on: { readonly signer: string; readonly nonce: string; readonly untilMs: number },
): Promise<string> {
  const statement = hashTuple('card', card.network, card.pid, card.grant, on.signer, on.nonce, on.untilMs);
  return toBase64url(await signerFromPkcs8(fromBase64url(card.privateKey)).sign(utf8(statement)));
}

/** Judges an emergency access afterwards; `request` is the clinician's own signed one. */
export async function reviewEmergency(
  wallet: StaffWallet,
  occasion: Occasion,
  {
    pid,
    emergency,
    outcome,
    request,
    finding,
  }: {
    readonly pid: string;
    readonly emergency: string;
    readonly outcome: 'justified' | 'unjustified';
    readonly request: SignedCall;
    readonly finding: string;
  },
): Promise<PreparedCall> {
  const content = {
    contract: 'consent',
    transaction: 'review',
    args: { pid, emergency, outcome },
    signer: `id:${wallet.id}`,
    privateValues: { request: request as unknown as Json, finding },
  };
  return prepareCall(occasion, content, wallet.signer);
}

/** Signs any call of one's own: enrolment, a vote, a release. */
export async function staffCall(
  wallet: StaffWallet,
  occasion: Occasion,
  content: { readonly contract: string; readonly transaction: string; readonly args: { readonly [key: string]: Json } },
): Promise<PreparedCall> {
  return prepareCall(occasion, { ...content, signer: `id:${wallet.id}` }, wallet.signer);
}

async function inner(
  wallet: StaffWallet,
  occasion: Occasion,
  transaction: string,
  args: { readonly [key: string]: Json },
  nonce = newNonce(),
): Promise<ReaderRequest> {
  const content = { contract: 'consent', transaction, args, signer: `id:${wallet.id}`, nonce };
  const { call } = await prepareCall(occasion, content, wallet.signer);
  return { call, chain: wallet.chain };
}
