import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { categoryOf, type FhirTree, isTree, labelClassOf, listOf, parseFhirJson, stringOf } from '@salus/fhir/parse';
import { testData } from '@salus/testing';
import type { RecordEntry } from '../src/patient/record/record-entry.ts';

let drawn = 0;

/** An entry as an organisation wrote it; its id is drawn where the resource has none. */
export function entryOf(resource: object, about: Partial<RecordEntry> = {}): RecordEntry {
  drawn += 1;
  const text = JSON.stringify({ id: `r${drawn}`, ...resource });
  const tree = parseFhirJson(text);
  return {
    organisation: 'hospital-a',
    recordId: `record-${drawn}`,
    version: 1,
    category: categoryOf(tree),
    labelClass: labelClassOf(tree),
    lastUpdatedMs: Date.UTC(2026, 0, 1),
    text,
    resource: tree,
    ...about,
  };
}

/** What each Synthea patient would have on the timeline, as if one organisation had written it; none without the data. */
export function syntheaEntries(): readonly (readonly RecordEntry[])[] {
  const folder = testData('synthea');
  if (folder === undefined) return [];
  return readdirSync(folder)
    .filter((file) => file !== 'manifest.json')
    .map((file) => listOf(parseFhirJson(readFileSync(join(folder, file))).entry).flatMap(entriesIn));
}

function entriesIn(entry: unknown): readonly RecordEntry[] {
  if (!isTree(entry) || !isTree(entry.resource)) return [];
  const type = stringOf(entry.resource.resourceType) ?? '';
  // A store resolves `urn:uuid:` to a type and an id; here the id is the UUID.
  const resource = JSON.parse(
    JSON.stringify(entry.resource).replaceAll(/"urn:uuid:([0-9a-f-]{36})"/g, (_all, id: string) => `"Encounter/${id}"`),
  ) as FhirTree;
  const [, id = ''] = /urn:uuid:(.*)/.exec(stringOf(entry.fullUrl) ?? '') ?? [];
  return [entryOf({ ...resource, id, resourceType: type })];
}
