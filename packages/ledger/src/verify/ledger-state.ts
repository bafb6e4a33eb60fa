import { existsSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Entry, Json } from '@salus/contracts';
import type { EmbeddedBlockHeader } from '../block.ts';
import { LedgerError } from '../ledger-error.ts';
import { openReadOnly } from './read-only.ts';

/** The state of a ledger file, or of a copy, without its keys: for whoever verifies something else against it. */
export interface LedgerState extends Disposable {
  readonly network: string;
  get(key: string): Promise<Json | undefined>;
  /** Entries of [start, end) in ascending byte order, at most `limit`. */
  range(start: string, end: string, limit: number): Promise<readonly Entry[]>;
}

/**
 * Opens the state for reading; nothing is changed. What it says is worth what `verifyLedger` says of the file: an entry that
 * is no JSON reads as absent. `not-a-ledger` when there is no file or no founding block.
 */
export function openLedgerState(file: string): LedgerState {
  if (!existsSync(file)) throw new LedgerError('not-a-ledger', 'there is no ledger file');
  const database = openReadOnly(file);
  try {
    const one = database.prepare('SELECT value FROM state WHERE key = ?');
    const some = database.prepare(
      'SELECT key, value FROM state WHERE key >= ? AND key < ? AND value IS NOT NULL ORDER BY key LIMIT ?',
    );
    return {
      network: readNetwork(database),
      get: async (key) => parseValue(valuesOf(one, key)[0]?.[0]),
      range: async (start, end, limit) =>
        valuesOf(some, start, end, limit).flatMap(([key, text]) => {
          const value = parseValue(text);
          return value === undefined ? [] : [{ key: String(key), value }];
        }),
      [Symbol.dispose]: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function readNetwork(database: DatabaseSync): string {
  const [row] = valuesOf(database.prepare('SELECT header FROM block WHERE number = 0'));
  const header = parseValue(row?.[0]) as unknown as EmbeddedBlockHeader | undefined;
  if (typeof header?.network !== 'string') throw new LedgerError('not-a-ledger', 'the ledger has no founding block');
  return header.network;
}

/** Rows as arrays: how `openReadOnly` reads. */
function valuesOf(statement: StatementSync, ...parameters: (string | number)[]): readonly (readonly unknown[])[] {
  return statement.all(...parameters) as unknown as readonly (readonly unknown[])[];
}

function parseValue(text: unknown): Json | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
