import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSearch, type ResourceType } from '@salus/fhir';
import { scaled, testData } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleOf } from '../../test/bundle.ts';
import { type Json, satisfies } from '../../test/independent-search.ts';
import { makePlace, type Place } from '../../test/place.ts';
import { SEARCH_FIXTURES } from '../../test/search-fixtures.ts';
import { SEARCH_TABLE } from '../../test/search-table.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { Sight } from '../sight.ts';

const folder = testData('synthea');
const BUNDLES = scaled(4, 21);
const workers = new BundleWorkers(1);

/** Whoever sees everything: what may be seen is tested elsewhere. */
const everything: Sight = {
  who: { kind: 'member', id: 'tester', organisation: 'hospital-a', roles: [] },
  purpose: 'TREAT',
  grant: null,
  decide: async () => ({ kind: 'allowed', reason: 'test' }),
  owners: async () => 'all',
};

describe.skipIf(folder === undefined)('the table of searches', () => {
  let place: Place;
  const all: Json[] = [];
  /** Ids that rows of the table name. */
  const names = new Map<string, string>();

  beforeAll(async () => {
    place = await makePlace({ workers });
    const files = readdirSync(folder!).filter((name) => name.endsWith('.json') && name !== 'manifest.json');
    const texts = files.slice(0, BUNDLES).map((name) => readFileSync(join(folder!, name), 'utf8'));
    const caller = await place.writer();
    for (const text of [...texts, bundleOf(SEARCH_FIXTURES)]) {
      const result = await place.vault.repository.transaction(caller, text, { matchDirectoryByIdentifier: true });
      if (result.kind === 'refused') throw new Error(`${result.code} ${JSON.stringify(result.issues)}`);
      for (const outcome of result.outcomes) {
        const { kind, type, id } = outcome;
        if (kind !== 'created') continue;
        const record = await place.vault.rows.findResource(type, id);
        const plaintext = await place.vault.ciphertext.readPlaintext(record!);
        all.push(JSON.parse(new TextDecoder().decode(plaintext)) as Json);
        if (!names.has(type)) names.set(type, id);
        names.set(`last-${type}`, id);
      }
    }
  }, 600_000);
  afterAll(async () => {
    await place.remove();
    await workers[Symbol.asyncDispose]();
  });

  const filled = (text: string): string =>
    text.replace(/\{([\w-]+)\}/g, (_, name: string) => {
      const id = names.get(name);
      if (id === undefined) throw new Error(`nothing of ${name} was written`);
      return id;
    });
  const pairsOf = (query: string) => [...new URLSearchParams(query.replaceAll('+', '%2B'))];
  const expected = (type: string, pairs: readonly (readonly [string, string])[]): readonly string[] =>
    all
      .filter((resource) => resource.resourceType === type)
      .filter((resource) => pairs.every(([name, value]) => satisfies(resource, name, value, all)))
      .map((resource) => String(resource.id))
      .sort();

  async function found(type: ResourceType, pairs: readonly (readonly [string, string])[], count = 1_000) {
    const parsed = parseSearch(type, [...pairs, ['_count', String(count)], ['_total', 'accurate']]);
    if (parsed.kind === 'refused') throw new Error(JSON.stringify(parsed.issues));
    const ids: string[] = [];
    const totals = new Set<number | undefined>();
    const search = { requests: [parsed.request], query: '' };
    let page = await place.vault.search.find(everything, search);
    for (;;) {
      ids.push(...page.matches.map(({ record }) => record.meta.id));
      totals.add(page.total);
      if (page.next === undefined) break;
      page = await place.vault.search.find(everything, search, page.next);
    }
    return { ids, totals: [...totals] };
  }

  it('has at least 150 searches, and 130 of them find something', () => {
    expect(SEARCH_TABLE.length).toBeGreaterThanOrEqual(150);
    const matching = SEARCH_TABLE.filter((row) => {
      const [type = '', query = ''] = filled(row).split('?');
      return expected(type, pairsOf(query)).length > 0;
    });
    expect(matching.length).toBeGreaterThanOrEqual(130);
  }, 600_000);

  it.each(SEARCH_TABLE)(
    '%s gives what an independent evaluation gives',
    async (row) => {
      const [type = '', query = ''] = filled(row).split('?');
      const wanted = expected(type, pairsOf(query));
      const { ids, totals } = await found(type as ResourceType, pairsOf(query));
      expect([...ids].sort()).toEqual(wanted);
      expect(totals).toEqual([wanted.length]);
    },
    60_000,
  );

  it('gives the same by pages of three, each match once', async () => {
    const pairs = pairsOf('category=laboratory&date=ge2012');
    const { ids, totals } = await found('Observation', pairs, 3);
    expect(ids.length).toBeGreaterThan(10);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(expected('Observation', pairs));
    expect(totals).toEqual([ids.length]);
  });

  it('sorts by what is hidden, both ways and over pages', async () => {
    for (const sort of ['date', '-date', 'code,-date', '-_lastUpdated', 'value-quantity']) {
      const { ids } = await found('Observation', [...pairsOf('category=vital-signs'), ['_sort', sort]], 50);
      expect([...ids].sort()).toEqual(expected('Observation', pairsOf('category=vital-signs')));
    }
    const { ids } = await found('Observation', [...pairsOf('category=vital-signs'), ['_sort', '-date']], 7);
    const dates = ids.map((id) => Date.parse(String(all.find((resource) => resource.id === id)!.effectiveDateTime)));
    expect(dates).toEqual([...dates].sort((a, b) => b - a));
  });
});
