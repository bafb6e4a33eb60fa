import { aesGcmOpen, aesGcmSeal, argon2id } from '#primitives';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from './aead.ts';
import { type Bytes, concatBytes, equalBytes, randomBytes, utf8 } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import type { Argon2Cost } from './primitives.ts';

export type { Argon2Cost } from './primitives.ts';

/** RFC 9106 §4, second recommended option, with one lane: browsers compute lanes one after the other. */
export const PASSWORD_COST: Argon2Cost = { memoryKib: 64 * 1024, passes: 3, lanes: 1 };
/** OWASP's least cost for Argon2id; a box below it is not made. */
export const PASSWORD_COST_MIN: Argon2Cost = { memoryKib: 19 * 1024, passes: 2, lanes: 1 };
/** A box that asks for more is refused before any work: the header is not yet authenticated then. */
export const PASSWORD_COST_MAX: Argon2Cost = { memoryKib: 256 * 1024, passes: 10, lanes: 4 };
export const PASSPHRASE_BYTES_MAX = 1024;
export const PASSWORD_BOX_PLAINTEXT_BYTES_MAX = 16 * 1024 * 1024;

const SALT_BYTES = 16;
/** magic 4 ‖ version 1 ‖ kdf 1 ‖ algorithm 1 ‖ memory KiB 4 ‖ passes 1 ‖ lanes 1 ‖ salt 16 ‖ nonce 12. */
const FIXED = concatBytes(utf8('SPBX'), Uint8Array.of(1, 1, 1));
const SALT_AT = FIXED.length + 6;
const NONCE_AT = SALT_AT + SALT_BYTES;
const HEADER_BYTES = NONCE_AT + AEAD_NONCE_BYTES;

/**
 * Seals bytes under a passphrase: Argon2id (RFC 9106) to an AES-256-GCM key, cost and salt in the authenticated header.
 * The passphrase is taken in Unicode form NFC. An empty or over-long one and a cost out of bounds throw `bad-argument`.
 */
export async function sealPasswordBox(
  passphrase: string,
  plaintext: Uint8Array,
  cost: Argon2Cost = PASSWORD_COST,
): Promise<Bytes> {
  if (plaintext.length > PASSWORD_BOX_PLAINTEXT_BYTES_MAX) {
    throw new CryptoError('too-large', `a password box holds at most ${PASSWORD_BOX_PLAINTEXT_BYTES_MAX} bytes`);
  }
  if (!isCostWithin(cost, PASSWORD_COST_MIN, PASSWORD_COST_MAX)) {
    throw new CryptoError('bad-argument', 'the cost of a password box is out of bounds');
  }
  const header = writeHeader(cost);
  const key = await argon2id(passphraseBytes(passphrase), header.subarray(SALT_AT, NONCE_AT), cost);
  return concatBytes(header, aesGcmSeal(key, header.subarray(NONCE_AT), header, plaintext));
}

/**
 * Opens a password box. `wrong-passphrase` when it does not authenticate (a changed box looks the same), `bad-format`
 * for another layout or a cost beyond `PASSWORD_COST_MAX`.
 */
export async function openPasswordBox(passphrase: string, box: Uint8Array): Promise<Bytes> {
  const cost = readCost(box);
  const header = box.subarray(0, HEADER_BYTES);
  const key = await argon2id(passphraseBytes(passphrase), header.subarray(SALT_AT, NONCE_AT), cost);
  const plaintext = aesGcmOpen(key, header.subarray(NONCE_AT), header, box.subarray(HEADER_BYTES));
  if (plaintext === undefined) throw new CryptoError('wrong-passphrase', 'the passphrase does not open this box');
  return plaintext;
}

function writeHeader(cost: Argon2Cost): Bytes {
  const numbers = new Uint8Array(6);
  new DataView(numbers.buffer).setUint32(0, cost.memoryKib);
  numbers[4] = cost.passes;
  numbers[5] = cost.lanes;
  return concatBytes(FIXED, numbers, randomBytes(SALT_BYTES), randomBytes(AEAD_NONCE_BYTES));
}

function readCost(box: Uint8Array): Argon2Cost {
  const sized =
    box.length >= HEADER_BYTES + AEAD_TAG_BYTES &&
    box.length <= HEADER_BYTES + PASSWORD_BOX_PLAINTEXT_BYTES_MAX + AEAD_TAG_BYTES;
  if (!sized || !equalBytes(box.subarray(0, FIXED.length), FIXED)) {
    throw new CryptoError('bad-format', 'expected a password box of a known version');
  }
  const numbers = new DataView(box.buffer, box.byteOffset + FIXED.length, 6);
  const cost = { memoryKib: numbers.getUint32(0), passes: numbers.getUint8(4), lanes: numbers.getUint8(5) };
  if (!isCostWithin(cost, PASSWORD_COST_MIN, PASSWORD_COST_MAX)) {
    throw new CryptoError('bad-format', 'the cost of a password box is out of bounds');
  }
  return cost;
}

function isCostWithin(cost: Argon2Cost, min: Argon2Cost, max: Argon2Cost): boolean {
  const members = ['memoryKib', 'passes', 'lanes'] as const;
  return members.every((name) => Number.isInteger(cost[name]) && cost[name] >= min[name] && cost[name] <= max[name]);
}

function passphraseBytes(passphrase: string): Bytes {
  const bytes = utf8(passphrase.normalize('NFC'));
  if (bytes.length === 0 || bytes.length > PASSPHRASE_BYTES_MAX) {
    throw new CryptoError('bad-argument', `a passphrase has 1 to ${PASSPHRASE_BYTES_MAX} bytes`);
  }
  return bytes;
}
