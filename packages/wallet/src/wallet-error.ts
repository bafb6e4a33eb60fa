/** Closed codes of this package; catalogued in docs/ERRORS.md. */
export type WalletErrorCode =
  | 'bad-slip'
  | 'bad-recovery-code'
  | 'bad-wallet'
  | 'wrong-network'
  | 'pid-known'
  | 'pid-unknown'
  | 'grant-unknown'
  | 'recovery-exhausted'
  | 'recipient-unlisted'
  | 'seal-refused'
  | 'checkpoint-went-back'
  | 'proof-invalid'
  | 'wallet-exists'
  | 'wallet-missing'
  | 'wallet-readable-by-others'
  | 'wrong-passphrase'
  | 'bad-share'
  | 'weak-pin'
  | 'wrong-pin'
  | 'pin-paused'
  | 'wrong-passkey';

/** What the wallet refuses. Messages name the rule that was broken and never hold a key, a slip or a code. */
export class WalletError extends Error {
  readonly code: WalletErrorCode;

  constructor(code: WalletErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WalletError';
    this.code = code;
  }
}
