import type { FhirTree } from './tree.ts';

/** R4 IssueType codes that this package reports (http://hl7.org/fhir/issue-type). */
export type IssueCode =
  | 'invalid'
  | 'structure'
  | 'required'
  | 'value'
  | 'code-invalid'
  | 'invariant'
  | 'too-long'
  | 'too-costly'
  | 'duplicate'
  | 'multiple-matches'
  | 'not-found'
  | 'not-supported'
  | 'deleted'
  | 'conflict'
  | 'incomplete'
  | 'processing'
  | 'business-rule'
  | 'informational'
  | 'exception';

/** One finding. `text` names what was expected and never holds a value; `expression` is FHIRPath. */
export interface Issue {
  readonly severity: 'fatal' | 'error' | 'warning' | 'information';
  readonly code: IssueCode;
  readonly text: string;
  readonly expression?: string;
}

export function hasErrors(issues: readonly Issue[]): boolean {
  return issues.some(({ severity }) => severity === 'error' || severity === 'fatal');
}

/** An R4 OperationOutcome resource; without issues it says that all is well, because an empty one is not valid. */
export function operationOutcome(issues: readonly Issue[]): FhirTree {
  const listed: readonly Issue[] =
    issues.length > 0 ? issues : [{ severity: 'information', code: 'informational', text: 'All OK' }];
  return {
    resourceType: 'OperationOutcome',
    issue: listed.map(({ severity, code, text, expression }) => ({
      severity,
      code,
      details: { text },
      ...(expression === undefined ? {} : { expression: [expression] }),
    })),
  };
}
