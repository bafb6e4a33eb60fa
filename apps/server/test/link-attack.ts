import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Truth } from './theft.ts';

type Pids = Truth['pids'];
/** Shorter texts are words of the program. */
const TOKEN = /[\w-]{16,}/g;
/** What so many pids lead to is a member's or the network's; a person of the demonstration has at most four pids. */
const HUB_PIDS = 5;
const STEPS = 3;

/** One row, state entry or transaction: whatever stands in it belongs together. */
type Document = readonly string[];

/**
 * Joins ledger transactions, state, history and the rows of all databases over every value that they share, in three steps
 * from each pid. What few pids of several organisations lead to is a link; what many lead to is a member's or the network's.
 */
export function joinedPids(
  directory: string,
  pids: Pids,
): { readonly documents: number; readonly tokens: number; readonly pairs: readonly string[] } {
  const documents = [
    ...ledgerDocuments(directory),
    ...databasesOf(directory).flatMap((database) => database.documents),
  ];
  const index = new Map<string, Document[]>();
  for (const document of documents) {
    for (const token of document) index.set(token, [...(index.get(token) ?? []), document]);
  }
  const reached = new Map(pids.map(({ pid }) => [pid, new Set([pid])]));
  for (let step = 0; step < STEPS; step += 1) reach(reached, index);
  const pidsOf = invert(reached);
  const pairs = new Set<string>();
  for (const [token, leading] of pidsOf) {
    if (leading.length < 2 || leading.length >= HUB_PIDS) continue;
    const places = pids.filter(({ pid }) => leading.includes(pid));
    for (const left of places) {
      for (const right of places) {
        if (left.organisation < right.organisation) pairs.add(`${left.pid} and ${right.pid} by ${token}`);
      }
    }
  }
  return { documents: documents.length, tokens: pidsOf.size, pairs: [...pairs] };
}

/** One step: from what each pid has reached to all that stands beside it, hubs apart. */
function reach(reached: ReadonlyMap<string, Set<string>>, index: ReadonlyMap<string, readonly Document[]>): void {
  const counts = new Map([...invert(reached)].map(([token, leading]) => [token, leading.length]));
  for (const tokens of reached.values()) {
    for (const token of [...tokens]) {
      if (counts.get(token)! >= HUB_PIDS) continue;
      for (const document of index.get(token) ?? []) for (const beside of document) tokens.add(beside);
    }
  }
}

function invert(reached: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, readonly string[]> {
  const pidsOf = new Map<string, string[]>();
  for (const [pid, tokens] of reached)
    for (const token of tokens) pidsOf.set(token, [...(pidsOf.get(token) ?? []), pid]);
  return pidsOf;
}

/** Values of 16 characters or bytes and more that stand in two databases and not on the ledger. */
export function sharedValues(directory: string): { readonly compared: number; readonly shared: readonly string[] } {
  const published = new Set(ledgerDocuments(directory).flat());
  const seenIn = new Map<string, Set<string>>();
  for (const { organisation, documents } of databasesOf(directory)) {
    for (const token of documents.flat()) seenIn.set(token, (seenIn.get(token) ?? new Set()).add(organisation));
  }
  const shared = [...seenIn].filter(([token, organisations]) => organisations.size > 1 && !published.has(token));
  return { compared: seenIn.size, shared: shared.map(([token]) => token).filter((token) => !isProgram(token)) };
}

/** Column and purpose names are the program's own words; random values have digits or capitals in all but 1 of 10⁷ cases. */
function isProgram(token: string): boolean {
  return /^[a-z-]+$/.test(token) || /^[a-z]+([A-Z][a-z]+)+$/.test(token);
}

interface Guesses {
  readonly guesses: number;
  readonly right: number;
}

/** Guesses that the n-th pid registered at one organisation is the n-th of another, among people known at both. */
export function rankGuesses(directory: string, pids: Pids): Guesses {
  const order = pidOrder(directory, pids, 'record');
  const organisations = [...new Set(pids.map(({ organisation }) => organisation))];
  let guesses = 0;
  let right = 0;
  for (const [index, left] of organisations.entries()) {
    for (const other of organisations.slice(index + 1)) {
      const at = (slug: string) => order.filter(({ organisation }) => organisation === slug);
      const both = new Set(
        at(left)
          .map(({ person }) => person)
          .filter((person) => at(other).some((known) => known.person === person)),
      );
      if (both.size < 4) continue;
      const [first, second] = [left, other].map((slug) => at(slug).filter(({ person }) => both.has(person)));
      guesses += both.size;
      right += first!.filter(({ person }, rank) => second![rank]!.person === person).length;
    }
  }
  return { guesses, right };
}

/** Guesses that two pids of two organisations whose slips were made one after the other are one person's. */
export function adjacencyGuesses(directory: string, pids: Pids): Guesses {
  const order = pidOrder(directory, pids, 'slip');
  const neighbours = order.slice(1).map((second, index) => [order[index]!, second] as const);
  const across = neighbours.filter(([first, second]) => first.organisation !== second.organisation);
  return { guesses: across.length, right: across.filter(([first, second]) => first.person === second.person).length };
}

/** Pids in the order in which the ledger first names them in such calls. */
function pidOrder(directory: string, pids: Pids, what: 'record' | 'slip'): Pids {
  const marker = what === 'slip' ? '"transaction":"reissueClaim"' : '"registrations":[{';
  using database = openLedger(directory);
  const bodies = database
    .prepare('SELECT text FROM body ORDER BY position')
    .all()
    .map(({ text }) => String(text));
  const chosen = bodies.filter((text) => text.includes(marker));
  const places = new Map(pids.map((entry) => [entry.pid, chosen.findIndex((text) => text.includes(entry.pid))]));
  return pids
    .filter(({ pid }) => places.get(pid)! >= 0)
    .sort((left, right) => places.get(left.pid)! - places.get(right.pid)!);
}

function openLedger(directory: string): DatabaseSync {
  return new DatabaseSync(join(directory, 'ledger', 'ledger.sqlite'), { readOnly: true });
}

function ledgerDocuments(directory: string): readonly Document[] {
  using database = openLedger(directory);
  const rows = ['SELECT text FROM body', 'SELECT key, value FROM state', 'SELECT key, value FROM history'].flatMap(
    (query) => database.prepare(query).all(),
  );
  return rows.map(tokensOf).filter((tokens) => tokens.length > 0);
}

function databasesOf(
  directory: string,
): readonly { readonly organisation: string; readonly documents: readonly Document[] }[] {
  return readdirSync(join(directory, 'orgs')).map((organisation) => {
    using database = new DatabaseSync(join(directory, 'orgs', organisation, 'records.sqlite'), { readOnly: true });
    const tables = database.prepare(`select "name" from sqlite_master where "type" = 'table'`).all();
    const rows = tables.flatMap(({ name }) => database.prepare(`select * from "${String(name)}"`).all());
    // The rows log covers the store's own facts first: the network's name is the same for all.
    const own = rows.filter(({ kind }) => kind !== 'meta');
    return { organisation, documents: own.map(tokensOf).filter((tokens) => tokens.length > 0) };
  });
}

function tokensOf(row: { readonly [column: string]: unknown }): Document {
  const tokens = Object.values(row).flatMap((value) => {
    if (typeof value === 'string') return value.match(TOKEN) ?? [];
    if (value instanceof Uint8Array && value.length >= 16) return [Buffer.from(value).toString('base64url')];
    return [];
  });
  return [...new Set(tokens)];
}
