import { hashTuple, hashTupleBytes, randomBytes, toBase64url } from '@salus/crypto';

const CODE_BYTES = 16;
const CODE = /^SALUS-JOIN:1:([a-z][a-z0-9-]{1,31}):([A-Za-z0-9_-]{22})$/;
const DIGITS = 16;
const NUMBER_BYTES = 12;

/** A one-time code for a colleague, drawn on the administrator's device; the node learns only `ref`. */
export function newInvitationCode(
  network: string,
  organisation: string,
): { readonly text: string; readonly ref: string } {
  const code = toBase64url(randomBytes(CODE_BYTES));
  return { text: `SALUS-JOIN:1:${organisation}:${code}`, ref: refOf(network, organisation, code) };
}

export function parseInvitationCode(
  text: string,
): { readonly organisation: string; readonly code: string } | undefined {
  const [, organisation, code] = CODE.exec(text.replaceAll(/\s/g, '')) ?? [];
  return organisation === undefined || code === undefined ? undefined : { organisation, code };
}

export function refOf(network: string, organisation: string, code: string): string {
  return hashTuple('invitation', network, organisation, code);
}

/** What the new key signs to show that it came with the code. */
export function claimStatement(network: string, organisation: string, ref: string, publicKey: string): string {
  return hashTuple('invitation-claim', network, organisation, ref, publicKey);
}

/**
 * Sixteen digits of a public key that two people read to each other: whoever put another key in between would have to draw
 * some 10^16 keys, until one has the same digits, within the life of the code.
 */
export function numberOf(publicKey: string): string {
  const start = hashTupleBytes('enrolment-number', publicKey).subarray(0, NUMBER_BYTES);
  const value = start.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % 10n ** BigInt(DIGITS);
  return value
    .toString()
    .padStart(DIGITS, '0')
    .replaceAll(/(.{4})(?=.)/g, '$1 ');
}
