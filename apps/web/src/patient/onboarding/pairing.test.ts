import { offerDevice } from '@salus/client';
import { randomBytes } from '@salus/crypto';
import { derivedDeviceKeys } from '@salus/wallet';
import { describe, expect, it } from 'vitest';
import { formatOffer, formatPairing, parsePairing, readOffer } from './pairing.ts';

const network = 'n'.repeat(22);
const pids = [{ organisation: 'hospital-a', pid: 'p'.repeat(22), kid: 'k'.repeat(22) }];

describe('what two devices show each other', () => {
  it('is a line each, read back, and holds nothing of the wallet but pseudonyms and public keys', async () => {
    const line = formatPairing({
      network,
      pids: pids.map((entry) => ({ ...entry, recoveryIndex: 3, sequence: 9 })),
    });
    expect(parsePairing(` ${line}\n`)).toEqual({ network, pids });
    const offer = await offerDevice(network, derivedDeviceKeys(randomBytes(32)), [pids[0]!.pid]);
    expect(readOffer(formatOffer(offer))).toEqual(offer);
  });

  it('is refused when it is cut, or the other of the two', async () => {
    const line = formatPairing({ network, pids });
    const offer = formatOffer(await offerDevice(network, derivedDeviceKeys(randomBytes(32)), [pids[0]!.pid]));
    const withoutKey = formatPairing({ network, pids: [{ ...pids[0]!, kid: null as never }] });
    for (const wrong of ['', line.slice(0, -3), offer, formatPairing({ network, pids: [] }), withoutKey]) {
      expect(() => parsePairing(wrong), wrong.slice(0, 20)).toThrow(expect.objectContaining({ code: 'bad-wallet' }));
    }
    for (const wrong of ['', offer.slice(0, -3), line]) {
      expect(() => readOffer(wrong), wrong.slice(0, 20)).toThrow(expect.objectContaining({ code: 'bad-wallet' }));
    }
    expect(() => readOffer(`SALUS-OFFER:1:${line.slice('SALUS-PAIR:2:'.length)}`)).toThrow(
      expect.objectContaining({ code: 'bad-offer' }),
    );
  });
});
