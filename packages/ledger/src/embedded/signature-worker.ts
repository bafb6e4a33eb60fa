import { parentPort } from 'node:worker_threads';
import { verifyText } from '../pure.ts';

/** Texts of one batch, three for each call: canonical payload, signature, public key. */
export type SignatureBatch = { readonly batch: number; readonly texts: readonly string[] };
/** Sent once, when questions can be answered. */
export type SignatureWorkerReady = { readonly ready: true };
/** One byte for each call: 1 where the signature is the key's over the payload. */
export type SignatureAnswers = { readonly batch: number; readonly valid: Uint8Array };

parentPort?.on('message', ({ batch, texts }: SignatureBatch) => {
  const valid = new Uint8Array(texts.length / 3);
  for (let call = 0; call < valid.length; call += 1) {
    const [payloadText = '', signature = '', publicKey = ''] = texts.slice(3 * call, 3 * call + 3);
    valid[call] = verifyText(publicKey, payloadText, signature) ? 1 : 0;
  }
  parentPort?.postMessage({ batch, valid } satisfies SignatureAnswers);
});

parentPort?.postMessage({ ready: true } satisfies SignatureWorkerReady);
