/** Bytes that own an ordinary ArrayBuffer, as WebCrypto demands of its inputs. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Cost of Argon2id (RFC 9106 §3.1); memory in KiB. */
export type Argon2Cost = {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
};

/** Checks one ES256 signature (P1363, 64 bytes) against the point that it was made for. Never throws. */
export type PointVerifier = (message: Uint8Array, signature: Uint8Array) => boolean;

/** Signs with ECDSA P-256 over SHA-256; the result is P1363, 64 bytes, of either S. */
export type ScalarSigner = (message: Uint8Array) => Bytes;

/**
 * What a platform gives: the smallest set of operations that differ between Node and the browser.
 * `node.ts` and `web.ts` implement it; `#primitives` in package.json picks one. Callers inside this package
 * check lengths first, so that both platforms refuse the same inputs.
 */
export type Primitives = {
  /** SHA-256 (FIPS 180-4), 32 bytes. */
  readonly sha256: (bytes: Uint8Array) => Bytes;
  /** base64url of the SHA-256 of bytes, or of the UTF-8 of a text, which must be well-formed. */
  readonly sha256Base64url: (data: Uint8Array | string) => string;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes. */
  readonly hmacSha256: (key: Uint8Array, message: Uint8Array) => Bytes;
  readonly encodeBase64url: (bytes: Uint8Array) => string;
  /** Input was checked to be canonical. */
  readonly decodeBase64url: (text: string) => Bytes;
  /** AES-256-GCM with a 96-bit nonce; returns ciphertext ‖ 128-bit tag. */
  readonly aesGcmSeal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => Bytes;
  /** Undefined when the tag does not authenticate. */
  readonly aesGcmOpen: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array) => Bytes | undefined;
  /** The 65-byte uncompressed point of a scalar in [1, n−1]. */
  readonly p256Point: (scalar: Uint8Array) => Bytes;
  /** Undefined when the 65 bytes are not an uncompressed point on P-256. */
  readonly p256Verifier: (point: Uint8Array) => PointVerifier | undefined;
  readonly p256Signer: (scalar: Uint8Array, point: Uint8Array) => ScalarSigner;
  /** ECDH (SP 800-56A §5.7.1.2): the 32-byte x coordinate; undefined when the point is not on P-256. */
  readonly p256SharedSecret: (scalar: Uint8Array, point: Uint8Array) => Bytes | undefined;
  /** Argon2id version 0x13 (RFC 9106), 32 bytes. */
  readonly argon2id: (passphrase: Uint8Array, salt: Uint8Array, cost: Argon2Cost) => Promise<Bytes>;
};
