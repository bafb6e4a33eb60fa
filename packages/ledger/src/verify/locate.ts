import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { CryptoError } from '@salus/crypto';
import { isBodyText, parseBody, payloadTextOf, type TransactionBody } from '../block.ts';
import { placeOf } from '../embedded/schema.ts';
import { writesOf } from './blocks.ts';
import { FINDINGS_MAX, type Finding } from './finding.ts';
import { Multiset, refusalRow, versionRow } from './multiset.ts';
import { readVersions } from './tables.ts';

export type Damage = {
  /** Buckets in which blocks and tables differ. */
  readonly versions: ReadonlySet<number>;
  readonly refusals: ReadonlySet<number>;
  readonly secret: string;
  /** Positions beyond it belong to blocks that were added since the run began. */
  readonly before: number;
};

/** Names the rows in which blocks and tables differ: a second pass, which only a damaged ledger needs. */
export function locate(database: DatabaseSync, damage: Damage): readonly Finding[] {
  const findings: Finding[] = [];
  for (const finding of unexpectedVersions(database, damage))
    if (findings.push(finding) >= FINDINGS_MAX) return findings;
  for (const finding of unexpectedRefusals(database, damage))
    if (findings.push(finding) >= FINDINGS_MAX) return findings;
  for (const finding of missingRows(database, damage)) if (findings.push(finding) >= FINDINGS_MAX) return findings;
  return findings;
}

function* unexpectedVersions(database: DatabaseSync, damage: Damage): Generator<Finding> {
  if (damage.versions.size === 0) return;
  const multiset = new Multiset(damage.secret);
  const body = database.prepare('SELECT text FROM body WHERE position = ?');
  for (const { table, key, position, text } of readVersions(database, { after: undefined, upTo: undefined })) {
    if (position >= damage.before || !damage.versions.has(multiset.bucketOf(versionRow(key, position, text)))) continue;
    const row = body.get(position) as unknown as [string] | undefined;
    const written = row === undefined ? [] : writesIn(row[0]);
    if (written.some(([writtenKey, writtenText]) => writtenKey === key && writtenText === text)) continue;
    yield {
      code: 'version-unexpected',
      message: 'the transaction did not write this version',
      table,
      key,
      ...placeOf(position),
    };
  }
}

function* unexpectedRefusals(database: DatabaseSync, damage: Damage): Generator<Finding> {
  if (damage.refusals.size === 0) return;
  const body = database.prepare('SELECT text FROM body WHERE position = ?');
  for (const row of database.prepare('SELECT call, position FROM refusal').iterate()) {
    const [callId, position] = row as unknown as [string, number];
    const found = body.get(position) as unknown as [string] | undefined;
    if (position >= damage.before || (found !== undefined && refusedIn(found[0]) === callId)) continue;
    const message = 'no such call was refused here';
    yield { code: 'refusal-unexpected', message, table: 'refusal', key: String(callId), ...placeOf(position) };
  }
}

function* missingRows(database: DatabaseSync, damage: Damage): Generator<Finding> {
  const multiset = new Multiset(damage.secret);
  const state = database.prepare('SELECT 1 FROM state WHERE key = ? AND position = ? AND value IS ?');
  const history = database.prepare('SELECT 1 FROM history WHERE key = ? AND position = ? AND value IS ?');
  const refusal = database.prepare('SELECT 1 FROM refusal WHERE call = ? AND position = ?');
  const bodies = database.prepare('SELECT position, text FROM body WHERE position < ? ORDER BY position');
  for (const row of bodies.iterate(damage.before)) {
    const [position, bodyText] = row as unknown as [number, string];
    const place = placeOf(position);
    for (const [key, text] of writesIn(bodyText)) {
      if (!damage.versions.has(multiset.bucketOf(versionRow(key, position, text)))) continue;
      if (state.get(key, position, text) !== undefined || history.get(key, position, text) !== undefined) continue;
      const message = 'state and history lack a version that the transaction wrote';
      yield { code: 'version-missing', message, table: 'state', key, ...place };
    }
    const callId = refusedIn(bodyText);
    if (callId === undefined || !damage.refusals.has(multiset.bucketOf(refusalRow(callId, position)))) continue;
    if (refusal.get(callId, position) !== undefined) continue;
    const message = 'the index lacks a refused call';
    yield { code: 'refusal-missing', message, table: 'refusal', key: callId, ...place };
  }
}

function writesIn(text: string): readonly (readonly [key: string, text: string | null])[] {
  const body = findBody(text);
  return body === undefined ? [] : writesOf(body, text);
}

/** The id of the refused call in a body. */
function refusedIn(text: string): string | undefined {
  const body = findBody(text);
  if (body?.outcome.kind !== 'refused') return undefined;
  return hash('sha256', payloadTextOf(text, body.call.signature), 'base64url');
}

/** A malformed body was reported where blocks are checked. */
function findBody(text: string): TransactionBody | undefined {
  try {
    const body = parseBody(text);
    const hasOutcome = Array.isArray((body.outcome as { writes?: unknown }).writes) || body.outcome.kind === 'refused';
    // Throws where a value has no canonical form, which `writesOf` needs.
    isBodyText(body, text);
    return hasOutcome ? body : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof CryptoError) return undefined;
    throw error;
  }
}
