import type { ImportFact, Json } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { parseCanonical, refusal, requireArray, requireMembers } from '../strict-json.ts';

export const IMPORT_VERSION = 'salus:import:v1';
export const IMPORT_REFUSED_VERSION = 'salus:import-refused:v1';
export const IMPORTED_VERSION = 'salus:imported:v1';

/** Bytes of one argument of `import`. */
export const IMPORT_BYTES_MAX = 2 * 1024 * 1024;
/** Calls in one argument: each is verified and run again at every endorser. */
export const IMPORT_CALLS_MAX = 512;
/** Blocks, or parts of them, in one argument. */
export const IMPORT_PIECES_MAX = 512;
/** A block has at most 65,536 calls. */
const LEVEL_MAX = 16;
const PROOF_MAX = 16;
const HEADER_MAX = 4_096;
const HASH = /^[A-Za-z0-9_-]{43}$/;
const SIGNATURE = /^[A-Za-z0-9_-]{86}$/;

/**
 * A block of the embedded ledger, or a part of one that is too large for a transaction: `index`-th of the subtrees of 2^`level`
 * calls (the last one may be smaller). The proofs lead from the part's roots to those of the header (RFC 9162 §2.1.3, over the
 * roots of all parts): no call is taken of which the header does not vouch.
 */
export type ImportPiece = {
  readonly header: string;
  readonly signature: string;
  readonly level: number;
  readonly index: number;
  /** Exact texts of the calls with their outcomes. */
  readonly bodies: readonly string[];
  readonly transactionsProof: readonly string[];
  readonly writesProof: readonly string[];
};

/** Why a part of the ledger is not taken over. */
export type ImportCode =
  /** The argument is not of this form or beyond its bounds. */
  | 'malformed'
  /** This organisation's administrator has named no ledger, or another one, to be taken over. */
  | 'not-expected'
  /** The channel has a life of its own already. */
  | 'not-empty'
  /** The channel has taken a ledger over before. */
  | 'migrated'
  /** The ledger has ended before this. */
  | 'ended'
  /** The ledger moved to another channel. */
  | 'channel'
  /** It is not the next block, or not the next part of it. */
  | 'order'
  /** A header is malformed, or of another network or ledger. */
  | 'header'
  | 'header-signature'
  /** The block does not continue the one before. */
  | 'chain'
  /** A call is not the one that the header names, or not in its only form. */
  | 'body'
  /** A call's signature fails. */
  | 'call-signature'
  /** The call does not do what the block says of it: running it again gives another outcome. */
  | 'outcome'
  /** The write sets are not those that the header names. */
  | 'writes-root';

/** The answer to an import that is refused: where and why; nothing of it is endorsed. */
export type ImportRefusal = { readonly code: ImportCode; readonly block: number | null; readonly index: number | null };

export function importText(pieces: readonly ImportPiece[]): string {
  return canonical({ version: IMPORT_VERSION, pieces: pieces as unknown as Json });
}

/** An untrusted argument. Throws `bad-wire`. */
export function parseImport(bytes: Uint8Array): readonly ImportPiece[] {
  if (bytes.length > IMPORT_BYTES_MAX) throw refusal(`an import has at most ${IMPORT_BYTES_MAX} bytes`);
  const { version, pieces } = requireMembers(parseCanonical(bytes), ['pieces', 'version']);
  if (version !== IMPORT_VERSION) throw refusal(`expected the version ${IMPORT_VERSION}`);
  const parsed = requireArray(pieces, IMPORT_PIECES_MAX).map(parsePiece);
  const calls = parsed.reduce((sum, { bodies }) => sum + bodies.length, 0);
  if (parsed.length === 0 || calls > IMPORT_CALLS_MAX) throw refusal('an import carries too few or too many calls');
  return parsed;
}

/** The response of an endorsed import: how far it is. */
export function importedText(progress: ImportFact): string {
  return canonical({ version: IMPORTED_VERSION, progress });
}

export function importRefusedText({ code, block, index }: ImportRefusal): string {
  return canonical({ version: IMPORT_REFUSED_VERSION, code, block, index });
}

/** The message of a refused import; undefined for any other text. */
export function findImportRefusal(message: string): ImportRefusal | undefined {
  const start = message.indexOf('{"block":');
  const end = message.lastIndexOf('}') + 1;
  if (start < 0) return undefined;
  try {
    const value = JSON.parse(message.slice(start, end)) as ImportRefusal & { readonly version?: unknown };
    return value.version === IMPORT_REFUSED_VERSION ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parsePiece(value: Json): ImportPiece {
  const { header, signature, level, index, bodies, transactionsProof, writesProof } = requireMembers(value, [
    'bodies',
    'header',
    'index',
    'level',
    'signature',
    'transactionsProof',
    'writesProof',
  ]);
  if (typeof header !== 'string' || header.length > HEADER_MAX) throw refusal('a header is a text within its bound');
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) throw refusal('a block has a signature');
  return {
    header,
    signature,
    level: requireCount(level, LEVEL_MAX),
    index: requireCount(index, 2 ** LEVEL_MAX),
    bodies: requireArray(bodies, IMPORT_CALLS_MAX).map(requireText),
    transactionsProof: requireProof(transactionsProof),
    writesProof: requireProof(writesProof),
  };
}

function requireCount(value: Json | undefined, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
    throw refusal(`expected an integer from 0 to ${max}`);
  }
  return value;
}

function requireText(value: Json): string {
  if (typeof value !== 'string') throw refusal('expected a text');
  return value;
}

function requireProof(value: Json | undefined): readonly string[] {
  const items = requireArray(value, PROOF_MAX).map(requireText);
  if (!items.every((item) => HASH.test(item))) throw refusal('a proof consists of hashes');
  return items;
}
