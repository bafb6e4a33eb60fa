/**
 * What this package refuses. The codes are public API (`docs/ERRORS.md`).
 *
 * Parsing: `too-large`, `too-deep`, `encoding`, `syntax`, `duplicate-key`, `key-refused`, `number-too-long`, `not-a-resource`.
 * Validation: `structure-invalid`.
 * Bundles: `bundle-invalid`, `too-many-entries`, `duplicate-full-url`, `not-supported`, `reference-unresolved`,
 * `condition-unsupported`, `no-match`, `multiple-matches`, `id-invalid`.
 * Ownership: `owner-unknown`.
 * Updates: `overlapping-entries`, `resource-unknown`, `resource-gone`, `version-mismatch`, `create-by-update`, `patch-invalid`,
 * `patch-failed`.
 */
export const FHIR_ERROR_CODES = [
  'too-large',
  'too-deep',
  'encoding',
  'syntax',
  'duplicate-key',
  'key-refused',
  'number-too-long',
  'not-a-resource',
  'structure-invalid',
  'bundle-invalid',
  'too-many-entries',
  'duplicate-full-url',
  'not-supported',
  'reference-unresolved',
  'condition-unsupported',
  'no-match',
  'multiple-matches',
  'id-invalid',
  'owner-unknown',
  'overlapping-entries',
  'resource-unknown',
  'resource-gone',
  'version-mismatch',
  'create-by-update',
  'patch-invalid',
  'patch-failed',
] as const;

export type FhirErrorCode = (typeof FHIR_ERROR_CODES)[number];

/**
 * The one error of this package. `message` says what was wrong and what was expected, in words that hold no value of
 * the resource (it may be health data); `expression` is a FHIRPath-like location such as `Bundle.entry[3].request.url`.
 */
export class FhirError extends Error {
  override readonly name = 'FhirError';
  readonly code: FhirErrorCode;
  readonly expression: string | undefined;

  constructor(code: FhirErrorCode, message: string, expression?: string) {
    super(message);
    this.code = code;
    this.expression = expression;
  }
}
