import { hash } from 'node:crypto';
import type { Json, SignedCall } from '@salus/contracts';
import { canonical, emptyRoot, hashTuple, merkleRoot, type Signer, toBase64url, utf8 } from '@salus/crypto';
import { type BlockHeader, type EmbeddedBlockHeader, hashHeaderText } from './block-header.ts';
import type { RecordedOutcome, TransactionView } from './ledger.ts';

export {
  BLOCK_ALG,
  BLOCK_VERSION,
  type Block,
  type BlockHeader,
  type ContractsInUse,
  type EmbeddedBlockHeader,
  hashHeaderText,
  hashOfHeader,
  type StateRoot,
} from './block-header.ts';

/** A header names the state root once the newest multiple of this number of blocks is behind it. */
export const STATE_ROOT_INTERVAL = 10_000;
/** Transactions that a position has room for in one block. */
export const BLOCK_TRANSACTIONS_MAX = 65_536;

/** A header with its exact text, as it is stored. */
export type SealedHeader<Header extends BlockHeader = EmbeddedBlockHeader> = {
  readonly header: Header;
  readonly text: string;
  readonly hash: string;
  readonly signature: string;
};

export async function sealHeader(header: EmbeddedBlockHeader, signer: Signer): Promise<SealedHeader> {
  const text = canonical(header as unknown as Json);
  const headerHash = hashHeaderText(text);
  const signature = await signer.sign(utf8(headerHash));
  return { header, text, hash: headerHash, signature: toBase64url(signature) };
}

/** What the header of block 0 points back to. */
export function genesisHash(network: string): string {
  return hashTuple('genesis', network);
}

export function nextCommitment(previous: string, writesRoot: string): string {
  return hashTuple('state', previous, writesRoot);
}

/** RFC 6962 leaf hash of a text's UTF-8, without copying it: texts in blocks are well-formed. */
export function textLeaf(text: string): Uint8Array {
  return hash('sha256', `\u0000${text}`, 'buffer');
}

export function rootOf(leafHashes: readonly Uint8Array[]): string {
  return toBase64url(leafHashes.length === 0 ? emptyRoot : merkleRoot(leafHashes));
}

/** The write set of a refused transaction. */
export const NO_WRITES = '[]';

/** The canonical text of a write set from the canonical texts of its values; null deletes. */
export function writesText(writes: readonly (readonly [key: string, valueText: string | null])[]): string {
  let text = '[';
  for (const [key, valueText] of writes) {
    text += `${text === '[' ? '' : ','}[${JSON.stringify(key)},${valueText ?? 'null'}]`;
  }
  return `${text}]`;
}

export function committedText(parts: {
  readonly result: Json;
  readonly events: Json;
  readonly writesText: string;
}): string {
  const { result, events } = parts;
  return `{"events":${canonical(events)},"kind":"committed","result":${canonical(result)},"writes":${parts.writesText}}`;
}

export function refusedText(code: string): string {
  return `{"code":${JSON.stringify(code)},"kind":"refused"}`;
}

/** How every body starts: what follows is the canonical payload, the signed message of the call. */
const PAYLOAD_START = '{"call":{"payload":'.length;

/** The stored text of a transaction: the canonical form of {call, outcome, timestampMs}, put together from its parts. */
export function bodyText(parts: {
  readonly payloadText: string;
  readonly signature: string;
  readonly outcomeText: string;
  readonly timestampMs: number;
}): string {
  return `{"call":{"payload":${parts.payloadText}${payloadEnd(parts.signature)}${parts.outcomeText},"timestampMs":${parts.timestampMs}}`;
}

/** What follows the payload in a body. */
function payloadEnd(signature: string): string {
  return `,"signature":${JSON.stringify(signature)}},"outcome":`;
}

export type TransactionBody = {
  readonly call: SignedCall;
  readonly outcome: RecordedOutcome;
  readonly timestampMs: number;
};

/**
 * Does the text hold what it parses to and nothing else? JSON.parse takes the last of two members of one name: without this, a
 * body could hold one call for the signature and show another. Throws a `CryptoError` where a value has no canonical form.
 */
export function isBodyText({ call, outcome, timestampMs }: TransactionBody, text: string): boolean {
  const { payload, signature } = call;
  const isWrittenBy = (write: (value: Json) => string): boolean => {
    const [payloadText, outcomeText] = [payload, outcome].map((value) => write(value as unknown as Json));
    return bodyText({ payloadText: payloadText!, signature, outcomeText: outcomeText!, timestampMs }) === text;
  };
  // JSON.stringify writes parsed canonical text as it was, unless a member's name looks like a number.
  return isWrittenBy(JSON.stringify) || isWrittenBy(canonical);
}

/** A body of a block that this ledger wrote or that `verify` checks otherwise: only its JSON is parsed. */
export function parseBody(text: string): TransactionBody {
  return JSON.parse(text) as TransactionBody;
}

export function viewOf(text: string, block: number, index: number): TransactionView & Pick<TransactionBody, 'outcome'> {
  const { call, outcome, timestampMs } = parseBody(text);
  return deepFreeze({
    callId: hash('sha256', payloadTextOf(text, call.signature), 'base64url'),
    block,
    index,
    timestampMs,
    call,
    outcome,
  });
}

/** The canonical payload in a body, whose hash is the call's id: cut out, which costs a third of writing it anew. */
export function payloadTextOf(text: string, signature: string): string {
  return text.slice(PAYLOAD_START, text.indexOf(payloadEnd(signature), PAYLOAD_START));
}

/** Freezes a value that is JSON, all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
