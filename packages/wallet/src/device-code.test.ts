import { deriveSigningKey, randomBytes } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { type DeviceCode, formatDeviceCode, parseDeviceCode } from './device-code.ts';
import { derivedDeviceKeys } from './device-keys.ts';
import { createPatientWallet } from './patient-wallet.ts';

const network = 'n'.repeat(22);
const staff: DeviceCode = {
  kind: 'staff',
  network,
  organisation: 'hospital-a',
  id: 'i'.repeat(22),
  roles: ['clinician'],
  chain: ['MIIB'],
  privateKey: deriveSigningKey(randomBytes(32), 'x').privateKey,
  account: 'a.rossi',
  password: 'a password of the demonstration',
};

describe('the line with which a person of the demonstration signs in', () => {
  it('is one line, and is read back', async () => {
    const rootSecret = randomBytes(32);
    const { wallet } = await createPatientWallet(network, derivedDeviceKeys(rootSecret));
    const patient: DeviceCode = { kind: 'patient', network, rootSecret, content: wallet.content };
    for (const code of [staff, patient]) {
      const line = formatDeviceCode(code);
      expect(line).toMatch(/^SALUS-DEVICE:1:\S+$/);
      expect(parseDeviceCode(`  ${line}\n`)).toEqual(code);
    }
  });

  it('is refused when it is cut, changed, or something else', () => {
    const line = formatDeviceCode(staff);
    for (const wrong of [
      '',
      'SALUS-SLIP:1:x',
      line.slice(0, -1),
      line.slice(1),
      line.replace(/.....$/, 'A$&'),
      `${line}x`,
    ]) {
      expect(() => parseDeviceCode(wrong), wrong.slice(0, 30)).toThrow(expect.objectContaining({ code: 'bad-wallet' }));
    }
  });
});
