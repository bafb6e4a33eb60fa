import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { syntheaBundles } from '../test/synthea.ts';
import { resolveBundle } from './bundle.ts';
import { classifyBundle } from './bundle-owners.ts';
import { identifiersOf } from './identifier-query.ts';
import { hasErrors } from './issue.ts';
import { parseFhirJson } from './parse-json.ts';
import { withVersion } from './resource.ts';
import { sameResource } from './same-resource.ts';
import { type FhirTree, isTree, listOf, stringifyFhirJson, stringOf } from './tree.ts';
import { validateTransaction } from './validate-transaction.ts';

const bundles = syntheaBundles();

/** Every JSON number literal outside strings, in order. */
function literals(text: string): readonly string[] {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?[0-9][0-9.eE+-]*/g) ?? [];
}

function resourcesOf(bundle: FhirTree): readonly FhirTree[] {
  return listOf(bundle.entry).flatMap((entry) => (isTree(entry) && isTree(entry.resource) ? [entry.resource] : []));
}

describe.skipIf(bundles.length === 0)('the Synthea bundles', () => {
  it('are 21 with 5,053 entries', () => {
    expect(bundles).toHaveLength(21);
    expect(bundles.reduce((sum, { count }) => sum + count, 0)).toBe(5_053);
  });

  it('are printed as they were read, to the literal', () => {
    let numbers = 0;
    for (const { bytes } of bundles) {
      const text = new TextDecoder().decode(bytes);
      const printed = stringifyFhirJson(parseFhirJson(bytes));
      expect(printed).toBe(JSON.stringify(JSON.parse(text)));
      expect(literals(printed)).toEqual(literals(text));
      numbers += literals(printed).length;
    }
    expect(numbers).toBeGreaterThan(10_000);
  });

  it('are valid, resolved, classified, and the same resources after storing', { timeout: 120_000 }, async () => {
    const providers = new Map<string, string>();
    const seen = { created: 0, matched: 0, patients: 0, organisations: 0 };
    const categories = new Map<string, number>();
    for (const { bytes, count } of bundles) {
      const bundle = parseFhirJson(bytes);
      expect(hasErrors(validateTransaction(bundle))).toBe(false);
      const sent = resourcesOf(bundle);
      expect(sent).toHaveLength(count);
      const resolved = await resolveBundle(bundle, {
        newId: randomUUID,
        matchDirectoryByIdentifier: true,
        lookup: {
          findByIdentifier: (type, { system, value }) =>
            listOf(providers.get(`${type} ${system}|${value}`)).map(String),
        },
      });
      expect(resolved.entries).toHaveLength(count);
      const patients = new Set(
        resolved.entries.flatMap((entry) =>
          entry.kind === 'create' && entry.type === 'Patient' ? [`Patient/${entry.id}`] : [],
        ),
      );
      for (const entry of classifyBundle(resolved)) {
        const { category, labelClass, ownerKind, subject } = entry.classification;
        categories.set(category, (categories.get(category) ?? 0) + 1);
        expect(labelClass).toBe('N');
        if (ownerKind === 'patient') expect(patients.has(subject ?? '')).toBe(true);
        seen[ownerKind === 'patient' ? 'patients' : 'organisations']++;
        if (category === 'directory') {
          for (const { system, value } of identifiersOf(entry.resource))
            providers.set(`${entry.type} ${system}|${value}`, entry.id);
        }
      }
      for (const entry of resolved.entries) {
        if (entry.kind === 'matched') {
          seen.matched++;
          continue;
        }
        if (entry.kind !== 'create') throw new Error('a transaction of creates makes or matches');
        seen.created++;
        const stored = parseFhirJson(
          stringifyFhirJson(withVersion(entry.resource, { versionId: '1', lastUpdatedMs: 0 })),
        );
        const original = sent[entry.index] ?? {};
        expect(stringOf(stored.id)).toBe(entry.id);
        expect(stringifyFhirJson(stored)).not.toMatch(/"reference":"urn:/);
        expect(sameResource(original, stored, { referenceMap: resolved.links })).toBe(true);
        expect(sameResource(original, { ...stored, language: 'x' }, { referenceMap: resolved.links })).toBe(false);
      }
    }
    // 62 providers in the bundles, 8 of them again in a later one.
    expect(seen).toEqual({ created: 5_045, matched: 8, patients: 4_991, organisations: 54 });
    expect(Object.fromEntries(categories)).toMatchInlineSnapshot(`
      {
        "allergies": 8,
        "care-plans": 80,
        "directory": 54,
        "encounters": 396,
        "financial": 901,
        "identity": 21,
        "imaging": 3,
        "immunizations": 218,
        "laboratory": 1899,
        "medication": 109,
        "problems": 118,
        "procedures": 265,
        "questionnaires": 161,
        "vital-signs": 812,
      }
    `);
  });
});
