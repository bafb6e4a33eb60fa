import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';

/** Whom the patient shut out inside one place: persons from everything or from some label classes, or everybody from these. */
interface Denial {
  readonly denialId: string;
  readonly persons: readonly string[];
  readonly labelClasses: readonly string[];
  readonly atMs: number;
}

export interface DenialAt {
  readonly entry: Place;
  readonly denial: Denial;
}

/** The denials at every place, the newest first. */
export async function listDenials(patient: PatientSession): Promise<readonly DenialAt[]> {
  const perPid = await Promise.all(
    patient.pids.map(async (entry) => {
      const { api, token } = await patient.at(entry.pid);
      const path = pathAt(entry.organisation);
      const { denials } = await api.send<{ denials: readonly Denial[] }>({ method: 'GET', path, token });
      return denials.map((denial) => ({ entry, denial }));
    }),
  );
  return perPid.flat().sort((left, right) => right.denial.atMs - left.denial.atMs);
}

export async function deny(
  patient: PatientSession,
  pid: string,
  { persons, labels }: { readonly persons: readonly string[]; readonly labels: readonly string[] },
): Promise<void> {
  const { api, organisation, token } = await patient.at(pid);
  const body = { persons, labelClasses: labels };
  await api.send({ method: 'POST', path: pathAt(organisation), body, token });
}

export async function withdrawDenial(patient: PatientSession, pid: string, denialId: string): Promise<void> {
  const { api, organisation, token } = await patient.at(pid);
  await api.send({ method: 'DELETE', path: `${pathAt(organisation)}/${encodeURIComponent(denialId)}`, token });
}

function pathAt(organisation: string): string {
  return `/api/v1/orgs/${organisation}/patient/denials`;
}
