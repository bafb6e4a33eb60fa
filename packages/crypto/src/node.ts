import type { SyncSigner } from './signature.ts';

export { textHmac } from './sha256.node.ts';

/** Signs on the calling thread without a promise: about 40,000/s with OpenSSL. ES256, low S, P1363, 64 bytes. */
export function signSync(signer: SyncSigner, message: Uint8Array): Uint8Array {
  return signer.signSync(message);
}
