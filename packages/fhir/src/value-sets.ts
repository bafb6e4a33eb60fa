import type { CodeSystem, CodeSystemConcept, ValueSet, ValueSetComposeInclude } from '@medplum/fhirtypes';
import { definitionResources } from './definition-file.ts';

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
  const systems = new Map<string, readonly string[]>();
  const valueSets: (ValueSet & { readonly url: string })[] = [];
  for (const resource of definitionResources('fhir/r4/valuesets.json')) {
    if (resource.resourceType === 'CodeSystem' && resource.url !== undefined && resource.content === 'complete') {
      systems.set(resource.url, conceptCodes(resource));
    } else if (resource.resourceType === 'ValueSet' && resource.url !== undefined) {
      valueSets.push({ ...resource, url: resource.url });
    }
  }
  return new Map(
    valueSets.flatMap((valueSet) => {
      const codes = enumeratedCodes(valueSet, systems);
      return codes === undefined ? [] : [[valueSet.url, codes]];
    }),
  );
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
