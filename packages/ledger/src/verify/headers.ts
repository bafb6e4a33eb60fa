import type { Json } from '@salus/contracts';
import { CryptoError, canonical } from '@salus/crypto';
import {
  BLOCK_ALG,
  BLOCK_TRANSACTIONS_MAX,
  BLOCK_VERSION,
  type EmbeddedBlockHeader,
  hashHeaderText,
  nextCommitment,
} from '../block.ts';
import { verifyText } from '../pure.ts';
import type { Finding } from './finding.ts';

/** What a header must say whatever its number. */
export type ChainFacts = { readonly network: string; readonly ledgerKey: string };

/** One end of a stretch of blocks, to be joined with the next. */
export type ChainEnd = { readonly hash: string; readonly stateCommitment: string; readonly timestampMs: number };

/** What is wrong between a block and the one before it. */
export function joinFindings(
  block: number,
  previous: ChainEnd,
  next: { readonly previousHash: string; readonly writesRoot: string; readonly end: ChainEnd },
): readonly Finding[] {
  const findings: Finding[] = [];
  const place = { table: 'block', block } as const;
  if (next.previousHash !== previous.hash) {
    findings.push({ code: 'header', message: 'the header does not continue the block before', ...place });
  }
  if (next.end.timestampMs < previous.timestampMs) {
    findings.push({ code: 'header', message: 'the block is earlier than the one before', ...place });
  }
  if (nextCommitment(previous.stateCommitment, next.writesRoot) !== next.end.stateCommitment) {
    findings.push({ code: 'state-commitment', message: 'the state commitment does not follow', ...place });
  }
  return findings;
}

export type CheckedHeader = { readonly header: EmbeddedBlockHeader | undefined; readonly findings: readonly Finding[] };

/** Checks a header by itself: form, place, ledger and signature. Undefined when it is no header. */
export function checkHeader(facts: ChainFacts, block: number, row: readonly [unknown, unknown]): CheckedHeader {
  const [text, signature] = row;
  const findings: Finding[] = [];
  const place = { table: 'block', block } as const;
  const header = findHeader(text);
  if (header === undefined) {
    findings.push({ code: 'header', message: 'the header is malformed', ...place });
    return { header, findings };
  }
  const wellFormed =
    header.version === BLOCK_VERSION &&
    header.alg === BLOCK_ALG &&
    header.network === facts.network &&
    header.ledgerKey === facts.ledgerKey &&
    header.number === block &&
    isCanonicalText(header as unknown as Json, text as string);
  if (!wellFormed) {
    findings.push({ code: 'header', message: 'the header is not of this place in this ledger', ...place });
  }
  const isSigned =
    typeof signature === 'string' && verifyText(facts.ledgerKey, hashHeaderText(text as string), signature);
  if (!isSigned) {
    findings.push({ code: 'header-signature', message: 'the ledger key did not sign this header', ...place });
  }
  return { header, findings };
}

function isCanonicalText(value: Json, text: string): boolean {
  try {
    return canonical(value) === text;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

/** What later checks hash and compare. */
const TEXTS = ['network', 'ledgerKey', 'previousHash', 'transactionsRoot', 'writesRoot', 'stateCommitment'] as const;

/** A header with the members that others rely on; undefined for any other text. */
export function findHeader(text: unknown): EmbeddedBlockHeader | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const header = JSON.parse(text) as EmbeddedBlockHeader | null;
    const { count, timestampMs } = header ?? {};
    const wellFormed =
      Number.isSafeInteger(count) &&
      count! >= 0 &&
      count! <= BLOCK_TRANSACTIONS_MAX &&
      Number.isSafeInteger(timestampMs) &&
      TEXTS.every((name) => typeof header?.[name] === 'string');
    return wellFormed ? header! : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
