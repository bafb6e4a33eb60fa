import type { OpenedTerms, SignedCall } from '@salus/contracts';
import type { SealedEnvelope } from '@salus/crypto';
import type { PairOpening } from '../vault-types.ts';
import type { ArrivedDispute } from './sent-dispute.ts';

/**
 * How organisations meet (DESIGN §5): in one process or over mutual TLS. Every argument and result is JSON, binary as
 * base64url. Each request is signed by the asking organisation's node, so that peers share no secret; each answer is
 * checked by the asker against its own view of the ledger before anything of it is shown.
 */
export interface ExchangePeer {
  /** Spends a reader's signed request and opens one session of at most 15 minutes; the same request again finds it. */
  open(request: PeerRequest<'open', OpenBody>): Promise<PeerAnswer<OpenResult>>;
  /** Everything that completeness rests on: pair openings, all trees of the granted pairs, all their leaves. */
  manifest(request: PeerRequest<'manifest', ManifestBody>): Promise<PeerAnswer<ManifestPage>>;
  /** Ciphertexts with wraps, salts and proofs. */
  fetch(request: PeerRequest<'fetch', FetchBody>): Promise<PeerAnswer<FetchResult>>;
  /** Organisation-owned records that a record released in this session references. */
  references(request: PeerRequest<'references', ReferencesBody>): Promise<PeerAnswer<FetchResult>>;
  /** One sealed piece of an attachment of a record that this session may read. */
  attachment(request: PeerRequest<'attachment', AttachmentBody>): Promise<PeerAnswer<AttachmentResult>>;
  /** The list of places that the patient sealed to the grantee of a locate grant. */
  places(request: PeerRequest<'places', OpenBody>): Promise<PeerAnswer<PlacesResult>>;
  /** What the patient states about records that this session may read. */
  disputes(request: PeerRequest<'disputes', DisputesBody>): Promise<PeerAnswer<DisputesResult>>;
  /** Passes a part of a grant on, by its holder's signed request. */
  delegate(request: PeerRequest<'delegate', DelegateBody>): Promise<PeerAnswer<DelegateResult>>;
  /** Hands over an order, result, prescription or task. The same delivery id again gives the same receipt. */
  deliver(request: PeerRequest<'deliver', DeliveryBody>): Promise<PeerAnswer<DeliveryReceipt>>;
  /** Hands on the token of a grant that a patient gave to the asked organisation, from a page that reaches only its own node. */
  handOn(request: PeerRequest<'handOn', HandOnBody>): Promise<PeerAnswer<HandOnResult>>;
}

export type ExchangeOperation = keyof ExchangePeer;
export const EXCHANGE_OPERATIONS: readonly ExchangeOperation[] = [
  ...(['open', 'manifest', 'fetch', 'references', 'attachment', 'places', 'disputes'] as const),
  ...(['delegate', 'deliver', 'handOn'] as const),
];

export const PEER_REQUEST_VERSION = 'salus:exchange:v1';

export interface PeerRequestPayload<Operation extends ExchangeOperation, Body> {
  readonly version: typeof PEER_REQUEST_VERSION;
  readonly alg: 'ES256';
  readonly network: string;
  readonly operation: Operation;
  readonly from: string;
  readonly to: string;
  /** Certified id of the asking node. */
  readonly node: string;
  readonly atMs: number;
  /** 128 random bits; the id under which both sides log the exchange. */
  readonly nonce: string;
  readonly body: Body;
}

/** `signature` is ES256 over the canonical payload by the node's enrolled key. */
export interface PeerRequest<Operation extends ExchangeOperation, Body> {
  readonly payload: PeerRequestPayload<Operation, Body>;
  readonly signature: string;
}

/** Refusals are values: `code` is a contract's code or one of `RecordsErrorCode`. */
export type PeerAnswer<Result> =
  | { readonly kind: 'ok'; readonly result: Result }
  | { readonly kind: 'refused'; readonly code: string };

export interface OpenBody {
  /** The reader's own signed `consent.useRequest`, `consent.locateRequest` or `consent.emergencyRequest`. */
  readonly request: SignedCall;
  /** Reader's certificate first, then its issuers, base64url of DER. */
  readonly chain: readonly string[];
  /** Of the grant that is used; null in an emergency without card. */
  readonly token: OpenedTerms | null;
  /** Terms of the grants that it was delegated from, parent first. */
  readonly ancestors: readonly OpenedTerms[];
  /** HPKE key of the reader's organisation (or client) that the E's are to be sealed to. */
  readonly recipientKid: string;
}

export interface OpenResult {
  /** Id of the reader's request: `call/<session>` on the ledger. */
  readonly session: string;
  readonly untilMs: number;
}

export interface ManifestBody {
  readonly session: string;
  /** From the page before; null for the first. */
  readonly after: string | null;
  /** Leaves of one page at most, but at least one whole tree; 1 to `MANIFEST_LEAVES_MAX`. */
  readonly limit: number;
}

export const MANIFEST_LEAVES_MAX = 5_000;

/** What a released leaf stands for. */
export interface ReleasedFacts {
  readonly recordId: string;
  readonly version: number;
  readonly ciphertextHash: string;
  readonly contentHash: string;
  readonly type: string;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
}

export interface ManifestLeaf {
  readonly leafHash: string;
  /** Absent: withheld by the terms, or no longer current. */
  readonly record?: ReleasedFacts;
}

/** One committed tree of one granted pair, with every leaf. */
export interface ManifestTree {
  readonly keyId: string;
  readonly callId: string;
  readonly leaves: readonly ManifestLeaf[];
}

export interface ManifestPage {
  /** On the first page: for every epoch with a table and every granted pair its opening; else empty. */
  readonly pairs: readonly PairOpening[];
  readonly trees: readonly ManifestTree[];
  readonly next: string | null;
}

export const FETCH_RECORDS_MAX = 100;

export interface FetchBody {
  readonly session: string;
  /** Record ids, 1 to `FETCH_RECORDS_MAX`. */
  readonly records: readonly string[];
  /** Keys whose envelope the reader has opened in this session. */
  readonly knownKeys: readonly string[];
  /** False where the reader has verified the manifest, which proves every leaf already. */
  readonly withProofs: boolean;
  /** A copy is to be kept: the terms must allow it, and the author's log says so. */
  readonly keep?: boolean;
}

/** One object with all that its receiver checks. */
export interface ReleasedRecord {
  readonly recordId: string;
  readonly version: number;
  readonly keyId: string;
  readonly callId: string;
  readonly leafIndex: number;
  readonly ciphertextHash: string;
  readonly contentHash: string;
  readonly proof: readonly string[];
  readonly ciphertext: string;
  readonly wrap: string;
  readonly salt: string;
}

export interface ReleasedKey {
  readonly keyId: string;
  readonly epoch: number;
  readonly recipientKid: string;
  readonly grant: string | null;
  readonly envelope: SealedEnvelope;
}

export interface RefusedRecord {
  readonly recordId: string;
  readonly code: string;
}

export interface FetchResult {
  readonly records: readonly ReleasedRecord[];
  readonly refused: readonly RefusedRecord[];
  readonly keys: readonly ReleasedKey[];
}

export const REFERENCES_MAX = 50;

export interface ReferencesBody {
  readonly session: string;
  /** The record whose text holds the references; released in this session before. */
  readonly from: string;
  /** `<type>/<FHIR id>`, 1 to `REFERENCES_MAX`. */
  readonly references: readonly string[];
  readonly knownKeys: readonly string[];
}

export interface AttachmentBody {
  readonly session: string;
  readonly recordId: string;
  readonly version: number;
  readonly attachmentId: string;
  /** Of `ATTACHMENT_PIECE_BYTES` of the sealed file, from 0. */
  readonly piece: number;
}

export interface AttachmentResult {
  readonly piece: string;
}

export interface PlacesResult {
  /** Sealed by the patient's wallet to the grantee's organisation. */
  readonly sealed: SealedEnvelope;
}

export interface DisputesBody {
  readonly session: string;
}

export interface DisputesResult {
  readonly disputes: readonly ArrivedDispute[];
}

export interface DelegateBody extends Omit<OpenBody, 'recipientKid'> {
  readonly token: OpenedTerms;
  readonly child: OpenedTerms;
}

export interface DelegateResult {
  readonly grant: string;
}

export type DeliveryKind = 'order' | 'result' | 'prescription' | 'task';
export const DELIVERY_KINDS: readonly DeliveryKind[] = ['order', 'result', 'prescription', 'task'];
/** Of the opened body: what one HPKE envelope holds. */
export const DELIVERY_BYTES_MAX = 1024 * 1024;

export interface DeliveryBody {
  readonly delivery: string;
  readonly kind: DeliveryKind;
  /** HPKE, info ["salus:delivery:v1", network, from, to, delivery, kind, recipient kid]. */
  readonly sealed: SealedEnvelope;
}

/** The receiver's word that a delivery is durable in its inbox; signed by its node over the canonical payload. */
export interface DeliveryReceipt {
  readonly payload: {
    readonly version: 'salus:receipt:v1';
    readonly alg: 'ES256';
    readonly network: string;
    readonly delivery: string;
    readonly from: string;
    readonly to: string;
    readonly node: string;
    /** hashTuple('delivery', sealed). */
    readonly digest: string;
    readonly atMs: number;
  };
  readonly signature: string;
}

export interface HandOnBody {
  /** Sealed by the patient's wallet to the asked organisation, and proved by the ledger: nobody is trusted for bringing it. */
  readonly sealed: SealedEnvelope;
}

export interface HandOnResult {
  readonly grant: string;
}
