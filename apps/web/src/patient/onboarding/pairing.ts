import { type DeviceOffer, parseOffer } from '@salus/client';
import { canonicalBytes, fromBase64url, type Json, parseJson, toBase64url } from '@salus/crypto';
import { type PidEntry, WalletError } from '@salus/wallet';

const BYTES_MAX = 20_000;
const PAIR = /^SALUS-PAIR:2:([A-Za-z0-9_-]{1,30000})$/;
const OFFER = /^SALUS-OFFER:1:([A-Za-z0-9_-]{1,30000})$/;
const PIDS_MAX = 32;

/**
 * What the old device shows: for which pids the new one makes keys, and by which keys of its own the new one knows it again.
 * Whoever sees it learns pseudonyms, and can do nothing.
 */
export interface Pairing {
  readonly network: string;
  readonly pids: readonly Pick<PidEntry, 'organisation' | 'pid' | 'kid'>[];
}

export function formatPairing({ network, pids }: Pairing): string {
  const content = { network, pids: pids.map(({ organisation, pid, kid }) => ({ organisation, pid, kid })) };
  return `SALUS-PAIR:2:${toBase64url(canonicalBytes(content))}`;
}

/** @throws WalletError `bad-wallet` */
export function parsePairing(text: string): Pairing {
  const value = parse(PAIR, text) as unknown as Partial<Pairing> | null;
  const wellFormed =
    typeof value?.network === 'string' &&
    Array.isArray(value.pids) &&
    value.pids.length > 0 &&
    value.pids.length <= PIDS_MAX &&
    value.pids.every(({ organisation, pid, kid }) =>
      [organisation, pid, kid].every((text) => typeof text === 'string'),
    );
  if (!wellFormed) throw misread();
  return value as Pairing;
}

/** What the new device shows: its public keys, each proven. */
export function formatOffer(offer: DeviceOffer): string {
  return `SALUS-OFFER:1:${toBase64url(canonicalBytes(offer as unknown as Json))}`;
}

/** @throws WalletError `bad-wallet`; ClientError `bad-offer` */
export function readOffer(text: string): DeviceOffer {
  return parseOffer(parse(OFFER, text));
}

function parse(pattern: RegExp, text: string): Json {
  const [, body] = pattern.exec(text.trim()) ?? [];
  if (body === undefined) throw misread();
  try {
    return parseJson(fromBase64url(body), { sizeMax: BYTES_MAX, depthMax: 8 });
  } catch (cause) {
    throw new WalletError('bad-wallet', 'The line was not copied whole.', { cause });
  }
}

function misread(): WalletError {
  return new WalletError('bad-wallet', 'The line was not copied whole.');
}
