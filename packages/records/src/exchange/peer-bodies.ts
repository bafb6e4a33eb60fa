import { DELEGATION_DEPTH_MAX } from '@salus/contracts';
import { CryptoError, type Json, parseSignedCall } from '@salus/crypto';
import { RecordsError } from '../records-error.ts';
import { type ExchangeOperation, FETCH_RECORDS_MAX, REFERENCES_MAX } from './exchange-peer.ts';
import { type Check, isCount, isFlag, isObject, isText, listOf, nullable, optional, shape } from './shapes.ts';

/** Certificates of one chain, and keys that one request may name. */
const CHAIN_MAX = 8;
const KNOWN_KEYS_MAX = 10_000;

const isCall: Check = (value) => {
  try {
    return parseSignedCall(value as Json) !== undefined;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
};
const isOpened = shape({ terms: shape({ pid: isText, grant: isText }), salt: isText });
const isKnownKeys = listOf(isText, KNOWN_KEYS_MAX);
const asked = { request: isCall, chain: listOf(isText, CHAIN_MAX), ancestors: listOf(isOpened, DELEGATION_DEPTH_MAX) };
const isOpen = shape({ ...asked, token: nullable(isOpened), recipientKid: isText });

const BODIES: { readonly [Operation in ExchangeOperation]: Check } = {
  open: isOpen,
  places: isOpen,
  delegate: shape({ ...asked, token: isOpened, child: isOpened }),
  manifest: shape({ session: isText, after: nullable(isText), limit: isCount }),
  fetch: shape({
    session: isText,
    records: listOf(isText, FETCH_RECORDS_MAX),
    knownKeys: isKnownKeys,
    withProofs: isFlag,
    keep: optional(isFlag),
  }),
  references: shape({
    ...{ session: isText, from: isText },
    references: listOf(isText, REFERENCES_MAX),
    knownKeys: isKnownKeys,
  }),
  disputes: shape({ session: isText }),
  attachment: shape({ session: isText, recordId: isText, version: isCount, attachmentId: isText, piece: isCount }),
  deliver: shape({ delivery: isText, kind: isText, sealed: isObject }),
  handOn: shape({ sealed: isObject }),
};

/** Refuses with `bad-input` what has not the form of its operation, before anything looks into it. */
export function demandBody(operation: ExchangeOperation, body: unknown): void {
  if (!BODIES[operation](body)) throw new RecordsError('bad-input', `malformed request to ${operation}`);
}

const isRequest = shape({
  payload: shape({ from: isText, to: isText, node: isText, nonce: isText, atMs: isCount, network: isText }),
  signature: isText,
});

/** Refuses with `signature-invalid` what is no request at all. */
export function demandRequest(request: unknown): void {
  if (!isRequest(request)) throw new RecordsError('signature-invalid', 'this is no request of a node');
}
