import type { CallPayload, Pure, SignedCall } from '@salus/contracts';
import * as crypto from '@salus/crypto';

/** A signature over the payload's canonical text that a worker verified. It counts for exactly this id, key and signature. */
export type VerifiedSignature = {
  readonly callId: string;
  readonly publicKey: string;
  readonly signature: string;
  readonly valid: boolean;
};

/** The call that is being executed: what is known of it need not be computed again. */
export type CurrentCall = {
  readonly payload: CallPayload;
  readonly callId: string;
  readonly signature: string;
  readonly verified?: VerifiedSignature | undefined;
};

/** The functions that contracts get, from `@salus/crypto`, with a memo for the call that an engine runs at the moment. */
export interface CallPure extends Pure {
  begin(current: CurrentCall | undefined): void;
  /** Whether the current call's own signature was found valid since `begin`. */
  readonly authenticated: boolean;
}

/** Signed texts that are known to be valid; a session's delegation comes with each of its calls. */
const VERIFIED_TEXTS_MAX = 1_024;
/** A longer text is rare, and verified each time. */
const VERIFIED_TEXT_LENGTH_MAX = 8_192;

const ES256_SIGNATURE = /^[\w-]{85}[AQgw]$/;

export function createPure(): CallPure {
  let current: CurrentCall | undefined;
  let authenticated = false;
  return {
    begin: (call) => {
      current = call;
      authenticated = false;
    },
    get authenticated() {
      return authenticated;
    },
    canonical: crypto.canonical,
    hashTuple: crypto.hashTuple,
    kidOf: crypto.kidOf,
    isPublicKey: crypto.isPublicKey,
    callId: (payload) => (payload === current?.payload ? current.callId : crypto.callId(payload as crypto.CallPayload)),
    verifyCall: (call, publicKey) => {
      if (current === undefined || call.payload !== current.payload || call.signature !== current.signature) {
        return crypto.verifyCall(call as crypto.SignedCall, publicKey);
      }
      const valid = verifyCurrent(call, current, publicKey);
      if (valid) authenticated = true;
      return valid;
    },
    verifySignature: rememberingVerifier(),
    verifyCertificate: crypto.verifyCertificate,
    verifyInclusion: crypto.verifyInclusion,
    verifyConsistency: crypto.verifyConsistency,
  };
}

/** `verifyText` that remembers what was valid: the same text by the same key with the same signature, to the last character. */
function rememberingVerifier(): Pure['verifySignature'] {
  const valid = new Map<string, { readonly publicKey: string; readonly signature: string }>();
  return (publicKey, message, signature) => {
    const known = valid.get(message);
    if (known?.publicKey === publicKey && known.signature === signature) return true;
    if (!verifyText(publicKey, message, signature)) return false;
    if (message.length > VERIFIED_TEXT_LENGTH_MAX) return true;
    if (valid.size >= VERIFIED_TEXTS_MAX) for (const oldest of valid.keys()) if (valid.delete(oldest)) break;
    valid.set(message, { publicKey, signature });
    return true;
  };
}

/** ES256 over the UTF-8 of a text; false for anything malformed. */
export function verifyText(publicKey: string, message: string, signature: string): boolean {
  if (!ES256_SIGNATURE.test(signature) || !message.isWellFormed()) return false;
  return crypto.verifyEs256(publicKey, crypto.utf8(message), crypto.fromBase64url(signature));
}

/** What `verifyCall` of `@salus/crypto` checks beside the signature: version, algorithm, and that a `pid:` signer names this key. */
export function namesKey({ version, alg, signer }: CallPayload, publicKey: string): boolean {
  if (version !== 'salus:call:v1' || alg !== 'ES256') return false;
  return !signer.startsWith('pid:') || signer.slice(signer.indexOf('/') + 1) === crypto.kidOf(publicKey);
}

/** The worker's answer where it is about this very id, key and signature; a signature verified under another key says nothing. */
function verifyCurrent(call: SignedCall, current: CurrentCall, publicKey: string): boolean {
  const { verified } = current;
  const answers =
    verified !== undefined &&
    verified.callId === current.callId &&
    verified.signature === call.signature &&
    verified.publicKey === publicKey;
  if (!answers) return crypto.verifyCall(call as crypto.SignedCall, publicKey);
  return verified.valid && namesKey(call.payload, publicKey);
}
