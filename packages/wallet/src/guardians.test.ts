import { describe, expect, it } from 'vitest';
import { parseContent } from './content.ts';
import { derivedDeviceKeys } from './device-keys.ts';
import { guardianOffer, guardianUntil, keepWard } from './guardians.ts';
import { createPatientWallet, deviceSigner } from './patient-wallet.ts';

const NETWORK = 'n'.repeat(22);
const ward = { organisation: 'hospital-a', pid: 'w'.repeat(22) };
const YEAR_MS = 365 * 86_400_000;

describe('a guardian’s wallet', () => {
  it('offers a key for the ward alone, keeps the ward, and signs for it as for an own pid', async () => {
    const { wallet } = await createPatientWallet(NETWORK, derivedDeviceKeys(new Uint8Array(32)));
    await expect(deviceSigner(wallet, ward.pid)).rejects.toMatchObject({ code: 'pid-unknown' });
    const { device } = await guardianOffer(wallet, ward);
    const kept = await keepWard(wallet, { ...ward, scope: ['read'], untilMs: 1, name: 'my mother' });
    const { signer, key } = await deviceSigner(kept, ward.pid);
    expect(device.publicKey).toBe(key.publicKey);
    expect(signer).toBe(`pid:${ward.pid}/${kept.content.wards?.[0]?.kid}`);
    const other = await guardianOffer(kept, { ...ward, pid: 'x'.repeat(22) });
    expect(other.device.publicKey).not.toBe(device.publicKey);
    expect(parseContent(new TextEncoder().encode(JSON.stringify(kept.content)))).toEqual(kept.content);
    const own = { ...wallet.content, pids: [{ ...ward, kid: 'k'.repeat(22), recoveryIndex: 0, sequence: 1 }] };
    await expect(guardianOffer({ ...wallet, content: own }, ward)).rejects.toMatchObject({ code: 'pid-known' });
  });

  it('ends a guardianship within a year, and before the month of the birthday that ends it', () => {
    const nowMs = Date.UTC(2026, 10, 21);
    const at = (bornOn: string) => guardianUntil(nowMs, { kind: 'age', bornOn, years: 18 }, nowMs + 10 * YEAR_MS);
    expect(guardianUntil(nowMs, { kind: 'date' }, nowMs + 10 * YEAR_MS)).toBe(nowMs + YEAR_MS + 86_400_000);
    expect(guardianUntil(nowMs, { kind: 'date' }, nowMs + 5)).toBe(nowMs + 5);
    expect(at('2020-05-17')).toBe(nowMs + YEAR_MS + 86_400_000);
    expect(at('2009-05-17')).toBe(Date.UTC(2027, 4, 1));
    expect(at('2008-11-28')).toBe(Date.UTC(2026, 10, 28));
  });
});
