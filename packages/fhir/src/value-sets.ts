import type { ValueSetComposeInclude } from '@medplum/fhirtypes';
import { terminology } from './terminology/terminology-store.ts';

const enumerated = new Map<string, ReadonlySet<string> | undefined>();

/**
 * The codes of an R4 value set that the specification itself enumerates; `undefined` for those that it cannot (media
 * types, currencies, languages). Used for elements of type `code` with a required binding (R4 §4.1.5.1): a status or a
 * gender outside its few codes is as wrong as a misspelt element.
 */
export function codesOfValueSet(url: string): ReadonlySet<string> | undefined {
  const bare = url.split('|')[0] ?? url;
  if (!enumerated.has(bare)) enumerated.set(bare, enumeratedCodes(bare));
  return enumerated.get(bare);
}

function enumeratedCodes(url: string): ReadonlySet<string> | undefined {
  const compose = terminology().valueSets.get(url)?.compose;
  if (compose === undefined || compose.exclude !== undefined) return undefined;
  const parts = compose.include.map(includedCodes);
  return parts.every((part) => part !== undefined) ? new Set(parts.flat()) : undefined;
}

function includedCodes({ system, concept, filter, valueSet }: ValueSetComposeInclude): readonly string[] | undefined {
  if (filter !== undefined || valueSet !== undefined || system === undefined) return undefined;
  if (concept !== undefined) return concept.map(({ code }) => code);
  const shipped = terminology().codeSystems.get(system);
  return shipped === undefined ? undefined : [...shipped.concepts.keys()];
}
