import { signerFromPkcs8, toBase64url } from '@salus/crypto';
import { type DeviceCode, derivedKeyPairs } from '@salus/wallet';
import type { WebDevice } from '@salus/wallet/web';
import { keepPerson, type StaffPerson } from './person.ts';
import { STAFF_KEY } from './staff-session.ts';

/** Where a PKCS #8 key of P-256 has its scalar (RFC 5915; the layout that every writer of this system uses). */
const SCALAR = [36, 68] as const;

/** Makes a device that of a person of the demonstration, whose keys stand in one line. */
export async function takeCode(device: WebDevice, code: DeviceCode): Promise<void> {
  if (code.kind === 'staff') {
    const { privateKey, ...person } = code;
    await takeStaff(device, person, privateKey);
    return;
  }
  const { pids, wards = [] } = code.content;
  for (const { pid } of [...pids, ...wards]) {
    const { signing, hpke } = await derivedKeyPairs(code.rootSecret, pid);
    await device.take(pid, 'sign', { publicKey: signing.publicKey, privateScalar: scalarOf(signing.privateKey) });
    await device.take(pid, 'open', { publicKey: hpke.publicKey, privateScalar: toBase64url(hpke.privateKey) });
  }
  await keepPerson(device, { kind: 'patient', content: code.content, demonstration: true });
}

/** @param privateKey PKCS #8 of P-256 */
export async function takeStaff(device: WebDevice, person: StaffPerson, privateKey: Uint8Array): Promise<void> {
  const { publicKey } = signerFromPkcs8(privateKey);
  await device.take(STAFF_KEY, 'sign', { publicKey, privateScalar: scalarOf(privateKey) });
  await keepPerson(device, person);
}

function scalarOf(pkcs8: Uint8Array): string {
  return toBase64url(pkcs8.slice(...SCALAR));
}
