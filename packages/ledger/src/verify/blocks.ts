import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { CryptoError, canonical } from '@salus/crypto';
import {
  type EmbeddedBlockHeader,
  hashHeaderText,
  isBodyText,
  NO_WRITES,
  parseBody,
  payloadTextOf,
  rootOf,
  type StateRoot,
  type TransactionBody,
  textLeaf,
  writesText,
} from '../block.ts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { positionOf } from '../embedded/schema.ts';
import type { LostRange } from '../ledger.ts';
import { findSignerKey, isSignedBy } from './call-signature.ts';
import { FINDINGS_MAX, type Finding } from './finding.ts';
import { type ChainEnd, type ChainFacts, checkHeader, joinFindings } from './headers.ts';
import { Multiset, refusalRow, versionRow } from './multiset.ts';
import { type Reexecution, reexecuteTransaction } from './reexecute.ts';
import { Timeline } from './timeline.ts';

export type BlocksTask = {
  readonly kind: 'blocks';
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly facts: ChainFacts;
  readonly secret: string;
  readonly reexecute: boolean;
};

export type BlocksAnswer = {
  readonly findings: readonly Finding[];
  /** Header signatures and call signatures checked. */
  readonly signatures: number;
  readonly transactions: number;
  readonly reexecution: Reexecution;
  /** Undefined where the first or last block is missing. */
  readonly first: { readonly previousHash: string; readonly writesRoot: string; readonly end: ChainEnd } | undefined;
  readonly last: ChainEnd | undefined;
  readonly versions: Uint32Array;
  readonly refusals: Uint32Array;
  readonly stateRoots: readonly (StateRoot & { readonly block: number })[];
  readonly rollbacks: readonly LostRange[];
  /** Calls whose signature fails under the key that the tables give: judged again by write sets before they are reported. */
  readonly suspects: readonly { readonly block: number; readonly index: number }[];
};

type Progress = {
  readonly task: BlocksTask;
  readonly runtime: ContractRuntime;
  readonly timeline: Timeline;
  readonly findings: Finding[];
  readonly versions: Multiset;
  readonly refusals: Multiset;
  readonly rollbacks: LostRange[];
  readonly suspects: { readonly block: number; readonly index: number }[];
  reexecution: Reexecution;
  signatures: number;
  transactions: number;
};

/** Checks a stretch of blocks: headers, chain, roots and every call's signature. */
export async function checkBlocks(
  database: DatabaseSync,
  runtime: ContractRuntime,
  task: BlocksTask,
): Promise<BlocksAnswer> {
  const progress: Progress = {
    task,
    runtime,
    timeline: new Timeline(database),
    findings: [],
    versions: new Multiset(task.secret),
    refusals: new Multiset(task.secret),
    rollbacks: [],
    suspects: [],
    reexecution: { compared: 0, otherVersion: 0 },
    signatures: 0,
    transactions: 0,
  };
  const headers = database.prepare('SELECT header, signature FROM block WHERE number = ?');
  const bodies = database.prepare(
    'SELECT position, text FROM body WHERE position >= ? AND position < ? ORDER BY position',
  );
  const stateRoots: (StateRoot & { block: number })[] = [];
  let first: BlocksAnswer['first'];
  let previous: ChainEnd | undefined;
  for (let number = task.from; number < task.to && progress.findings.length < FINDINGS_MAX; number += 1) {
    const row = headers.get(number) as unknown as [unknown, unknown] | undefined;
    const rows = bodies.all(positionOf(number, 0), positionOf(number + 1, 0)) as unknown as [number, unknown][];
    const header = row === undefined ? missingHeader(progress, number) : readHeader(progress, number, row);
    const roots = await checkBodies(progress, number, header, rows);
    if (header === undefined || row === undefined) {
      previous = undefined;
      continue;
    }
    checkRoots(progress, header, roots);
    const end: ChainEnd = {
      hash: hashHeaderText(row[0] as string),
      stateCommitment: header.stateCommitment,
      timestampMs: header.timestampMs,
    };
    if (number === task.from) first = { previousHash: header.previousHash, writesRoot: header.writesRoot, end };
    else if (previous !== undefined) {
      progress.findings.push(...joinFindings(number, previous, { ...header, end }));
    }
    if (header.stateRoot !== undefined) stateRoots.push({ ...header.stateRoot, block: number });
    previous = end;
  }
  const { findings, signatures, transactions, reexecution, rollbacks, suspects } = progress;
  const { versions, refusals } = progress;
  return {
    findings,
    signatures,
    transactions,
    reexecution,
    first,
    last: previous,
    versions: versions.sums,
    refusals: refusals.sums,
    stateRoots,
    rollbacks,
    suspects,
  };
}

function missingHeader({ findings }: Progress, block: number): undefined {
  findings.push({ code: 'block-missing', message: 'the block is missing', table: 'block', block });
}

function readHeader(
  progress: Progress,
  block: number,
  row: readonly [unknown, unknown],
): EmbeddedBlockHeader | undefined {
  const { header, findings } = checkHeader(progress.task.facts, block, row);
  progress.findings.push(...findings);
  progress.signatures += 1;
  return header;
}

type Roots = { readonly bodies: readonly Uint8Array[]; readonly writes: readonly Uint8Array[] };

async function checkBodies(
  progress: Progress,
  block: number,
  header: EmbeddedBlockHeader | undefined,
  rows: readonly (readonly [number, unknown])[],
): Promise<Roots> {
  const bodies: Uint8Array[] = [];
  const writes: Uint8Array[] = [];
  const present = new Set<number>();
  for (const [position, text] of rows) {
    const index = position - positionOf(block, 0);
    const place = { table: 'body', block, index } as const;
    present.add(index);
    progress.transactions += 1;
    if (header !== undefined && index >= header.count) {
      progress.findings.push({
        code: 'transaction-unexpected',
        message: 'the header counts fewer transactions',
        ...place,
      });
      continue;
    }
    const body = findBody(text);
    if (typeof text === 'string') bodies.push(textLeaf(text));
    if (body === undefined) {
      progress.findings.push({ code: 'transaction', message: 'the transaction is malformed', ...place });
      continue;
    }
    writes.push(checkBody(progress, { body, text: text as string, header, block, index }));
    if (progress.task.reexecute && header !== undefined) {
      progress.reexecution = await reexecuteTransaction({ ...progress, body, header, index, block });
    }
  }
  for (let index = 0; header !== undefined && index < header.count; index += 1) {
    if (present.has(index)) continue;
    const place = { table: 'body', block, index } as const;
    progress.findings.push({ code: 'transaction-missing', message: 'the transaction is missing', ...place });
  }
  return { bodies, writes };
}

function checkRoots(progress: Progress, header: EmbeddedBlockHeader, roots: Roots): void {
  const { findings } = progress;
  const block = header.number;
  if (rootOf(roots.bodies) !== header.transactionsRoot) {
    const message = `the texts of its ${header.count} transactions are not those that the header names`;
    findings.push({ code: 'transactions-root', message, table: 'body', block });
  }
  if (rootOf(roots.writes) !== header.writesRoot) {
    const message = 'the write sets of its transactions are not those that the header names';
    findings.push({ code: 'writes-root', message, table: 'body', block });
  }
}

type FoundBody = TransactionBody & { readonly isExact: boolean };

function findBody(text: unknown): FoundBody | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const { call, outcome, timestampMs } = parseBody(text);
    const { payload, signature } = call;
    const wellFormed =
      typeof payload.signer === 'string' &&
      typeof signature === 'string' &&
      Number.isSafeInteger(timestampMs) &&
      (outcome.kind === 'refused' || Array.isArray(outcome.writes));
    if (!wellFormed) return undefined;
    const body = { call, outcome, timestampMs };
    return { ...body, isExact: isBodyText(body, text) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof CryptoError) return undefined;
    throw error;
  }
}

type BodyAt = {
  readonly body: FoundBody;
  readonly text: string;
  readonly header: EmbeddedBlockHeader | undefined;
  readonly block: number;
  readonly index: number;
};

/** Checks one transaction, notes its versions and returns the leaf of its write set. */
function checkBody(progress: Progress, at: BodyAt): Uint8Array {
  const { body, text, header, block, index } = at;
  const { call, outcome, timestampMs } = body;
  const place = { table: 'body', block, index } as const;
  const position = positionOf(block, index);
  if (!body.isExact) {
    progress.findings.push({ code: 'transaction', message: 'the transaction is not in canonical form', ...place });
  }
  const payloadText = payloadTextOf(text, call.signature);
  const callId = hash('sha256', payloadText, 'base64url');
  progress.signatures += 1;
  const { timeline, runtime } = progress;
  if (
    !isSignedBy(
      call,
      payloadText,
      findSignerKey(runtime, call, (key, before) => timeline.get(key, before), position),
    )
  ) {
    progress.suspects.push({ block, index });
  }
  if (
    call.payload.network !== progress.task.facts.network ||
    (header !== undefined && timestampMs !== header.timestampMs)
  ) {
    progress.findings.push({ code: 'transaction', message: 'the transaction is of another network or time', ...place });
  }
  if (outcome.kind === 'refused') {
    progress.refusals.add(refusalRow(callId, position));
    return textLeaf(NO_WRITES);
  }
  const written = writesOf(body, text);
  for (const [key, value] of written) {
    progress.versions.add(versionRow(key, position, value));
    if (key.startsWith('access/rollback/') && value !== null) progress.rollbacks.push(JSON.parse(value) as LostRange);
  }
  if (!written.some(([key]) => key === `call/${callId}`)) {
    progress.findings.push({
      code: 'transaction',
      message: 'the write set lacks the result of its own call',
      ...place,
    });
  }
  return textLeaf(writesText(written));
}

/**
 * Key and exact text of each write. JSON.stringify of a parsed value gives back canonical text unless a member's name looks like
 * a number, which JavaScript would sort elsewhere.
 */
export function writesOf(
  body: TransactionBody,
  text: string,
): readonly (readonly [key: string, text: string | null])[] {
  if (body.outcome.kind === 'refused') return [];
  const { writes } = body.outcome;
  const written = writes.map(([key, value]) => [key, value === null ? null : JSON.stringify(value)] as const);
  if (text.endsWith(`"writes":${writesText(written)}},"timestampMs":${body.timestampMs}}`)) return written;
  return writes.map(([key, value]) => [key, value === null ? null : canonical(value)] as const);
}
