import { GUARDIAN_OFFER_VERSION, type GuardianOffer } from '@salus/wallet';
import { expect, test } from 'vitest';
import { formatOffers, formatWardCode, parseOffers, parseWardCode } from './guardian-codes.ts';

const places = [
  { organisation: 'hospital-a', pid: 'A'.repeat(22) },
  { organisation: 'hospital-b', pid: 'B'.repeat(22) },
];
const network = 'N'.repeat(22);
const offer: GuardianOffer = {
  version: GUARDIAN_OFFER_VERSION,
  network,
  ...places[0]!,
  device: { publicKey: 'k', hpke: 'h', proof: 'p' },
};

test('a ward’s code names the places, whatever stands around it', () => {
  expect(parseWardCode(` ${formatWardCode(places)}\n`)).toEqual(places);
});

test('half a code, or another, is none', () => {
  const code = formatWardCode(places);
  for (const text of ['', 'SALUS-WARD:1:', code.slice(0, -1), code.slice(6), `${code},`, formatOffers([offer])])
    expect(parseWardCode(text)).toBeUndefined();
});

test('a guardian’s code carries its offers to the ward it is for', () => {
  expect(parseOffers(formatOffers([offer]), { network, places })).toEqual([offer]);
});

test('a guardian’s code for somebody else, of another network, or cut off is refused', () => {
  const code = formatOffers([offer]);
  expect(parseOffers(code, { network: 'M'.repeat(22), places })).toBeUndefined();
  expect(parseOffers(code, { network, places: places.slice(1) })).toBeUndefined();
  for (const text of ['', code.slice(0, -3), formatOffers([]), formatWardCode(places), 'SALUS-GUARDIAN:1:bnVsbA'])
    expect(parseOffers(text, { network, places })).toBeUndefined();
});
