/** What a patient shows to be found, as text or QR: the pid at one organisation. It opens nothing. */
export interface PatientCode {
  readonly organisation: string;
  readonly pid: string;
}

const CODE = /^SALUS-PATIENT:1:([a-z][a-z0-9-]{1,31}):([A-Za-z0-9_-]{22})$/;
const PID = /^[A-Za-z0-9_-]{22}$/;

export function formatPatientCode({ organisation, pid }: PatientCode): string {
  return `SALUS-PATIENT:1:${organisation}:${pid}`;
}

/** Takes a bare pid too, of the own organisation; undefined for anything else. */
export function parsePatientCode(text: string, own: string): PatientCode | undefined {
  const trimmed = text.trim();
  if (PID.test(trimmed)) return { organisation: own, pid: trimmed };
  const [, organisation, pid] = CODE.exec(trimmed) ?? [];
  return organisation === undefined || pid === undefined ? undefined : { organisation, pid };
}
