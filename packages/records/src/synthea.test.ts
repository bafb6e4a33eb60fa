import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FhirTree, isTree, parseFhirJson, type ResourceType, sameResource } from '@salus/fhir';
import { scaled, testData } from '@salus/testing';
import { afterAll, expect, test } from 'vitest';
import { demandConsistent } from '../test/consistency.ts';
import { bytesBelow, makePlace } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';

const folder = testData('synthea');
const workers = new BundleWorkers(1);
afterAll(() => workers[Symbol.asyncDispose]());

const BUNDLES = scaled(3, 21);

interface Entry {
  readonly fullUrl: string;
  readonly resource: FhirTree;
}

function entriesOf(text: string): readonly Entry[] {
  return (parseFhirJson(text) as unknown as { readonly entry: readonly Entry[] }).entry;
}

/** Names, birth dates, streets, telephone and record numbers of a bundle's patients, as a thief would look for them. */
function dictionaryOf(entries: readonly Entry[]): readonly string[] {
  const words = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'string' && value.length >= 6) words.add(value);
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isTree(value)) for (const item of Object.values(value)) walk(item);
  };
  for (const { resource } of entries) {
    if (resource.resourceType !== 'Patient') continue;
    for (const element of ['name', 'birthDate', 'address', 'telecom', 'identifier'] as const) walk(resource[element]);
  }
  const common = /^(?:official|http|urn:|mailing|Medical|Social|Driver|Passport|maiden|mobile|US$)/;
  return [...words].filter((word) => !common.test(word));
}

test.skipIf(folder === undefined)(
  `imports ${BUNDLES} published bundles, gives back the same resources, and leaves a thief nothing`,
  async () => {
    const place = await makePlace({ workers });
    try {
      const names = readdirSync(folder!).filter((name) => name.endsWith('.json') && name !== 'manifest.json');
      expect(names.length).toBeGreaterThanOrEqual(BUNDLES);
      const texts = names.slice(0, BUNDLES).map((name) => readFileSync(join(folder!, name), 'utf8'));
      const caller = await place.writer();
      const options = { matchDirectoryByIdentifier: true };
      const results = await Promise.all(texts.map((text) => place.vault.repository.transaction(caller, text, options)));
      let answered = 0;
      for (const [at, text] of texts.entries()) {
        const result = results[at]!;
        if (result.kind === 'refused') throw new Error(`${names[at]}: ${result.code} ${JSON.stringify(result.issues)}`);
        const entries = entriesOf(text);
        expect(result.outcomes).toHaveLength(entries.length);
        const referenceMap = new Map(
          entries.map(({ fullUrl }, index) => {
            const { type, id } = result.outcomes[index]!;
            return [fullUrl, `${type}/${id}`] as const;
          }),
        );
        const patientId = result.outcomes.find(({ type }) => type === 'Patient')!.id;
        const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
        const patient = { kind: 'patient', who: { kind: 'patient', pid, kid: 'phone' } } as const;
        for (const [index, { resource }] of entries.entries()) {
          answered += 1;
          const { kind, type, id } = result.outcomes[index]!;
          if (kind === 'matched') continue;
          const read = await place.vault.repository.read(patient, type as ResourceType, id);
          if (read.kind !== 'found') throw new Error(`${type} ${read.kind}`);
          if (!sameResource(resource, parseFhirJson(read.text), { referenceMap }))
            throw new Error(`${names[at]} ${type} differs`);
        }
      }
      expect(answered).toBeGreaterThan(BUNDLES * 100);
      const { records } = await demandConsistent(place.vault);
      expect(records).toBeGreaterThan(answered / 2);

      await place.close();
      const bytes = await bytesBelow(place.directory);
      const words = texts.flatMap((text) => dictionaryOf(entriesOf(text)));
      expect(words.length).toBeGreaterThan(BUNDLES * 5);
      expect(words.filter((word) => bytes.includes(word))).toEqual([]);
      await place.open();
    } finally {
      await place.remove();
    }
  },
  600_000,
);
