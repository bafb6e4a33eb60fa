import { concatBytes, deriveSigningKey, fromBase64url, hashTupleBytes, toBase64url } from '@salus/crypto';
import { toCrockford } from './crockford.ts';
import { WalletError } from './wallet-error.ts';

/** What the hospital hands over at registration. Whoever holds it can claim the pid, once, until it expires. */
export interface Slip {
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  /** 16 random bytes; exist only on the slip. */
  readonly seed: Uint8Array;
}

const ID_BYTES = 16;
const CHECKSUM_LENGTH = 4;
const SLIP_LENGTH_MAX = 200;
const SLIP_PATTERN = /^SALUS-SLIP:1:([a-z][a-z0-9-]{1,31}):([A-Za-z0-9_-]{64}):([0-9A-Z]{4})$/;

/** The text on the slip and in its QR code: `SALUS-SLIP:1:<organisation>:<network ‖ pid ‖ seed>:<checksum>`. */
export function formatSlip(slip: Slip): string {
  const body = toBase64url(concatBytes(fromBase64url(slip.network), fromBase64url(slip.pid), slip.seed));
  return `SALUS-SLIP:1:${slip.organisation}:${body}:${checksum(slip.organisation, body)}`;
}

/** @throws WalletError `bad-slip` where the text is not a slip or a character was misread. */
export function parseSlip(text: string): Slip {
  const match = SLIP_PATTERN.exec(text.slice(0, SLIP_LENGTH_MAX).trim());
  const [, organisation, body, check] = match ?? [];
  if (organisation === undefined || body === undefined || check === undefined) {
    throw new WalletError('bad-slip', 'This is not a slip: it begins with SALUS-SLIP:1: and has four more parts.');
  }
  if (check !== checksum(organisation, body)) {
    throw new WalletError('bad-slip', 'The slip was misread: its last four characters do not fit the rest.');
  }
  const bytes = fromBase64url(body);
  return {
    network: toBase64url(bytes.subarray(0, ID_BYTES)),
    organisation,
    pid: toBase64url(bytes.subarray(ID_BYTES, 2 * ID_BYTES)),
    seed: bytes.slice(2 * ID_BYTES),
  };
}

/** The claim key of a slip: the ledger holds its public half, the slip alone the seed. */
export function claimKeyOf(seed: Uint8Array, pid: string): ReturnType<typeof deriveSigningKey> {
  return deriveSigningKey(seed, `claim/${pid}`);
}

function checksum(organisation: string, body: string): string {
  return toCrockford(hashTupleBytes('slip-checksum', organisation, body)).slice(0, CHECKSUM_LENGTH);
}
