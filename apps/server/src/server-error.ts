/** Closed codes of the node itself; those of contracts and records pass through under their own names. */
export type ServerErrorCode =
  | 'bad-setting'
  | 'bad-request'
  | 'own-route'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'not-authenticated'
  | 'wrong-credentials'
  | 'not-permitted'
  | 'not-agreed'
  | 'not-acceptable'
  | 'not-selective'
  | 'method-not-allowed'
  | 'not-found'
  | 'conflict'
  | 'too-many-requests'
  | 'overloaded'
  | 'delegation-missing'
  | 'master-key-missing'
  | 'master-key-exposed'
  | 'data-directory-in-use'
  | 'data-directory-foreign'
  | 'not-a-demonstration'
  | 'port-in-use'
  | 'ledger-missing'
  | 'peer-unknown'
  | 'peer-mismatch'
  | 'message-refused'
  | 'export-failed'
  | 'terminology-not-supported'
  | 'internal';

/** A refusal with a stable code. Messages name what was wrong and what was expected, never a value from a record. */
export class ServerError extends Error {
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ServerError';
    this.code = code;
  }
}
