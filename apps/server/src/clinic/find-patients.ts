import { type FhirTree, parseSearch, phoneticCodes, type SearchRequest } from '@salus/fhir';
import { RecordsError, type SearchEngine, type Sight, type StoredRecord } from '@salus/records';
import { type Fit, fitOf, GOOD_FIT, type SoughtPerson } from './patient-likeness.ts';

/** Patients that one search takes from the index; who is looked for more precisely is found all the same. */
const CANDIDATES_MAX = 200;
/** Beginnings by which a misspelt name is looked for. */
const BEGINNING_LETTERS = 3;

export interface FoundPatient {
  readonly record: StoredRecord;
  readonly tree: FhirTree;
  readonly fit: Fit;
}

type Parameters = readonly (readonly [name: string, value: string])[];

/**
 * Who of the patients whom the asker may see is the one described: the index pre-selects by sound, beginning, birth date,
 * telephone and identifier (ADR 0010), what is found is compared word by word. Best first. Nothing is logged: whoever shows
 * one of them logs it. Throws what the guard throws while nothing may be released.
 */
export async function findPatients(
  engine: Pick<SearchEngine, 'match'>,
  sight: Sight,
  sought: SoughtPerson,
): Promise<readonly FoundPatient[]> {
  const found = new Map<string, FoundPatient>();
  const look = async (searches: readonly Parameters[]): Promise<void> => {
    for (const request of searches.flatMap(requestOf)) {
      for (const { record, tree } of await matchesOf(engine, sight, request)) {
        const fit = found.has(record.recordId) ? undefined : fitOf(sought, tree);
        if (fit !== undefined) found.set(record.recordId, { record, tree, fit });
      }
    }
  };
  await look(closeSearches(sought));
  const isGood = [...found.values()].some(({ fit }) => fit.score >= GOOD_FIT);
  if (!isGood) await look(wideSearches(sought));
  return [...found.values()].toSorted((left, right) => right.fit.score - left.fit.score);
}

/** One search that would open too much finds nobody; the others may. */
async function matchesOf(engine: Pick<SearchEngine, 'match'>, sight: Sight, request: SearchRequest) {
  try {
    return await engine.match(sight, request, CANDIDATES_MAX);
  } catch (error) {
    if (error instanceof RecordsError && error.code === 'too-costly') return [];
    throw error;
  }
}

/** By what is said, as it is said or as it sounds. */
function closeSearches({ words, birthDate, phone, identifier, fhirId }: SoughtPerson): readonly Parameters[] {
  const born: Parameters = birthDate === undefined ? [] : [['birthdate', birthDate]];
  if (fhirId !== undefined) return [[['_id', fhirId]]];
  if (identifier !== undefined) return [[['identifier', identifier]]];
  if (phone !== undefined) return [[['phone', phone]]];
  const named =
    words.length === 0
      ? []
      : [
          [...words.map(soundOf), ...born],
          [...words.map(beginningOf), ...born],
        ];
  return [...named, ...(born.length === 0 ? [] : [born])];
}

/** A name one of whose words is misspelt beyond its sound: the others find it, with or without its beginning. */
function wideSearches({ words, phone, identifier, fhirId }: SoughtPerson): readonly Parameters[] {
  if (identifier !== undefined || phone !== undefined || fhirId !== undefined) return [];
  return words.flatMap((word, at) => {
    const others = words.filter((_, place) => place !== at).map(soundOf);
    const beginning: Parameters = [beginningOf(word.slice(0, BEGINNING_LETTERS)), ...others];
    return others.length === 0 ? [beginning] : [beginning, others];
  });
}

/** Words of scripts that have no sound here are found by how they begin. */
function soundOf(word: string): readonly [string, string] {
  return phoneticCodes(word).length === 0 ? beginningOf(word) : ['phonetic', word];
}

function beginningOf(word: string): readonly [string, string] {
  return ['name', word];
}

function requestOf(parameters: Parameters): readonly SearchRequest[] {
  const escaped = parameters.map(([name, value]) => [name, escapeValue(value)] as const);
  const parsed = parseSearch('Patient', escaped, { strict: true });
  return parsed.kind === 'search' ? [parsed.request] : [];
}

/** R4 §3.1.1.4.3: what separates values stands for itself behind a backslash. */
function escapeValue(text: string): string {
  return text.replaceAll(/[\\,|$]/g, '\\$&');
}
