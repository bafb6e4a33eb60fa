import type { FhirError, FhirErrorCode } from './fhir-error.ts';
import type { Issue, IssueCode } from './issue.ts';

/** The R4 IssueType of each code. */
const ISSUE_CODES: Readonly<Record<FhirErrorCode, IssueCode>> = {
  'too-large': 'too-long',
  'too-deep': 'too-costly',
  encoding: 'structure',
  syntax: 'structure',
  'duplicate-key': 'structure',
  'key-refused': 'structure',
  'number-too-long': 'too-long',
  'not-a-resource': 'structure',
  'structure-invalid': 'structure',
  'bundle-invalid': 'invalid',
  'too-many-entries': 'too-costly',
  'duplicate-full-url': 'duplicate',
  'not-supported': 'not-supported',
  'reference-unresolved': 'not-found',
  'condition-unsupported': 'not-supported',
  'no-match': 'not-found',
  'multiple-matches': 'multiple-matches',
  'id-invalid': 'value',
  'owner-unknown': 'business-rule',
  'overlapping-entries': 'duplicate',
  'resource-unknown': 'not-found',
  'resource-gone': 'deleted',
  'version-mismatch': 'conflict',
  'create-by-update': 'not-supported',
  'patch-invalid': 'invalid',
  'patch-failed': 'processing',
};

/** A refusal as an issue of an OperationOutcome. */
export function issueOf(error: FhirError): Issue {
  const issue: Issue = { severity: 'error', code: ISSUE_CODES[error.code], text: error.message };
  return error.expression === undefined ? issue : { ...issue, expression: error.expression };
}
