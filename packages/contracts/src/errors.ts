/**
 * Why a call was refused: stable, public, the same on every engine. A code is never reused for another meaning.
 * `docs/CONTRACTS.md` lists which transaction gives which.
 */
export type ContractCode = RuntimeCode | MembershipCode | PatientCode | AccessCode | RecordCode | ConsentCode;

/** Given by the runtime, before a transaction's own checks, or by parsers that all transactions use. */
export type RuntimeCode =
  | 'call-malformed'
  | 'json-invalid'
  | 'number-invalid'
  | 'text-invalid'
  | 'too-deep'
  | 'too-large'
  | 'wrong-network'
  | 'not-founded'
  | 'ledger-moved'
  | 'not-after-required'
  | 'not-after-passed'
  | 'not-after-too-far'
  | 'unknown-transaction'
  | 'signer-not-allowed'
  | 'member-kind-not-allowed'
  | 'role-missing'
  | 'signer-unknown'
  | 'signer-revoked'
  | 'signer-expired'
  | 'authority-retired'
  | 'organisation-removed'
  | 'signature-invalid'
  | 'guardian-ended'
  | 'guardian-scope'
  | 'delegation-not-allowed'
  | 'delegation-required'
  | 'delegation-malformed'
  | 'delegation-mismatch'
  | 'delegation-scope'
  | 'delegation-not-yet'
  | 'delegation-expired'
  | 'delegation-too-long'
  | 'delegation-user-unknown'
  | 'delegation-user-revoked'
  | 'delegation-user-expired'
  | 'delegation-organisation'
  | 'delegation-signature'
  | 'private-missing'
  | 'private-unexpected'
  | 'private-mismatch'
  | 'args-invalid'
  | 'limit-exceeded'
  | 'certificate-invalid'
  | 'organisation-unknown'
  | 'organisation-mismatch';

export type MembershipCode =
  | 'already-founded'
  | 'organisation-exists'
  | 'authority-exists'
  | 'authority-unknown'
  | 'authority-missing'
  | 'administrator-required'
  | 'application-expired'
  | 'application-signature'
  | 'proposal-unknown'
  | 'proposal-decided'
  | 'proposal-expired'
  | 'already-voted'
  | 'last-organisation'
  | 'identity-exists'
  | 'identity-unknown'
  | 'identity-revoked'
  | 'identity-mismatch'
  | 'identity-foreign'
  | 'renewal-shortens'
  | 'roles-reduced'
  | 'self-revocation'
  | 'hpke-key-exists'
  | 'hpke-key-unknown'
  | 'hpke-holder'
  | 'authenticity-exists'
  | 'authenticity-unknown'
  | 'authenticity-revoked'
  | 'release-exists'
  | 'release-unknown';

export type PatientCode =
  | 'patient-exists'
  | 'patient-unknown'
  | 'patient-claimed'
  | 'patient-unclaimed'
  | 'patient-closed'
  | 'patient-merged'
  | 'patient-not-merged'
  | 'claim-expired'
  | 'claim-too-long'
  | 'key-reused'
  | 'sequence-stale'
  | 'sequence-jump'
  | 'device-exists'
  | 'device-unknown'
  | 'device-limit'
  | 'device-proof'
  | 'last-device'
  | 'guardian-unknown'
  | 'guardian-limit'
  | 'guardian-too-long'
  | 'guardian-not-ended'
  | 'guardian-age';

export type AccessCode =
  | 'size-backwards'
  | 'root-mismatch'
  | 'proof-invalid'
  | 'checkpoint-backwards'
  | 'checkpoint-mismatch'
  | 'rollback-range'
  | 'already-migrated'
  | 'import-incomplete'
  | 'import-mismatch'
  | 'import-unvouched'
  | 'report-exists';

/** Codes of the record contract. */
export type RecordCode =
  | 'owner-foreign'
  | 'stale-epoch'
  | 'table-missing'
  | 'table-exists'
  | 'key-id-exists'
  | 'key-id-unknown'
  | 'key-id-foreign'
  | 'batch-unknown'
  | 'inclusion-invalid'
  | 'replacement-missing'
  | 'leaf-ended'
  | 'erasure-unknown'
  | 'erasure-approved'
  | 'erasure-expired'
  | 'erasure-same-organisation'
  | 'dispute-exists'
  | 'dispute-unknown'
  | 'dispute-answered'
  | 'dispute-not-amended';

/** Codes of the consent contract. */
export type ConsentCode =
  | 'caller-foreign'
  | 'grant-unknown'
  | 'grant-exists'
  | 'grant-kind'
  | 'grant-not-yet'
  | 'grant-expired'
  | 'grant-not-expired'
  | 'grant-revoked'
  | 'parent-inactive'
  | 'time-backwards'
  | 'uses-exhausted'
  | 'holder-mismatch'
  | 'actor-excepted'
  | 'purpose-mismatch'
  | 'category-not-granted'
  | 'commitment-mismatch'
  | 'terms-mismatch'
  | 'not-narrower'
  | 'delegation-depth'
  | 'seal-recipient'
  | 'request-used'
  | 'request-mismatch'
  | 'request-exists'
  | 'request-unknown'
  | 'request-answered'
  | 'emergency-too-long'
  | 'emergency-unknown'
  | 'emergency-reviewed'
  | 'self-review'
  | 'card-required'
  | 'card-invalid';

/**
 * A refusal: thrown inside a contract, it undoes the whole call. `detail` names a field or a limit and never holds a value of
 * a private argument, because it may reach logs and other members.
 */
export class ContractError extends Error {
  readonly code: ContractCode;
  readonly detail: string | undefined;

  constructor(code: ContractCode, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = 'ContractError';
    this.code = code;
    this.detail = detail;
  }
}

/** Refuses with `code` unless `condition` holds. */
export function demand(condition: boolean, code: ContractCode, detail?: string): asserts condition {
  if (!condition) throw new ContractError(code, detail);
}
