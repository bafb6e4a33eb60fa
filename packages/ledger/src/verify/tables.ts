import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { placeOf } from '../embedded/schema.ts';
import { FINDINGS_MAX, type Finding } from './finding.ts';
import { Multiset, refusalRow, versionRow } from './multiset.ts';

/** A stretch of keys: `after` exclusive, `upTo` inclusive, without end when undefined. */
export type KeyRange = { readonly after: string | undefined; readonly upTo: string | undefined };

export type VersionsTask = {
  readonly kind: 'versions';
  readonly keys: KeyRange;
  readonly before: number;
  readonly secret: string;
};
export type RefusalsTask = { readonly kind: 'refusals'; readonly before: number; readonly secret: string };
export type TableAnswer = { readonly findings: readonly Finding[]; readonly sums: Uint32Array; readonly rows: number };

export type VersionTable = 'state' | 'history';
export type VersionRow = {
  readonly table: VersionTable;
  readonly key: string;
  readonly position: number;
  readonly text: string | null;
};

/**
 * Sums the versions that state and history hold of a stretch of keys, and checks that the current version of each key is the
 * newest one. Both tables are read in one transaction: a node that is writing moves rows from one to the other.
 */
export function checkVersions(database: DatabaseSync, task: VersionsTask): TableAnswer {
  const findings: Finding[] = [];
  const sums = new Multiset(task.secret);
  let rows = 0;
  let newest: VersionRow | undefined;
  const isBlock = blockFinder(database);
  database.exec('BEGIN');
  try {
    for (const row of readVersions(database, task.keys)) {
      if (findings.length >= FINDINGS_MAX) break;
      rows += 1;
      const { table, key, position, text } = row;
      if (row.table === 'state') newest = row;
      else if (newest?.key !== key || newest.position <= position) {
        const message = 'a replaced version is not older than the current one of its key';
        findings.push({ code: 'version-order', message, table, key });
      }
      if (position < task.before) sums.add(versionRow(key, position, text));
      else if (!isBlock(position)) {
        findings.push({ code: 'version-unexpected', message: NO_BLOCK, table, key, ...placeOf(position) });
      }
    }
  } finally {
    database.exec('COMMIT');
  }
  return { findings, sums: sums.sums, rows };
}

/** Rows by key, the current version before the replaced ones, which come newest first. */
export function* readVersions(database: DatabaseSync, { after, upTo }: KeyRange): Generator<VersionRow> {
  const bounds = [after, upTo].filter((bound) => bound !== undefined);
  const where = `${after === undefined ? '' : 'key > ? AND '}${upTo === undefined ? '' : 'key <= ? AND '}true`;
  const state = database.prepare(`SELECT key, position, value FROM state WHERE ${where} ORDER BY key`);
  const history = database.prepare(
    `SELECT key, position, value FROM history WHERE ${where} ORDER BY key, position DESC`,
  );
  const replaced = history.iterate(...bounds)[Symbol.iterator]();
  let next = replaced.next();
  for (const row of state.iterate(...bounds)) {
    const current = versionOf('state', row);
    for (; next.done !== true; next = replaced.next()) {
      const version = versionOf('history', next.value);
      if (version.key >= current.key) break;
      yield version;
    }
    yield current;
    for (; next.done !== true; next = replaced.next()) {
      const version = versionOf('history', next.value);
      if (version.key !== current.key) break;
      yield version;
    }
  }
  for (; next.done !== true; next = replaced.next()) yield versionOf('history', next.value);
}

/** Keys at which `count` rows of state end, the last stretch being open: for sharing the work. */
export function* keyRanges(database: DatabaseSync, count: number): Generator<KeyRange> {
  const boundary = database.prepare('SELECT key FROM state WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?');
  let after: string | undefined;
  for (;;) {
    const row = findBoundary(boundary, after ?? '', count - 1);
    yield { after, upTo: row?.[0] };
    if (row === undefined) return;
    after = row[0];
  }
}

/** A damaged page ends the sharing, not the run: the open stretch meets the damage again and reports it. */
function findBoundary(boundary: StatementSync, after: string, offset: number): readonly [string] | undefined {
  try {
    return boundary.get(after, offset) as unknown as [string] | undefined;
  } catch {
    return undefined;
  }
}

export function checkRefusals(database: DatabaseSync, task: RefusalsTask): TableAnswer {
  const sums = new Multiset(task.secret);
  let rows = 0;
  const findings: Finding[] = [];
  const isBlock = blockFinder(database);
  for (const row of database.prepare('SELECT call, position FROM refusal').iterate()) {
    const [callId, position] = row as unknown as [string, number];
    rows += 1;
    if (position < task.before) sums.add(refusalRow(callId, position));
    else if (!isBlock(position) && findings.length < FINDINGS_MAX) {
      findings.push({ code: 'refusal-unexpected', message: NO_BLOCK, table: 'refusal', ...placeOf(position) });
    }
  }
  return { findings, sums: sums.sums, rows };
}

const NO_BLOCK = 'the row names a block that does not exist';

/** Rows beyond the head of the run are those of blocks that a node has added since, or of none. */
function blockFinder(database: DatabaseSync): (position: number) => boolean {
  const block = database.prepare('SELECT 1 FROM block WHERE number = ?');
  return (position) => block.get(placeOf(position).block) !== undefined;
}

function versionOf(table: VersionTable, row: unknown): VersionRow {
  const [key, position, text] = row as [string, number, string | null];
  return { table, key, position, text };
}
