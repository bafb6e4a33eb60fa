import { apiClient } from '@salus/client';
import { signerFromPkcs8 } from '@salus/crypto';
import {
  derivedDeviceKeys,
  formatDeviceCode,
  guardianOffer,
  keepWard,
  parseDeviceCode,
  staffAppointGuardian,
} from '@salus/wallet';
import type { PatientPerson, Stage } from './harness.ts';

const DAY_MS = 86_400_000;
/** As whom the guardian's own device knows the ward. */
export const WARD_NAME = 'My child';

/** The sign-in line of a patient whose device also acts for a ward: the desk of hospital A has appointed its key. */
export async function guardianLine(
  { url, cast }: Stage,
  { guardian, ward }: { readonly guardian: PatientPerson; readonly ward: PatientPerson },
): Promise<string> {
  const code = parseDeviceCode(guardian.device ?? '');
  const desk = parseDeviceCode(cast.staff.find(({ account }) => account === 'a.desk')?.device ?? '');
  const there = ward.at.find(({ organisation }) => organisation === 'hospital-a');
  if (code.kind !== 'patient' || desk.kind !== 'staff' || there === undefined) throw new Error('not of this cast');
  const { organisation, pid } = there;
  const wallet = { content: code.content, keys: derivedDeviceKeys(code.rootSecret) };
  const { device } = await guardianOffer(wallet, { organisation, pid });
  const nowMs = Date.now();
  const term = { scope: ['read', 'consent'], untilMs: nowMs + DAY_MS } as const;
  const { call, privateArgs } = await staffAppointGuardian(
    { ...desk, signer: signerFromPkcs8(desk.privateKey) },
    { network: desk.network, nowMs },
    {
      pid,
      device,
      ...term,
      guardian: { name: guardian.name, relation: 'parent' },
      evidence: { kind: 'birth-certificate', text: 'No. 4711', digest: null },
      ends: { kind: 'date' },
    },
  );
  const path = `/api/v1/orgs/${organisation}/guardians`;
  await apiClient(url, fetch).send({ method: 'POST', path, body: { call, privateArgs } });
  const { content } = await keepWard(wallet, { organisation, pid, ...term, name: WARD_NAME });
  return formatDeviceCode({ ...code, content });
}
