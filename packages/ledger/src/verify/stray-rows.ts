import type { DatabaseSync } from 'node:sqlite';
import { placeOf } from '../embedded/schema.ts';
import type { Finding } from './finding.ts';

/** Rows of one table that are listed at most. */
const STRAYS_MAX = 100;
const NO_BLOCK = 'position < 0 OR NOT EXISTS(SELECT 1 FROM block WHERE number = position / 65536)';

/** Rows of blocks that do not exist; beside a writing node, new blocks appear together with their rows. */
export function strayRows(database: DatabaseSync): readonly Finding[] {
  const findings: Finding[] = [];
  for (const row of database.prepare('SELECT number FROM block WHERE number < 0 LIMIT ?').iterate(STRAYS_MAX)) {
    const [block] = row as unknown as [number];
    findings.push({ code: 'header', message: 'a block has a negative number', table: 'block', block });
  }
  const bodies = database.prepare(`SELECT position FROM body WHERE ${NO_BLOCK} LIMIT ?`);
  for (const row of bodies.iterate(STRAYS_MAX)) {
    const [position] = row as unknown as [number];
    const message = 'the transaction belongs to no block';
    findings.push({ code: 'transaction-unexpected', message, table: 'body', ...placeOf(position) });
  }
  return findings;
}
