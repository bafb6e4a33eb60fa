import { claimPatient, importChapter, type TestPatient, type TestServer } from './hospital.ts';

const ASSIGNED_MS = 3_600_000;

/** A patient whose chapter was imported, who got a slip at the desk and claimed it. */
export interface AdmittedPatient extends TestPatient {
  /** What the chapter became: `Type/id`. */
  readonly written: readonly string[];
}

/** `chapter`: a bundle; without it the one that the demonstration tells of `slug`. */
export async function admitPatient(server: TestServer, slug: string, chapter?: string): Promise<AdmittedPatient> {
  const { fhirId, locations } = await importChapter(server, slug, chapter);
  const patient = await claimPatient(server, slug, fhirId);
  return Object.assign(patient, { written: locations.map((location) => location.replace(/\/_history.*$/, '')) });
}

/** `Type/id` of the first resource of a type in the patient's chapter. */
export function firstWritten({ written }: AdmittedPatient, type: string): string {
  const found = written.find((place) => place.startsWith(`${type}/`));
  if (found === undefined) throw new Error(`the chapter has no ${type}`);
  return found;
}

/** The administrator says which Practitioner a member of staff is: they have in care whom that one treats. */
export async function linkPractitioner(
  server: TestServer,
  { account, practitioner }: { readonly account: string; readonly practitioner: string },
): Promise<void> {
  const { organisation, id: person } = server.wallet(account);
  const token = await server.logIn(`${organisation}.admin`);
  const body = { practitioner: practitioner.replace(/^Practitioner\//, ''), person };
  const linked = await server.send('POST', `/api/v1/orgs/${organisation}/practitioners`, { token, body });
  if (linked.status !== 204) throw new Error(linked.text);
}

/** The desk of hospital A puts a patient into somebody's care for an hour. */
export async function putInCare(
  server: TestServer,
  { pid, account }: { readonly pid: string; readonly account: string },
): Promise<void> {
  const { organisation, id: person } = server.wallet(account);
  const token = await server.logIn('a.desk');
  const body = { pid, person, untilMs: server.occasion().nowMs + ASSIGNED_MS };
  const assigned = await server.send('POST', `/api/v1/orgs/${organisation}/assignments`, { token, body });
  if (assigned.status !== 204) throw new Error(assigned.text);
}
