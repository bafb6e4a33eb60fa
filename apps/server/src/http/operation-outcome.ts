import { type FhirTree, type Issue, operationOutcome } from '@salus/fhir';
import type { Problem } from './problem.ts';

/** Issue types of http://hl7.org/fhir/issue-type for the statuses that this server gives. */
const ISSUE_TYPES: ReadonlyMap<number, string> = new Map([
  [400, 'invalid'],
  [401, 'login'],
  [403, 'forbidden'],
  [404, 'not-found'],
  [408, 'timeout'],
  [409, 'conflict'],
  [410, 'deleted'],
  [412, 'conflict'],
  [413, 'too-long'],
  [415, 'not-supported'],
  [422, 'processing'],
  [429, 'throttled'],
  [503, 'transient'],
]);

/**
 * The refusal as FHIR R4 §2.33 says it: the node's stable code as the coding of the first issue, then what was found in
 * the resource.
 */
export function outcomeOf({ status, code, detail, issues = [] }: Problem): FhirTree {
  const type = ISSUE_TYPES.get(status) ?? 'exception';
  const coding = [{ system: 'urn:salus:error', code }];
  const details = detail === undefined ? { coding } : { coding, text: detail };
  const first = { severity: 'error', code: type, details };
  const { issue: found } = operationOutcome(issues as readonly Issue[]) as unknown as { issue: readonly FhirTree[] };
  return { resourceType: 'OperationOutcome', issue: issues.length === 0 ? [first] : [first, ...found] };
}
