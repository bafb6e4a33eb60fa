import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Json } from '@salus/contracts';
import { parseBody, payloadTextOf } from '../block.ts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { positionOf } from '../embedded/schema.ts';
import { findSignerKey, isSignedBy } from './call-signature.ts';
import type { Finding } from './finding.ts';

/** Calls that are judged again; a damaged key of a busy signer makes suspects of all its calls. */
const JUDGED_MAX = 10_000;
/** Keys whose versions are read from the blocks: each reads all of them. Calls beyond it are reported as they are. */
const KEYS_READ_MAX = 50;

/**
 * Calls whose signature failed under the key in state or history. Those tables may be what is damaged: the keys are taken from
 * the write sets of the blocks instead.
 */
export function judgeSuspects(
  database: DatabaseSync,
  runtime: ContractRuntime,
  suspects: readonly { readonly block: number; readonly index: number }[],
): readonly Finding[] {
  const body = database.prepare('SELECT text FROM body WHERE position = ?');
  const read = readerOfWriteSets(database);
  const findings = suspects.slice(0, JUDGED_MAX).flatMap(({ block, index }) => {
    const position = positionOf(block, index);
    const [text] = body.get(position) as unknown as [string];
    const { call } = parseBody(text);
    const payloadText = payloadTextOf(text, call.signature);
    if (isSignedBy(call, payloadText, findSignerKey(runtime, call, read, position))) return [];
    const message = 'the call is not signed by the key that its signer had then';
    return [{ code: 'call-signature', message, table: 'body', block, index } satisfies Finding];
  });
  const [further] = suspects.slice(JUDGED_MAX);
  if (further === undefined) return findings;
  const message = `${suspects.length - JUDGED_MAX} more calls from here on do not fit the signers' keys in state and history`;
  return [...findings, { code: 'call-signature', message, table: 'body', ...further }];
}

type WrittenVersion = { readonly position: number; readonly value: Json | null };

function readerOfWriteSets(database: DatabaseSync): (key: string, before: number) => Json | undefined {
  const writers = database.prepare('SELECT position, text FROM body WHERE instr(text, ?) > 0 ORDER BY position DESC');
  const versions = new Map<string, readonly WrittenVersion[]>();
  return (key, before) => {
    let written = versions.get(key);
    if (written === undefined) {
      if (versions.size >= KEYS_READ_MAX) return undefined;
      written = [...readVersionsIn(writers, key)];
      versions.set(key, written);
    }
    return written.find(({ position }) => position < before)?.value ?? undefined;
  };
}

function* readVersionsIn(writers: StatementSync, key: string): Generator<WrittenVersion> {
  for (const row of writers.iterate(key)) {
    const [position, text] = row as unknown as [number, string];
    const value = valueIn(text, key);
    if (value !== undefined) yield { position, value };
  }
}

/** What a transaction wrote to the key; undefined when nothing, or when its text is damaged, which was reported before. */
function valueIn(text: string, key: string): Json | null | undefined {
  try {
    const { outcome } = parseBody(text);
    return outcome.kind === 'committed' ? outcome.writes.find(([written]) => written === key)?.[1] : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
