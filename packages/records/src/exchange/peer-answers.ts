import { DISPUTES_PER_PID_MAX } from '../disputes.ts';
import { RecordsError } from '../records-error.ts';
import {
  type ExchangeOperation,
  FETCH_RECORDS_MAX,
  type FetchResult,
  type HandOnResult,
  type ManifestPage,
  type PeerAnswer,
} from './exchange-peer.ts';
import { type Check, isCount, isObject, isText, isTime, listOf, nullable, optional, shape } from './shapes.ts';

const LIST_MAX = 1_000_000;
/** Of an id, a hash, a salt, a code or a cursor: a session keeps a million of them. */
const NAME_CHARACTERS_MAX = 256;
const isName: Check = (value) => typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX;
const isProof = listOf(isName, 128);

const facts = { recordId: isName, version: isCount, ciphertextHash: isName, contentHash: isName };
const isPair = shape({
  ...{ owner: isName, epoch: isCount, pair: isCount, category: isName, labelClass: isName, keyId: isName },
  ...{ salt: isName, size: isCount, root: isName, proof: isProof },
});
const isLeaf = shape({
  leafHash: isName,
  record: optional(shape({ ...facts, type: isName, dataFromMs: isTime, dataToMs: isTime })),
});
const isPage = shape({
  pairs: listOf(isPair, LIST_MAX),
  trees: listOf(shape({ keyId: isName, callId: isName, leaves: listOf(isLeaf, LIST_MAX) }), LIST_MAX),
  next: nullable(isName),
});
const isFetched = shape({
  records: listOf(
    shape({
      ...{ ...facts, keyId: isText, callId: isText, leafIndex: isCount, proof: isProof },
      ...{ ciphertext: isText, wrap: isText, salt: isText },
    }),
    FETCH_RECORDS_MAX,
  ),
  refused: listOf(shape({ recordId: isText, code: isText }), FETCH_RECORDS_MAX),
  keys: listOf(
    shape({ keyId: isText, epoch: isCount, recipientKid: isText, grant: nullable(isText), envelope: isObject }),
    FETCH_RECORDS_MAX,
  ),
});

const isReceipt = shape({
  payload: shape({
    ...{ version: isText, alg: isText, network: isText, delivery: isText, from: isText, to: isText },
    ...{ node: isText, digest: isText, atMs: isCount },
  }),
  signature: isText,
});

const isSigned = shape({
  payload: shape({ contract: isText, transaction: isText, signer: isText, args: isObject }),
  signature: isText,
});

const isDispute = shape({
  ...{ dispute: isText, pid: isText, recordId: isText, version: isCount, reference: isText, salt: isText },
  ...{ statement: isObject, call: isObject },
  leaf: optional(shape({ keyId: isText, ciphertextHash: isText, contentHash: isText })),
  answer: nullable(shape({ answer: isObject, salt: isText, by: isText, call: isSigned })),
});

/** Codes stand in logs and in what people are told: nothing else comes there from another node. */
const CODE = /^[a-z][a-z0-9-]{1,63}$/;

const isHandedOn = shape({ grant: isText });

const RESULTS: { readonly [Operation in ExchangeOperation]: Check } = {
  open: shape({ session: isText, untilMs: isCount }),
  manifest: isPage,
  fetch: isFetched,
  references: isFetched,
  attachment: shape({ piece: isText }),
  places: shape({ sealed: isObject }),
  disputes: shape({ disputes: listOf(isDispute, DISPUTES_PER_PID_MAX) }),
  delegate: shape({ grant: isText }),
  deliver: isReceipt,
  handOn: isHandedOn,
};

/** What came from another process as the answer to an operation; `proof-invalid` where it has not the form of one. */
export function parsePeerAnswer<Result>(operation: ExchangeOperation, answer: unknown): PeerAnswer<Result> {
  return parseAnswer<Result>(answer, RESULTS[operation]);
}

/** A peer's answer in the form that its operation has; else `proof-invalid`: it shows nothing that could be checked. */
export function parseManifestPage(answer: unknown): PeerAnswer<ManifestPage> {
  return parseAnswer<ManifestPage>(answer, isPage);
}

export function parseFetchResult(answer: unknown): PeerAnswer<FetchResult> {
  return parseAnswer<FetchResult>(answer, isFetched);
}

export function parseOpenResult(answer: unknown): PeerAnswer<{ readonly session: string }> {
  return parseAnswer<{ readonly session: string }>(answer, shape({ session: isText }));
}

export function parseAttachmentResult(answer: unknown): PeerAnswer<{ readonly piece: string }> {
  return parseAnswer<{ readonly piece: string }>(answer, shape({ piece: isText }));
}

export function parseHandOnResult(answer: unknown): PeerAnswer<HandOnResult> {
  return parseAnswer<HandOnResult>(answer, isHandedOn);
}

function parseAnswer<Result>(answer: unknown, isResult: Check): PeerAnswer<Result> {
  if (isObject(answer)) {
    const { kind, code, result } = answer;
    if (kind === 'refused' && typeof code === 'string' && CODE.test(code)) return { kind, code };
    if (kind === 'ok' && isResult(result)) return { kind, result: result as Result };
  }
  throw new RecordsError('proof-invalid', 'the other node sent a malformed answer');
}
