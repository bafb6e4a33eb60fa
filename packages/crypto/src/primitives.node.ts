import {
  argon2,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { signatureFromDer } from './der-signature.ts';
import type { Bytes, Primitives } from './primitives.ts';
import { hmacOf, hmacPads, sha256Of } from './sha256.node.ts';

const TAG_BYTES = 16;
/** DER of SubjectPublicKeyInfo {id-ecPublicKey, prime256v1} up to the point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** A Buffer is a Uint8Array with other `slice` and equality habits: none leaves this module. */
function plain(buffer: Uint8Array): Bytes {
  return new Uint8Array(buffer);
}

export const sha256: Primitives['sha256'] = sha256Of;

export const sha256Base64url: Primitives['sha256Base64url'] = (data) => hash('sha256', data, 'base64url');

export const hmacSha256: Primitives['hmacSha256'] = (key, message) => {
  const { inner, outer } = hmacPads(key);
  return hmacOf(Buffer.concat([inner, message]), outer);
};

export const encodeBase64url: Primitives['encodeBase64url'] = (bytes) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

export const decodeBase64url: Primitives['decodeBase64url'] = (text) => plain(Buffer.from(text, 'base64url'));

export const aesGcmSeal: Primitives['aesGcmSeal'] = (key, nonce, aad, plaintext) => {
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
};

export const aesGcmOpen: Primitives['aesGcmOpen'] = (key, nonce, aad, sealed) => {
  const ciphertextBytes = sealed.length - TAG_BYTES;
  if (ciphertextBytes < 0) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(ciphertextBytes));
  const plaintext = plain(decipher.update(sealed.subarray(0, ciphertextBytes)));
  try {
    decipher.final();
  } catch {
    // OpenSSL reports a wrong tag only by throwing; nothing decrypted may leave.
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
};

export const p256Point: Primitives['p256Point'] = (scalar) => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  return plain(ecdh.getPublicKey());
};

export const p256Verifier: Primitives['p256Verifier'] = (point) => {
  const key = importPoint(point);
  if (key === undefined) return undefined;
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  return (message, signature) => verify('sha256', message, options, signature);
};

export const p256Signer: Primitives['p256Signer'] = (scalar, point) => {
  const key = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: encodeBase64url(scalar),
      x: encodeBase64url(point.subarray(1, 33)),
      y: encodeBase64url(point.subarray(33, 65)),
    },
  });
  // Asked for `dsaEncoding`, Node takes the key for options and looks for another kind of key first: twice the time (Node 24).
  return (message) => signatureFromDer(sign('sha256', message, key));
};

export const p256SharedSecret: Primitives['p256SharedSecret'] = (scalar, point) => {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  try {
    return plain(ecdh.computeSecret(point));
  } catch {
    // OpenSSL refuses a point off the curve only by throwing.
    return undefined;
  }
};

export const argon2id: Primitives['argon2id'] = (passphrase, salt, cost) => {
  const parameters = {
    message: passphrase,
    nonce: salt,
    memory: cost.memoryKib,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: 32,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => {
      if (error) reject(error);
      else resolve(plain(key));
    });
  });
};

function importPoint(point: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL refuses a point off the curve only by throwing.
    return undefined;
  }
}
