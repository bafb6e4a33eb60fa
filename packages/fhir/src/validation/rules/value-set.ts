import { type Path, parsePath } from '../../fhirpath/parse-path.ts';
import { FhirPathSyntaxError } from '../../fhirpath/tokens.ts';
import { conceptOf } from '../../terminology/membership.ts';
import { terminology } from '../../terminology/terminology-store.ts';
import { type FhirTree, isTree, listOf, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { isAbsoluteUrl } from '../primitive-format.ts';
import { objectsAt } from './trees.ts';

const PARAMETER = 'http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter';
const EXPRESSION = 'http://hl7.org/fhir/StructureDefinition/cqf-expression';
const CLOSED = /^http:\/\/hl7\.org\/fhir\/(?!sid\/|test)/;

/** A ValueSet (R4 §4.9): what it includes can be told apart from what it cannot mean. */
export function checkValueSet(walk: Walk, valueSet: FhirTree, path: string): void {
  const parameters = parametersOf(valueSet);
  if (!isTree(valueSet.compose)) return;
  for (const element of ['include', 'exclude']) {
    for (const [part, at] of objectsAt(valueSet.compose, element, `${path}.compose`)) {
      checkPart(walk, part, at);
      for (const [filter, place] of objectsAt(part, 'filter', at)) checkFilter(walk, filter, parameters, place);
    }
  }
}

function checkPart(walk: Walk, part: FhirTree, at: string): void {
  const system = stringOf(part.system);
  if (system === undefined) return;
  const [bare = '', version] = system.split('|', 2);
  if (version !== undefined && version !== '') {
    walk.findings.error('business-rule', 'the version of a system stands in the element version', `${at}.system`);
  }
  if (!isAbsoluteUrl(bare)) {
    walk.findings.error('invalid', 'URI values in ValueSet.compose.include.system must be absolute', at);
    return;
  }
  const { codeSystems, valueSets } = terminology();
  const shipped = codeSystems.get(bare);
  if (shipped === undefined && valueSets.has(bare)) {
    walk.findings.error('invalid', 'the system is a value set, not a code system', `${at}.system`);
  }
  if (shipped === undefined || !walk.strict || !CLOSED.test(bare)) return;
  for (const [{ code }, place] of objectsAt(part, 'concept', at)) {
    if (typeof code === 'string' && conceptOf(shipped, code) === undefined) {
      walk.findings.error('code-invalid', 'the code is not in its code system', `${place}.code`);
    }
  }
}

/** A filter has a value, or a FHIRPath expression over the parameters of the value set. */
function checkFilter(walk: Walk, filter: FhirTree, parameters: ReadonlySet<string>, at: string): void {
  const extension = isTree(filter._value) ? extensionOf(filter._value, EXPRESSION) : undefined;
  const expression = isTree(extension?.valueExpression) ? extension.valueExpression : undefined;
  if (filter.value !== undefined) {
    if (expression !== undefined)
      walk.findings.error('invalid', "A filter can't have both a value and and expression for the value", at);
    return;
  }
  if (expression === undefined) {
    walk.findings.error('invalid', 'A filter needs a value and or an expression for the value', at);
    return;
  }
  const place = `${at}.value.extension.value`;
  if (expression.language !== 'text/fhirpath') {
    walk.findings.error('invalid', "A ValueSet expression language must be 'text/fhirpath'", place);
    return;
  }
  const names = variablesOf(stringOf(expression.expression) ?? '');
  if (names === undefined)
    walk.findings.error('exception', 'The value of the expression is not a valid FHIRPath', place);
  else if (names.some((name) => !parameters.has(name))) {
    walk.findings.error('exception', 'The filter parameter expression refers to an unknown parameter', place);
  }
}

function parametersOf(valueSet: FhirTree): ReadonlySet<string> {
  return new Set(
    listOf(valueSet.extension).flatMap((extension) => {
      if (!isTree(extension) || extension.url !== PARAMETER) return [];
      const name = extensionOf(extension, 'name');
      return stringOf(name?.valueCode) ?? stringOf(name?.valueString) ?? [];
    }),
  );
}

function extensionOf(tree: FhirTree, url: string): FhirTree | undefined {
  return listOf(tree.extension).find((one): one is FhirTree => isTree(one) && one.url === url);
}

/** The variables that an expression names; `undefined` if it is none. */
function variablesOf(expression: string): readonly string[] | undefined {
  try {
    return [...variables(parsePath(expression))];
  } catch (error) {
    if (error instanceof FhirPathSyntaxError) return undefined;
    throw error;
  }
}

function* variables(path: Path): Generator<string> {
  if (path.kind === 'variable') yield path.name;
  for (const value of Object.values(path)) {
    if (Array.isArray(value)) for (const one of value as readonly Path[]) yield* variables(one);
    else if (typeof value === 'object') yield* variables(value as Path);
  }
}
