import { readFileSync, rmSync } from 'node:fs';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { searchFor } from '../../test/dictionary.ts';
import { KeyAttack } from '../../test/key-attack.ts';
import { adjacencyGuesses, joinedPids, rankGuesses, sharedValues } from '../../test/link-attack.ts';
import { filesBelow, steal, type Theft } from '../../test/theft.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

/** At full scale every candidate is tried for every use, on some of the wrapped keys. */
const EFFORT = { objects: scaled(8_000, 10_000_000), others: scaled(500, 10_000_000), wraps: 24 };
/** All wrapped keys, for few candidates. */
const WHOLE = { objects: 1_000, others: 1_000, wraps: 10_000 };

const RIGHT_MAX = 0.7;

let theft: Theft;

beforeAll(async () => {
  theft = await steal();
}, 240_000);

afterAll(() => rmSync(theft.place.directory, { recursive: true }));

/** What a thief knows without any key: names of the network, the organisations and the program. */
function publicKeys(): readonly string[] {
  return [theft.truth.network, 'hospital-a', 'hospital-b', 'laboratory', 'pharmacy', 'research', 'salus', ''];
}

describe('a thief with databases, objects, ledger, logs, backups and configuration', () => {
  it('has stolen all of it', () => {
    const names = filesBelow(theft.directory).map((path) => path.slice(theft.directory.length + 1));
    for (const wanted of [
      'records.sqlite',
      'records.sqlite-wal',
      'ledger.sqlite',
      '.pack',
      '.attachment',
      'node.log',
      'checkpoint.jsonl',
    ]) {
      expect(
        names.some((name) => name.endsWith(wanted)),
        wanted,
      ).toBe(true);
    }
    expect(names.filter((name) => /master-key|wallet|credentials/.test(name))).toEqual([]);
    expect(theft.truth.terms.length).toBeGreaterThan(300);
    expect(theft.truth.plaintexts.length).toBeGreaterThan(150);
  });

  it('finds no name, birth date, address, phone, number nor hash of these in any file', () => {
    const search = searchFor(theft.truth.terms, publicKeys());
    expect(search.size).toBeGreaterThan(10_000);
    const found = filesBelow(theft.directory).flatMap((path) => {
      const hits = search.find(readFileSync(path));
      return hits
        .slice(0, 5)
        .map(({ label, offset }) => `${path.slice(theft.directory.length + 1)} at ${offset}: ${label}`);
    });
    expect(found).toEqual([]);
  });

  it('would find each of them in the clear, in every disguise', () => {
    const search = searchFor(theft.truth.terms, publicKeys());
    const labels = new Set(
      theft.truth.plaintexts.flatMap((text) => search.find(Buffer.from(text)).map(({ label }) => label)),
    );
    expect(labels.size).toBeGreaterThan(80);
    const name = theft.truth.terms.find(({ text }) => text.includes(' '))!.text;
    const alone = searchFor([{ text: name, label: 'name' }], publicKeys());
    const disguises = [
      `"${name}"`,
      Buffer.from(name, 'utf16le'),
      Buffer.from(name).toString('hex'),
      Buffer.from(`x${name}`).toString('base64'),
      Buffer.from(`xy${name}z`).toString('base64url'),
      name.toUpperCase(),
    ];
    for (const disguise of disguises) {
      const bytes = Buffer.concat([Buffer.from('abc '), Buffer.from(disguise as string), Buffer.from(' abc')]);
      expect(alone.find(bytes), String(disguise)).not.toEqual([]);
    }
  });

  it('decrypts no record with anything in the files that could be a key', () => {
    const attack = new KeyAttack(theft.copies[1]!, theft.truth.network);
    const candidates = attack.candidates(filesBelow(theft.directory));
    expect(candidates.length).toBeGreaterThan(10_000);
    expect(attack.records).toBe(theft.truth.plaintexts.length);
    expect(attack.decrypt(candidates, EFFORT)).toEqual({ records: [], masterKeys: [], privateKeys: [] });
  });

  it('would decrypt records with one true key among them, of any kind', () => {
    const attack = new KeyAttack(theft.copies[1]!, theft.truth.network);
    const { dataKey, masterKey, privateKey } = theft.truth.secrets;
    const few = attack.candidates(filesBelow(theft.directory)).slice(0, 100);
    expect(attack.decrypt([...few, dataKey], WHOLE).records.length).toBeGreaterThan(0);
    expect(attack.decrypt([...few, masterKey], WHOLE).masterKeys).toHaveLength(1);
    expect(attack.decrypt([...few, privateKey], WHOLE).privateKeys).toHaveLength(1);
  });

  it('links no two pids of a person by anything that both are joined to, over ledger and all databases', () => {
    const joined = joinedPids(theft.copies[1]!, theft.truth.pids);
    expect(joined.documents).toBeGreaterThan(1_000);
    expect(joined.tokens).toBeGreaterThan(5_000);
    expect(joined.pairs).toEqual([]);
  });

  it('finds no value in two organisations’ databases that is not on the ledger, which everybody has', () => {
    const { compared, shared } = sharedValues(theft.copies[1]!);
    expect(compared).toBeGreaterThan(5_000);
    expect(shared).toEqual([]);
  });

  it('guesses no better than by chance from the order in which pids were registered and got their slips', () => {
    const ranks = rankGuesses(theft.copies[1]!, theft.truth.pids);
    const neighbours = adjacencyGuesses(theft.copies[1]!, theft.truth.pids);
    expect(ranks.guesses).toBeGreaterThan(10);
    expect(neighbours.guesses).toBeGreaterThan(10);
    // By chance about one in eight, and beyond the bound once in 10⁹ times; by a telling order, nearly all.
    expect(ranks.right / ranks.guesses).toBeLessThan(RIGHT_MAX);
    expect(neighbours.right / neighbours.guesses).toBeLessThan(RIGHT_MAX);
  });
});
