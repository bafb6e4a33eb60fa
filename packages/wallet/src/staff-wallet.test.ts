import { generateSigningKey, newNonce, signerFromPkcs8 } from '@salus/crypto';
import { expect, test } from 'vitest';
import { delegation, type StaffWallet } from './staff-wallet.ts';

const HOUR_MS = 3_600_000;
const nowMs = 1_700_000_000_000;
const network = newNonce();

async function spanOf(forMs?: number): Promise<readonly [notBeforeMs: number, notAfterMs: number]> {
  const { privateKey } = await generateSigningKey();
  const wallet: StaffWallet = {
    ...{ network, organisation: 'hospital-a', id: newNonce(), roles: ['clinician'], chain: [] },
    signer: signerFromPkcs8(privateKey),
  };
  const lent = { delegate: newNonce(), scope: ['record.commit'], ...(forMs === undefined ? {} : { forMs }) };
  const { payload } = await delegation(wallet, { network, nowMs }, lent);
  return [payload.notBeforeMs - nowMs, payload.notAfterMs - nowMs];
}

test('a delegation ends after the time that was said', async () => {
  expect(await spanOf(HOUR_MS)).toEqual([-60_000, HOUR_MS]);
});

test('a delegation spans twelve hours where nothing was said, and never more', async () => {
  expect(await spanOf()).toEqual([-60_000, 12 * HOUR_MS - 60_000]);
  expect(await spanOf(24 * HOUR_MS)).toEqual(await spanOf());
});
