import type { SearchParameter } from '@medplum/fhirtypes';
import { definitionResources } from '../../definition-file.ts';
import { parsePath } from '../../fhirpath/parse-path.ts';
import { FhirPathSyntaxError } from '../../fhirpath/tokens.ts';
import { type FhirTree, isTree, listOf, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { namesUnknown } from './path-types.ts';
import { objectsAt } from './trees.ts';

type Known = Pick<SearchParameter, 'type' | 'base'>;

let known: ReadonlyMap<string, Known> | undefined;

/** The search parameters of R4, by canonical URL. */
function knownParameters(): ReadonlyMap<string, Known> {
  known ??= new Map(
    [...definitionResources('fhir/r4/search-parameters.json')].flatMap((resource) =>
      resource.resourceType === 'SearchParameter' ? [[resource.url, { type: resource.type, base: resource.base }]] : [],
    ),
  );
  return known;
}

/** A SearchParameter (R4 §3.1.2): its expression fits its bases, and it does not contradict what it derives from. */
export function checkSearchParameter(walk: Walk, parameter: FhirTree, path: string): void {
  const bases = listOf(parameter.base).flatMap((base) => stringOf(base) ?? []);
  const expression = stringOf(parameter.expression);
  if (expression !== undefined && bases.length > 0) {
    const fault = expressionFault(expression, bases);
    if (fault !== undefined) walk.findings.error('invalid', fault, `${path}.expression`);
  }
  if (parameter.type === 'composite' && listOf(parameter.component).length < 2) {
    walk.findings.error('business-rule', 'a composite SearchParameter must define two or more components', path);
  }
  const master = stringOf(parameter.derivedFrom);
  const base = master === undefined ? undefined : knownParameters().get(master.split('|', 1)[0] ?? master);
  if (base === undefined) return;
  if (typeof parameter.type === 'string' && parameter.type !== base.type) {
    walk.findings.error(
      'business-rule',
      'the type is different from that of the SearchParameter this derives from',
      path,
    );
  }
  const allowed = new Set<string>(base.base ?? []);
  if (!allowed.has('Resource') && bases.some((one) => !allowed.has(one))) {
    walk.findings.error('business-rule', 'a base is not one of the SearchParameter this derives from', path);
  }
}

function expressionFault(expression: string, bases: readonly string[]): string | undefined {
  try {
    return namesUnknown(parsePath(expression), bases)
      ? 'the expression names an element that its bases do not have'
      : undefined;
  } catch (error) {
    if (error instanceof FhirPathSyntaxError) return 'the expression is not valid FHIRPath';
    throw error;
  }
}

/** A CapabilityStatement (R4 §5.2): a search parameter that it takes from R4 has R4's type. */
export function checkCapabilityStatement(walk: Walk, statement: FhirTree, path: string): void {
  for (const [rest, restPath] of objectsAt(statement, 'rest', path)) {
    for (const [resource, resourcePath] of objectsAt(rest, 'resource', restPath)) {
      for (const [parameter, at] of objectsAt(resource, 'searchParam', resourcePath)) {
        const definition = stringOf(parameter.definition);
        const defined =
          definition === undefined ? undefined : knownParameters().get(definition.split('|', 1)[0] ?? definition);
        if (isTree(parameter) && defined !== undefined && defined.type !== parameter.type) {
          walk.findings.error('invalid', 'the type is not that of the SearchParameter it names', at);
        }
      }
    }
  }
}
