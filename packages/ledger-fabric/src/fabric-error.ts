export type FabricErrorCode =
  /** What a peer gave as a block, or as a valid transaction in it, has not the form that Fabric's protocol fixes. */
  | 'bad-block'
  /** Bytes that another component sent are not of the wire format, or beyond its bounds. */
  | 'bad-wire'
  /** Private values do not open, or are not those of the calls beside which they travelled. */
  | 'bad-private'
  /** The chaincode's configuration is missing, unreadable or of another version. */
  | 'bad-configuration'
  /** A bundle is not the one that its name states. */
  | 'wrong-bundle'
  /** The peer does not answer the chaincode, or not as its protocol says. */
  | 'peer-failed'
  /** The chaincode service could not be served. */
  | 'service-failed'
  /** The embedded ledger that should move up has not ended, or cannot show its end. */
  | 'not-ended'
  /** A part of the ledger that moves up was refused, or not all members endorsed it; the message says which and why. */
  | 'import-refused';

/** Every error that this package throws beside those of the `Ledger` port. Messages name fields and bounds, never values of calls. */
export class FabricError extends Error {
  override readonly name = 'FabricError';
  readonly code: FabricErrorCode;

  constructor(code: FabricErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
