import type { Json } from '@salus/contracts';
import { canonicalBytes, fromBase64url, type Signer, toBase64url, verifyEs256 } from '@salus/crypto';

export const CHECKPOINT_VERSION = 'salus:checkpoint:v1';

export type CheckpointSignature = { readonly organisation: string; readonly id: string; readonly signature: string };

/** A statement that the ledger reached block `number` with this `hash`. Who keeps it notices a ledger that was cut back. */
export type Checkpoint = {
  readonly version: typeof CHECKPOINT_VERSION;
  readonly alg: 'ES256';
  readonly network: string;
  readonly number: number;
  readonly hash: string;
  readonly signatures: readonly CheckpointSignature[];
};

/** A hosted organisation's enrolled identity that vouches for what its node acknowledges. */
export type CheckpointSigner = { readonly organisation: string; readonly id: string; readonly signer: Signer };

/** The bytes that every signature of a checkpoint covers: the canonical form without `signatures`. */
export function checkpointMessage(checkpoint: Omit<Checkpoint, 'signatures'>): Uint8Array {
  const { version, alg, network, number, hash } = checkpoint;
  return canonicalBytes({ version, alg, network, number, hash });
}

export async function signCheckpoint(
  place: { readonly network: string; readonly number: number; readonly hash: string },
  signers: readonly CheckpointSigner[],
): Promise<Checkpoint> {
  const unsigned = { version: CHECKPOINT_VERSION, alg: 'ES256', ...place } as const;
  const message = checkpointMessage(unsigned);
  const signatures: CheckpointSignature[] = [];
  for (const { organisation, id, signer } of signers) {
    signatures.push({ organisation, id, signature: toBase64url(await signer.sign(message)) });
  }
  return { ...unsigned, signatures };
}

/** The same one where none of the signers is new: organisations are opened after the ledger, and its first checkpoint has no signature. */
export async function signedByAll(checkpoint: Checkpoint, signers: readonly CheckpointSigner[]): Promise<Checkpoint> {
  if (signers.length <= checkpoint.signatures.length) return checkpoint;
  const { network, number, hash } = checkpoint;
  return signCheckpoint({ network, number, hash }, signers);
}

/** Verifies the signature at `index` under a key that the caller found for its id. False for anything malformed. */
export function verifyCheckpointSignature(checkpoint: Checkpoint, index: number, publicKey: string): boolean {
  const entry = checkpoint.signatures[index];
  if (entry === undefined || !/^[\w-]{85}[AQgw]$/.test(entry.signature)) return false;
  return verifyEs256(publicKey, checkpointMessage(checkpoint), fromBase64url(entry.signature));
}

/** A checkpoint from outside; undefined when a member is missing or of another form. */
export function findCheckpoint(value: Json | undefined): Checkpoint | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { version, alg, network, number, hash, signatures } = value as { readonly [key: string]: Json };
  const wellFormed =
    version === CHECKPOINT_VERSION &&
    alg === 'ES256' &&
    typeof network === 'string' &&
    Number.isSafeInteger(number) &&
    typeof hash === 'string' &&
    Array.isArray(signatures) &&
    signatures.every(isSignature);
  return wellFormed ? (value as unknown as Checkpoint) : undefined;
}

function isSignature(value: Json): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { organisation, id, signature } = value as { readonly [key: string]: Json };
  return typeof organisation === 'string' && typeof id === 'string' && typeof signature === 'string';
}
