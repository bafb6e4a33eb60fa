import { OperationOutcomeError, validateTypedValue } from '@medplum/core';
import type { OperationOutcomeIssue } from '@medplum/fhirtypes';
import { loadDefinitions } from './definitions.ts';
import { hasErrors, type Issue } from './issue.ts';
import { JSON_SIZE_BYTES_MAX } from './parse-json.ts';
import { isResourceType } from './resource-table.ts';
import { ISSUES_MAX, structureIssues } from './structure.ts';
import { type FhirTree, toPlain } from './tree.ts';

/**
 * Is the resource what R4 4.0.1 says its type is? Own checks of the JSON (`structureIssues`) first; a resource that
 * passes them goes through @medplum/core: required elements, cardinalities, formats, invariants. Not checked:
 * terminology beyond required bindings of `code`, profiles, whether references lead anywhere.
 *
 * Total: any tree gets an answer. An empty list is a valid resource; warnings (a reference to an unexpected type) do
 * not make it invalid, see `hasErrors`. No issue holds a value of the resource.
 */
export function validateStructure(tree: FhirTree): readonly Issue[] {
  const issues = structureIssues(tree);
  if (hasErrors(issues)) return issues;
  loadDefinitions();
  try {
    // Not validateResource: it guesses the type, and takes a resource with a numeric `value` for a Quantity.
    const type = tree.resourceType as string;
    return limited(validateTypedValue({ type, value: toPlain(tree) }, { base64BinaryMaxBytes: JSON_SIZE_BYTES_MAX }));
  } catch (error) {
    if (error instanceof OperationOutcomeError) return limited(error.outcome.issue ?? []);
    // The validator stumbled over its input (there is no other cause): a refusal, not a crash.
    return [{ severity: 'error', code: 'exception', text: 'the resource could not be checked' }];
  }
}

function limited(issues: readonly OperationOutcomeIssue[]): readonly Issue[] {
  return issues.filter(isFinding).slice(0, ISSUES_MAX).map(withoutValues);
}

const WRONG_TARGET = /^Invalid reference: got "([^"]*)"/;

/** The validator takes the head of every reference for a type, also of a URL or urn: those say nothing about a type. */
function isFinding(issue: OperationOutcomeIssue): boolean {
  const target = WRONG_TARGET.exec(issue.details?.text ?? '')?.[1];
  return target === undefined || isResourceType(target);
}

/** Sentences of @medplum/core that hold no value; of all others only the place is passed on. */
const KNOWN_SENTENCES: readonly RegExp[] = [
  /^Missing required property$/,
  /^Invalid empty (?:non-primitive )?value$/,
  /^Expected (?:array of values|single value) for property$/,
  /^Invalid number of values: expected \d+\.\.(?:\d+|\*), but found \d+$/,
  /^Value did not match expected pattern$/,
  /^Invalid [A-Za-z0-9]+ (?:format|value)$/,
  /^Invalid numeric value$/,
  /^String must contain non-whitespace content$/,
  /^String cannot be larger than 1 MB$/,
  /^base64Binary exceeds \d+ bytes$/,
  /^Expected number to be (?:an integer|in the range -?\d+\.\.\d+)$/,
];

function withoutValues(issue: OperationOutcomeIssue): Issue {
  const said = issue.details?.text ?? '';
  const invariant = issue.code === 'invariant';
  const missing = said === 'Missing required property';
  // An invariant's sentence is the specification's own: "Constraint obs-6 not met: …".
  const text = invariant || KNOWN_SENTENCES.some((known) => known.test(said)) ? said : unknownText(issue.severity);
  const expression = issue.expression?.[0]?.replaceAll('[x]', '');
  const warning = issue.severity === 'warning' || issue.severity === 'information';
  return {
    severity: warning ? 'warning' : 'error',
    code: invariant ? 'invariant' : missing ? 'required' : 'structure',
    text,
    ...(expression === undefined ? {} : { expression }),
  };
}

function unknownText(severity: OperationOutcomeIssue['severity']): string {
  return severity === 'warning'
    ? 'the reference is to a type that the definition does not name'
    : 'the element does not conform to its R4 definition';
}
