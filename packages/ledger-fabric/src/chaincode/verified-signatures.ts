import type { Pure } from '@salus/contracts';
import type { CallPure, VerifiedSignature } from '@salus/ledger/pure';

/** What was verified for the calls of one transaction, so that nothing is verified twice. */
export type VerifiedSignatures = {
  /** The calls' own signatures, by call id. */
  readonly calls: Map<string, VerifiedSignature>;
  /** Signatures over other texts: a user's delegation stands in every call that a node sends for them. */
  readonly texts: Map<string, boolean>;
};

export function noSignatures(): VerifiedSignatures {
  return { calls: new Map(), texts: new Map() };
}

/** The same functions, of which the verification of a text takes place once for each key, text and signature. */
export function rememberingPure(pure: CallPure, { texts }: VerifiedSignatures): Pure {
  return {
    ...pure,
    verifySignature: (publicKey, message, signature) => {
      const name = JSON.stringify([publicKey, signature, message]);
      const known = texts.get(name) ?? pure.verifySignature(publicKey, message, signature);
      texts.set(name, known);
      return known;
    },
  };
}
