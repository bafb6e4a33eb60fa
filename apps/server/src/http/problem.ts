import { ContractError } from '@salus/contracts';
import { CryptoError } from '@salus/crypto';
import { FhirError, type Issue, issueOf } from '@salus/fhir';
import { LedgerError } from '@salus/ledger';
import { RecordsError } from '@salus/records';
import { ServerError, type ServerErrorCode } from '../server-error.ts';

/** RFC 9457. `code` is stable and public; docs/ERRORS.md lists all. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  /** Findings in a FHIR resource; shown as an OperationOutcome only. */
  readonly issues?: readonly Issue[];
}

const SERVER_STATUS: { readonly [code in ServerErrorCode]: number } = {
  'bad-setting': 500,
  'bad-request': 400,
  'own-route': 400,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'not-authenticated': 401,
  'wrong-credentials': 401,
  'not-permitted': 403,
  'not-agreed': 403,
  'not-acceptable': 406,
  'not-selective': 412,
  'method-not-allowed': 405,
  'not-found': 404,
  conflict: 409,
  'too-many-requests': 429,
  overloaded: 503,
  'delegation-missing': 403,
  'master-key-missing': 500,
  'master-key-exposed': 500,
  'data-directory-in-use': 500,
  'data-directory-foreign': 500,
  'not-a-demonstration': 500,
  'port-in-use': 500,
  'ledger-missing': 500,
  'peer-unknown': 403,
  'peer-mismatch': 403,
  'message-refused': 422,
  'export-failed': 500,
  'terminology-not-supported': 422,
  internal: 500,
};

/** Codes of the packages whose status is not `OTHERWISE`; the first pattern that fits counts. */
const STATUSES: readonly (readonly [pattern: RegExp, status: number])[] = [
  // Come back later: nothing was done, or it will be settled.
  [
    /^(overloaded|stopped|closed|rollback-unnamed|ledger-unavailable|store-unavailable|store-refused|distrusted|unavailable|contracts-unknown|peer-unreachable)$/,
    503,
  ],
  // What another organisation's node answered does not hold.
  [/^(omitted-record|content-mismatch|key-mismatch|peer-untrusted)$|-served$/, 502],
  [
    /^(corrupt|master-key|internal|storage-failed|checkpoint-failed|execution-failed|not-a-ledger|wrong-key|in-use|bad-checkpoint-file|bad-block|bad-wire|bad-private|bad-configuration|wrong-bundle|peer-failed|service-failed)$/,
    500,
  ],
  [/^(erased|tombstoned|gone|ledger-moved|resource-gone)$/, 410],
  [/^too-large$/, 413],
  [/^(create-by-update|foreign-resource)$/, 405],
  [/^(no-match|multiple-matches|version-mismatch)$/, 412],
  [/^(structure-invalid|validation-failed|patch-failed|owner-unknown|not-supported|condition-unsupported)$/, 422],
  [/^(signer-unknown|delegation-user-unknown)$/, 403],
  [/^not-found$|-unknown$/, 404],
  [
    /-exists$|-used$|-answered$|-reviewed$|-decided$|-approved$|^already-|^conflict$|^import-incomplete$|^stale-|^sequence-|^leaf-ended$|^not-ended$|^import-refused$/,
    409,
  ],
  [
    /-(malformed|invalid)$|^(bad|private|not-after)-|^too-|^duplicate-|^(encoding|syntax|key-refused|number-too-long|not-a-resource|reference-unresolved|limit-exceeded|wrong-network|unknown-transaction|attachment-truncated|too-many-entries|overlapping-entries)$/,
    400,
  ],
];
const OTHERWISE = 403;

/** The one place where a code becomes an HTTP status. */
export function statusOf(code: string): number {
  if (Object.hasOwn(SERVER_STATUS, code)) return SERVER_STATUS[code as ServerErrorCode];
  return STATUSES.find(([pattern]) => pattern.test(code))?.[1] ?? OTHERWISE;
}

export function problem(code: string, detail?: string, status = statusOf(code)): Problem {
  const title = code.replaceAll('-', ' ');
  return { type: `urn:salus:error:${code}`, title, status, code, ...(detail === undefined ? {} : { detail }) };
}

/** What any thrown value becomes. Only errors with a closed code tell what they are; the rest is `internal`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ServerError) return hideInternal(problem(error.code, error.message));
  if (error instanceof RecordsError) return problemOfRecords(error);
  if (error instanceof FhirError) return { ...problem(error.code, error.message), issues: [issueOf(error)] };
  if (error instanceof CryptoError) return problem(error.code, error.message, 400);
  if (error instanceof ContractError) return problem(error.code, error.detail);
  if (error instanceof LedgerError) return hideInternal(problem(error.code, error.message));
  return problemOfFramework(error) ?? problem('internal');
}

/** A refusal that another door or a contract gave is told by the code that was given there. */
function problemOfRecords({ code, message, detail }: RecordsError): Problem {
  const ofContract = (code === 'ledger-refused' || code === 'session-ended') && detail !== undefined;
  return hideInternal(problem(ofContract ? detail : code, message));
}

/** What is wrong inside concerns the operator, not the caller. */
function hideInternal(found: Problem): Problem {
  return found.status === 500 ? problem('internal') : found;
}

/** Fastify's own refusals: a body too large, a media type unknown, a path that is none. */
function problemOfFramework(error: unknown): Problem | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined;
  return problem(FRAMEWORK_CODES.get(statusCode) ?? 'bad-request', undefined, statusCode);
}

const FRAMEWORK_CODES: ReadonlyMap<number, ServerErrorCode> = new Map([
  [404, 'not-found'],
  [413, 'body-too-large'],
  [415, 'unsupported-media-type'],
  [429, 'too-many-requests'],
]);
