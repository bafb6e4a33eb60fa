import type { NodeSession, UsableGrant } from '@salus/client';
import { type FhirTree, parseFhirJson, stringifyFhirJson, stringOf } from '@salus/fhir/parse';

/** What tells one person from another before anything else of theirs is opened. */
export interface PatientCard {
  readonly fhirId: string;
  readonly pid: string;
  readonly name: string;
  readonly birthDate: string | null;
  readonly gender: string | null;
  readonly city: string | null;
  readonly phoneEnd: string | null;
  readonly identifiers: readonly string[];
}

export interface FoundPatient {
  readonly card: PatientCard;
  readonly grade: 'exact' | 'alike' | 'remote';
}

/** What a clinician knows of a person; empty texts are left out. */
export interface Description {
  readonly name?: string;
  readonly birthDate?: string;
  readonly phone?: string;
  readonly identifier?: string;
  readonly pid?: string;
}

export interface Visit {
  readonly kind: 'encounter' | 'appointment';
  readonly id: string;
  readonly status: string;
  readonly startMs: number | null;
  readonly reason: string | null;
  readonly patient: PatientCard;
}

export interface AskedAccess {
  readonly request: string;
  readonly requester: string;
  readonly status: 'open' | 'granted' | 'partly' | 'declined';
  readonly createdMs: number;
  readonly categories: readonly string[];
  readonly purposes: readonly string[];
  readonly notAfterMs: number | null;
  readonly text: string;
}

export interface PatientAccess {
  readonly pid: string;
  readonly requests: readonly AskedAccess[];
  readonly grants: readonly (UsableGrant & { readonly request: string })[];
}

const post = <Answer>({ api, organisation, token }: NodeSession, path: string, body: unknown): Promise<Answer> =>
  api.send<Answer>({ method: 'POST', path: `/api/v1/orgs/${organisation}/${path}`, body, token });

export function searchPatients(
  session: NodeSession,
  described: Description,
): Promise<{ readonly patients: readonly FoundPatient[]; readonly more: boolean }> {
  return post(session, 'patients/search', described);
}

export function locatePatient(
  session: NodeSession,
  asked: Description & { readonly reason: string },
): Promise<{ readonly pid: string }> {
  return post(session, 'emergencies/locate', asked);
}

export function listVisits(
  { api, organisation, token }: NodeSession,
  day: { readonly fromMs: number; readonly untilMs: number },
): Promise<{ readonly visits: readonly Visit[]; readonly practitioners: readonly string[] }> {
  return api.send({ method: 'GET', path: `/api/v1/orgs/${organisation}/patients/today`, query: { ...day }, token });
}

export function readAccess({ api, organisation, token }: NodeSession, fhirId: string): Promise<PatientAccess> {
  return api.send({ method: 'GET', path: `/api/v1/orgs/${organisation}/patients/${fhirId}/access`, token });
}

/** A resource of the own base, opened here. */
export async function readResource({ api, organisation, token }: NodeSession, reference: string): Promise<FhirTree> {
  return parseFhirJson(await api.sendText({ method: 'GET', path: `/${organisation}/fhir/R4/${reference}`, token }));
}

/** Writes one resource; its number literals go as they are. Answers `Type/id`. */
export async function createResource({ api, organisation, token }: NodeSession, resource: FhirTree): Promise<string> {
  const type = stringOf(resource.resourceType) ?? '';
  const path = `/${organisation}/fhir/R4/${type}`;
  const text = await api.sendText({ method: 'POST', path, fhir: stringifyFhirJson(resource), token });
  return `${type}/${stringOf(parseFhirJson(text).id) ?? ''}`;
}
