import {
  type IdentityFact,
  identityKey,
  type RevokedFact,
  type RootsFact,
  revokedKey,
  rootsKey,
} from '@salus/contracts';
import { canonicalBytes, fromBase64url, type Json, newNonce, toBase64url, verifyEs256 } from '@salus/crypto';
import type { LedgerView } from '../ledger-view.ts';
import { RecordsError } from '../records-error.ts';
import type { Clock, MemberSigner } from '../vault-types.ts';
import {
  type ExchangeOperation,
  PEER_REQUEST_VERSION,
  type PeerRequest,
  type PeerRequestPayload,
} from './exchange-peer.ts';

/** A request is refused when its clock is further off than this, in either direction. */
export const PEER_CLOCK_SKEW_MS = 120_000;
/** Nonces remembered; when it is full of fresh ones, requests are refused rather than replays let through. */
export const PEER_NONCES_MAX = 500_000;

export interface PeerSender {
  readonly network: string;
  readonly organisation: string;
  readonly node: MemberSigner;
  readonly clock: Clock;
}

/** A request of this organisation's node to another organisation. */
export async function signPeerRequest<Operation extends ExchangeOperation, Body>(
  sender: PeerSender,
  to: string,
  operation: Operation,
  body: Body,
): Promise<PeerRequest<Operation, Body>> {
  const payload: PeerRequestPayload<Operation, Body> = {
    version: PEER_REQUEST_VERSION,
    alg: 'ES256',
    network: sender.network,
    operation,
    from: sender.organisation,
    to,
    node: sender.node.id,
    atMs: sender.clock(),
    nonce: newNonce(),
    body,
  };
  const signature = await sender.node.signer.sign(canonicalBytes(payload as unknown as Json));
  return { payload, signature: toBase64url(signature) };
}

/** Checks requests that arrive at one organisation; remembers nonces, so that no request acts twice. */
export class PeerRequestGuard {
  readonly #network: string;
  readonly #organisation: string;
  readonly #ledger: LedgerView;
  readonly #clock: Clock;
  /** Two generations of nonces: the older is dropped whole when it can only hold lapsed ones. */
  #recent = new Set<string>();
  #older = new Set<string>();
  #turnedMs: number;

  constructor(options: { network: string; organisation: string; ledger: LedgerView; clock: Clock }) {
    this.#network = options.network;
    this.#organisation = options.organisation;
    this.#ledger = options.ledger;
    this.#clock = options.clock;
    this.#turnedMs = options.clock();
  }

  /**
   * The payload of a request that an active node of an active organisation signed for this organisation, now, and that
   * was not seen before. Else `signature-invalid`; `overloaded` when too many arrive to remember them.
   */
  async accept<Operation extends ExchangeOperation, Body>(
    request: PeerRequest<Operation, Body>,
    operation: Operation,
  ): Promise<PeerRequestPayload<Operation, Body>> {
    const { payload, signature } = request;
    const nowMs = this.#clock();
    const meant =
      payload.version === PEER_REQUEST_VERSION &&
      payload.alg === 'ES256' &&
      payload.network === this.#network &&
      payload.to === this.#organisation &&
      payload.operation === operation &&
      Math.abs(payload.atMs - nowMs) <= PEER_CLOCK_SKEW_MS;
    if (!meant) throw new RecordsError('signature-invalid', 'the request is not for here and now');
    const publicKey = await findNodeKey(this.#ledger, payload.from, payload.node, nowMs);
    if (publicKey === undefined || !isSigned(payload as unknown as Json, signature, publicKey)) {
      throw new RecordsError('signature-invalid', 'the request is not signed by a node of its organisation');
    }
    this.#spend(`${payload.from}/${payload.nonce}`, nowMs);
    return payload;
  }

  #spend(nonce: string, nowMs: number): void {
    // A request lives from skew before to skew after now: a generation of twice that outlives all that it holds.
    if (nowMs - this.#turnedMs > 2 * PEER_CLOCK_SKEW_MS) {
      this.#older = this.#recent;
      this.#recent = new Set();
      this.#turnedMs = nowMs;
    }
    if (this.#recent.has(nonce) || this.#older.has(nonce)) {
      throw new RecordsError('signature-invalid', 'the request was answered before');
    }
    if (this.#recent.size >= PEER_NONCES_MAX) throw new RecordsError('overloaded', 'too many requests to remember');
    this.#recent.add(nonce);
  }
}

/** The key of an enrolled, unrevoked node of an active organisation, or undefined. */
export async function findNodeKey(
  ledger: LedgerView,
  organisation: string,
  id: string,
  atMs: number,
): Promise<string | undefined> {
  const [identity, roots, revoked] = await Promise.all([
    ledger.get(identityKey(id)) as Promise<IdentityFact | undefined>,
    ledger.get(rootsKey(organisation)) as Promise<RootsFact | undefined>,
    ledger.get(revokedKey(organisation)) as Promise<RevokedFact | undefined>,
  ]);
  const active =
    identity !== undefined &&
    identity.kind === 'node' &&
    identity.organisation === organisation &&
    identity.status === 'active' &&
    identity.notBeforeMs <= atMs &&
    atMs <= identity.notAfterMs &&
    roots?.status === 'active' &&
    revoked?.some(([revokedId]) => revokedId === id) === false;
  return active ? identity.publicKey : undefined;
}

/** True when `signature` (base64url) is the key's over the canonical value. */
export function isSigned(value: Json, signature: string, publicKey: string): boolean {
  try {
    return verifyEs256(publicKey, canonicalBytes(value), fromBase64url(signature));
  } catch {
    return false; // A value without canonical form, or a malformed signature, was signed by nobody.
  }
}
