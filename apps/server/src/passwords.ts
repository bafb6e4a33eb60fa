import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<'argon2id', Argon2Parameters, Buffer>(argon2);

/** OWASP's least cost for Argon2id (RFC 9106): 19 MiB, 2 passes, 1 lane; about 31 ms on one core. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 256;

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** @returns the hash in PHC string format, with its parameters and salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await argon2id(password, salt, MEMORY_KIB, PASSES);
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether `password` is the one that was hashed; false too for a hash that this version did not write. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const [, memory, passes, salt, expected] = PHC.exec(phc) ?? [];
  if (salt === undefined || expected === undefined || password.length > PASSWORD_LENGTH_MAX) return false;
  if (Number(memory) > MEMORY_KIB || Number(passes) > PASSES) return false;
  const hash = await argon2id(password, Buffer.from(salt, 'base64'), Number(memory), Number(passes));
  return timingSafeEqual(hash, Buffer.from(expected, 'base64'));
}

/** Costs what a verification costs, so that an unknown account answers no sooner than a wrong password. */
export async function verifyNothing(password: string): Promise<false> {
  await argon2id(password.slice(0, PASSWORD_LENGTH_MAX), Buffer.alloc(SALT_BYTES), MEMORY_KIB, PASSES);
  return false;
}

function argon2id(password: string, nonce: Buffer, memory: number, passes: number): Promise<Buffer> {
  // NFKC: the same password typed on two keyboards is the same bytes (RFC 8265 §4.2).
  const message = password.normalize('NFKC');
  return derive('argon2id', { message, nonce, memory, passes, parallelism: 1, tagLength: HASH_BYTES });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
