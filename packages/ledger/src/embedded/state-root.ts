import type { DatabaseSync } from 'node:sqlite';
import { leafHash, MerkleLog, toBase64url, utf8 } from '@salus/crypto';
import { positionOf } from './schema.ts';

/** Keys read in one transaction: the log can be copied back in between, and no more is held in memory. */
const CHUNK_KEYS = 2_000;

/**
 * RFC 6962 root over the world state as it was after block `number`: one leaf per live key in byte order, the UTF-8 of the
 * canonical pair [key, value]. Streams; later blocks may be written meanwhile. `pause` runs between chunks.
 */
export function stateRootAt(database: DatabaseSync, number: number, pause: () => void = () => {}): string {
  const limit = positionOf(number + 1, 0);
  const chunk = database.prepare('SELECT key, position, value FROM state WHERE key > ? ORDER BY key LIMIT ?');
  const earlier = database.prepare(
    'SELECT value FROM history WHERE key = ? AND position < ? ORDER BY position DESC LIMIT 1',
  );
  const log = new MerkleLog();
  let after = '';
  for (;;) {
    // One transaction, so that a version which moves from state to history is seen exactly once.
    database.exec('BEGIN');
    const rows = chunk.all(after, CHUNK_KEYS).map((row) => Object.values(row) as [string, number, string | null]);
    for (const [key, position, value] of rows) {
      const row = position < limit ? [value] : Object.values(earlier.get(key, limit) ?? { value: null });
      const text = row[0] as string | null;
      if (text !== null) log.append(leafHash(utf8(`[${JSON.stringify(key)},${text}]`)));
    }
    database.exec('COMMIT');
    const last = rows.at(-1);
    if (last === undefined || rows.length < CHUNK_KEYS) return toBase64url(log.root());
    after = last[0];
    pause();
  }
}
