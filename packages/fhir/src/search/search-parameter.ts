import type { SearchParameter as Definition } from '@medplum/fhirtypes';
import { definitionResources } from '../definition-file.ts';
import { isResourceType, type ResourceType } from '../resource-table.ts';
import { splitOutside } from './split.ts';

const FILE = 'fhir/r4/search-parameters.json';
/** What every resource has, and every one with a narrative. */
const ABSTRACT_BASES = ['Resource', 'DomainResource'] as const;

export type SearchType =
  | 'number'
  | 'date'
  | 'string'
  | 'token'
  | 'reference'
  | 'composite'
  | 'quantity'
  | 'uri'
  | 'special';

/** A standard search parameter (R4 §3.1.1, searchparameter-registry.html) as it is on one resource type. */
export interface SearchParameter {
  readonly code: string;
  /** Canonical URL of its definition. */
  readonly url: string;
  readonly type: SearchType;
  /** FHIRPath on a resource of the type, cut down to the alternatives that are about it; '' for `_query` and the like. */
  readonly expression: string;
  /** Types to which a reference may lead. */
  readonly targets: readonly ResourceType[];
  /** Of a composite: what stands between the `$`, each with its path from an element of `expression`. */
  readonly components: readonly SearchComponent[];
}

export interface SearchComponent {
  readonly parameter: SearchParameter;
  readonly expression: string;
}

let definitions: Definitions | undefined;
const known = new Map<ResourceType, ReadonlyMap<string, SearchParameter>>();

/** Every standard parameter of a type by its code, those of `Resource` and `DomainResource` included. */
export function searchParametersOf(type: ResourceType): ReadonlyMap<string, SearchParameter> {
  const made = known.get(type);
  if (made !== undefined) return made;
  definitions ??= readDefinitions();
  const parameters = new Map<string, SearchParameter>();
  for (const base of [...ABSTRACT_BASES, type]) {
    for (const definition of definitions.byBase.get(base) ?? []) {
      parameters.set(definition.code, parameterOf(definition, type, definitions));
    }
  }
  known.set(type, parameters);
  return parameters;
}

interface Definitions {
  readonly byBase: ReadonlyMap<string, readonly Definition[]>;
  readonly byUrl: ReadonlyMap<string, Definition>;
}

function readDefinitions(): Definitions {
  const byBase = new Map<string, Definition[]>();
  const byUrl = new Map<string, Definition>();
  for (const resource of definitionResources(FILE)) {
    if (resource.resourceType !== 'SearchParameter') continue;
    byUrl.set(resource.url, resource);
    for (const base of resource.base ?? []) byBase.set(base, [...(byBase.get(base) ?? []), resource]);
  }
  if (byUrl.size === 0) throw new Error('the definitions have no search parameters');
  return { byBase, byUrl };
}

function parameterOf(definition: Definition, type: ResourceType, all: Definitions): SearchParameter {
  const components = (definition.component ?? []).map(({ definition: url, expression }) => {
    const found = all.byUrl.get(url);
    if (found === undefined) throw new Error('a composite names a search parameter that is not defined');
    return { parameter: parameterOf(found, type, all), expression };
  });
  return {
    code: definition.code,
    url: definition.url,
    type: definition.type as SearchType,
    expression: expressionOn(type, definition.expression ?? ''),
    targets: (definition.target ?? []).filter(isResourceType),
    components,
  };
}

/** `Account.subject | (Observation.value as Quantity)`: the alternatives whose path starts at the type. */
function expressionOn(type: ResourceType, expression: string): string {
  return (
    splitOutside(expression, '|')
      .map((alternative) => alternative.trim())
      .filter((alternative) => {
        const root = /^\(*([A-Z][A-Za-z]*)\b/.exec(alternative)?.[1];
        // One definition of R4 (InsurancePlan's name) starts its paths at the resource without naming it.
        return (
          alternative !== '' && (root === undefined || root === type || ABSTRACT_BASES.some((base) => base === root))
        );
      })
      // What every resource has is said of an abstract type, which no evaluator knows.
      .map((alternative) => alternative.replace(/^(\(*)(?:Domain)?Resource\b/, `$1${type}`))
      .join(' | ')
  );
}
