/**
 * Why an operation of this package failed. The union is closed and public API.
 *
 * - `bad-argument`: the caller broke a documented precondition (length, range, bound).
 * - `bad-encoding`: text is not canonical base64url, or bytes are not UTF-8.
 * - `bad-json`: input is not strict JSON, or a value has no canonical form.
 * - `bad-call`: JSON is not a signed call of a known version.
 * - `bad-key`: a key is malformed, out of range, or not on the curve.
 * - `bad-format`: an envelope, object, box or attachment has no known layout or version.
 * - `too-large`: input exceeds a named bound.
 * - `decryption-failed`: authentication failed: wrong key, wrong context, or changed bytes.
 * - `wrong-passphrase`: authentication of a password box failed.
 * - `bad-certificate`: a certificate, request or list is malformed or its signature does not verify.
 */
export type CryptoErrorCode =
  | 'bad-argument'
  | 'bad-encoding'
  | 'bad-json'
  | 'bad-call'
  | 'bad-key'
  | 'bad-format'
  | 'too-large'
  | 'decryption-failed'
  | 'wrong-passphrase'
  | 'bad-certificate';

/** The only error that this package throws on purpose. Messages never hold keys, plaintext or passphrases. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';
  readonly code: CryptoErrorCode;

  constructor(code: CryptoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
