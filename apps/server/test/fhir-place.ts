import type { LightMyRequestResponse } from 'fastify';
import { openTestServer, type TestServer } from './hospital.ts';

export const FHIR_JSON = 'application/fhir+json';
export const FHIR_XML = 'application/fhir+xml';
export const JSON_PATCH = 'application/json-patch+json';
const BASE = '/hospital-a/fhir/R4';

/** One hospital's FHIR base, with a doctor who has a patient in care and a nurse who has not. */
export interface FhirPlace extends AsyncDisposable {
  readonly server: TestServer;
  readonly doctor: string;
  readonly nurse: string;
  /** `Patient/<id>` of the doctor's patient, and the encounter that puts them into care. */
  readonly patient: string;
  readonly encounter: string;
  ask(method: Method, path: string, options?: AskOptions): Promise<LightMyRequestResponse>;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface AskOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `publicUrl`: where the node says that it is, for clients that follow its links. */
export async function openFhirPlace(publicUrl?: string): Promise<FhirPlace> {
  const server = await openTestServer(['hospital-a', 'hospital-b'], publicUrl);
  const doctor = await server.logIn('a.rossi', { writing: true });
  const nurse = await server.logIn('a.nurse', { writing: true });
  const ask: FhirPlace['ask'] = (method, path, { token = doctor, body, type = FHIR_JSON, headers = {} } = {}) =>
    server.app.inject({
      method,
      url: `${BASE}${path === '' ? '' : `/${path}`}`,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const practitioner = await ask('POST', 'Practitioner', { body: { resourceType: 'Practitioner', active: true } });
  const person = practitioner.json<{ id: string }>().id;
  const admin = await server.logIn('hospital-a.admin');
  const linked = await server.send('POST', '/api/v1/orgs/hospital-a/practitioners', {
    token: admin,
    body: { practitioner: person, person: server.wallet('a.rossi').id },
  });
  if (linked.status !== 204) throw new Error(linked.text);
  const admitted = await ask('POST', '', { body: admission(`Practitioner/${person}`) });
  const [patient = '', encounter = ''] = placesOf(admitted.json());
  return {
    ...{ server, doctor, nurse, patient, encounter, ask },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A patient and the encounter that opens the record to a practitioner. */
function admission(practitioner: string) {
  const patient = `urn:uuid:${crypto.randomUUID()}`;
  return transaction(
    {
      fullUrl: patient,
      resource: { resourceType: 'Patient', name: [{ family: 'Example' }] },
      request: { method: 'POST', url: 'Patient' },
    },
    {
      resource: {
        resourceType: 'Encounter',
        status: 'in-progress',
        class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
        subject: { reference: patient },
        participant: [{ individual: { reference: practitioner } }],
      },
      request: { method: 'POST', url: 'Encounter' },
    },
  );
}

export function transaction(...entry: readonly object[]) {
  return { resourceType: 'Bundle', type: 'transaction', entry };
}

export function observation(subject: string, more: object = {}) {
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
    subject: { reference: subject },
    ...more,
  };
}

/** `Type/id` of each entry of a response bundle. */
export function placesOf(bundle: {
  readonly entry: readonly { readonly response: { readonly location?: string } }[];
}): readonly string[] {
  return bundle.entry.map(({ response }) => (response.location ?? '').replace(/\/_history.*/, ''));
}

/** The node's own code of a refusal. */
export function codeOf(answer: LightMyRequestResponse): string {
  const outcome = answer.json<{ issue: [{ details: { coding: [{ code: string }] } }] }>();
  return outcome.issue[0].details.coding[0].code;
}
