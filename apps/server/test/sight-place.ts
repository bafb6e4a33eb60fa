import type { LightMyRequestResponse } from 'fastify';
import { linkPractitioner, putInCare } from './admitted.ts';
import { FHIR_JSON, JSON_PATCH, placesOf, transaction } from './fhir-place.ts';
import { claimPatient, revokeGrant, type TestPatient, type TestServer } from './hospital.ts';
import { grantToApp, openSmartHospital, registerService, type SmartHospital, serviceToken } from './smart-hospital.ts';

/** What a patient has said: nothing, these persons not, or none of a label class. */
export const CONSENTS = ['no denial', 'the person denied', 'the label denied'] as const;
export type Consent = (typeof CONSENTS)[number];

/** Records of each patient: an Observation each. */
export const TARGETS = ['laboratory N', 'laboratory HIV', 'vital-signs N'] as const;
export type Target = (typeof TARGETS)[number];

/** Who asks. The services are apps without a role, to which a patient granted identity and laboratory, label N, for TREAT. */
export const READERS = [
  ...['clinician in care', 'clinician not in care', 'nurse in care', 'pharmacist in care', 'laboratory in care'],
  ...['registrar', 'administrator', 'another patient', 'service for TREAT', 'service for HRESCH'],
] as const;
export type Reader = string;

export interface Hidden {
  readonly id: string;
  /** Stands in the resource, and in no other. */
  readonly marker: string;
}

export interface Chart {
  readonly patient: TestPatient;
  /** An Observation, `laboratory N` itself, whose members are all targets. */
  readonly panel: string;
  readonly targets: Readonly<Record<Target, Hidden>>;
}

/** One hospital whose patients differ in what they consented to, and all who may ask. */
export interface SightPlace extends AsyncDisposable {
  readonly server: TestServer;
  readonly charts: Readonly<Record<Consent, Chart>>;
  tokenOf(reader: Reader): string;
  ask(token: string, method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: Asked): Answered;
  /** What a patient says of persons and label classes; gives the denial's id. */
  deny(patient: TestPatient, denial: Denying): Promise<string>;
  allow(patient: TestPatient, denialId: string): Promise<void>;
}

type Answered = Promise<LightMyRequestResponse>;

interface Denying {
  readonly persons?: readonly string[];
  readonly labelClasses?: readonly string[];
}

interface Asked {
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
const STAFF: Readonly<Record<string, string>> = {
  'clinician in care': 'a.rossi',
  'clinician not in care': 'a.mehta',
  'nurse in care': 'a.nurse',
  'pharmacist in care': 'a.pharmacist',
  'laboratory in care': 'a.laboratory',
  registrar: 'a.desk',
  administrator: 'hospital-a.admin',
};
const WRITERS = ['a.rossi', 'a.mehta', 'a.nurse', 'a.pharmacist', 'a.laboratory', 'a.desk'];
const CODES: Readonly<Record<Target, readonly [string, string]>> = {
  'laboratory N': ['laboratory', '718-7'],
  'laboratory HIV': ['laboratory', '20447-9'],
  'vital-signs N': ['vital-signs', '8867-4'],
};

export async function openSightPlace(): Promise<SightPlace> {
  const colleague = (role: string) => ({
    ...{ account: `a.${role}`, roles: [role], family: 'Example', given: role, licence: `hospital-a-${role}` },
  });
  const hospital = await openSmartHospital(['hospital-a'], [colleague('pharmacist'), colleague('laboratory')]);
  const { server } = hospital;
  const tokens = new Map<Reader, string>();
  for (const [reader, account] of Object.entries(STAFF)) {
    tokens.set(reader, await server.logIn(account, { writing: WRITERS.includes(account) }));
  }
  const ask: SightPlace['ask'] = (token, method, path, { body, type = FHIR_JSON, headers = {} } = {}) =>
    server.app.inject({
      ...{ method, url: path.startsWith('/') ? path : `${BASE}${path === '' ? '' : `/${path}`}` },
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
  const tokenOf = (reader: Reader): string => {
    const token = tokens.get(reader);
    if (token === undefined) throw new Error(`nobody is ${reader}`);
    return token;
  };
  const deny: SightPlace['deny'] = async ({ token }, { persons = [], labelClasses = [] }) => {
    const { status, json, text } = await server.send('POST', `${A}/patient/denials`, {
      ...{ token, body: { persons, labelClasses } },
    });
    if (status !== 200) throw new Error(text);
    return (json as { denialId: string }).denialId;
  };
  const allow: SightPlace['allow'] = async ({ token }, denialId) => {
    await server.send('DELETE', `${A}/patient/denials/${denialId}`, { token });
  };
  const practitioner = await linkedPractitioner({ server, ask, tokenOf });
  const made = { server, ask, tokenOf };
  const charts = {
    'no denial': await chartOf(made, practitioner),
    'the person denied': await chartOf(made, practitioner),
    'the label denied': await chartOf(made, practitioner),
  };
  const other = await chartOf(made, practitioner);
  tokens.set('another patient', other.patient.token);
  await grantServices(hospital, charts, tokens);
  const persons = Object.values(STAFF).map((account) => server.wallet(account).id);
  await deny(charts['the person denied'].patient, { persons });
  await deny(charts['the label denied'].patient, { labelClasses: ['HIV'] });
  return {
    ...{ server, charts, tokenOf, ask, deny, allow },
    [Symbol.asyncDispose]: () => hospital[Symbol.asyncDispose](),
  };
}

type Made = Pick<SightPlace, 'server' | 'ask' | 'tokenOf'>;

async function linkedPractitioner({ server, ask, tokenOf }: Made): Promise<string> {
  const body = { resourceType: 'Practitioner', active: true };
  const { id } = (await ask(tokenOf('clinician in care'), 'POST', 'Practitioner', { body })).json<{ id: string }>();
  await linkPractitioner(server, { account: 'a.rossi', practitioner: id });
  return `Practitioner/${id}`;
}

async function chartOf(made: Made, practitioner: string): Promise<Chart> {
  const { server, ask, tokenOf } = made;
  const doctor = tokenOf('clinician in care');
  const person = `urn:uuid:${crypto.randomUUID()}`;
  const system = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
  const encounter = {
    ...{ resourceType: 'Encounter', status: 'in-progress', class: { system, code: 'AMB' } },
    ...{ subject: { reference: person }, participant: [{ individual: { reference: practitioner } }] },
  };
  const body = transaction(
    {
      fullUrl: person,
      resource: { resourceType: 'Patient', name: [{ family: 'Example' }] },
      request: { method: 'POST', url: 'Patient' },
    },
    { resource: encounter, request: { method: 'POST', url: 'Encounter' } },
  );
  const admitted = await ask(doctor, 'POST', '', { body });
  if (admitted.statusCode !== 200) throw new Error(admitted.body);
  const fhirId = placesOf(admitted.json())[0]!.split('/')[1]!;
  const patient = await claimPatient(server, 'hospital-a', fhirId);
  for (const account of ['a.nurse', 'a.pharmacist', 'a.laboratory']) {
    await putInCare(server, { pid: patient.pid, account });
  }
  const subject = `Patient/${fhirId}`;
  const write = async (target: Target, members: readonly string[] = []): Promise<Hidden> => {
    const marker = `marker-${crypto.randomUUID()}`;
    const written = await ask(doctor, 'POST', 'Observation', {
      body: markedObservation(target, { subject, marker, members }),
    });
    if (written.statusCode !== 201) throw new Error(written.body);
    return { id: written.json<{ id: string }>().id, marker };
  };
  const [normal, hiv, vital] = [
    await write('laboratory N'),
    await write('laboratory HIV'),
    await write('vital-signs N'),
  ];
  const panel = await write(
    'laboratory N',
    [normal, hiv, vital].map(({ id }) => `Observation/${id}`),
  );
  return {
    ...{ patient, panel: panel.id },
    targets: { 'laboratory N': normal, 'laboratory HIV': hiv, 'vital-signs N': vital },
  };
}

/** An Observation of a target's category and label class with a marker in it. */
export function markedObservation(
  target: Target,
  {
    subject,
    marker,
    members = [],
  }: { readonly subject: string; readonly marker: string; readonly members?: readonly string[] },
): object {
  const [category, code] = CODES[target];
  return {
    ...{ resourceType: 'Observation', status: 'final', subject: { reference: subject }, valueString: marker },
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: category }] }],
    code: { coding: [{ system: 'http://loinc.org', code }] },
    identifier: [{ system: 'urn:example:order', value: marker }],
    ...(members.length === 0 ? {} : { hasMember: members.map((reference) => ({ reference })) }),
  };
}

async function grantServices(
  hospital: SmartHospital,
  charts: SightPlace['charts'],
  tokens: Map<Reader, string>,
): Promise<void> {
  const { server } = hospital;
  const scope = 'system/*.cruds';
  for (const purpose of ['TREAT', 'HRESCH'] as const) {
    const service = await registerService(hospital, { scope, purpose });
    for (const consent of CONSENTS) {
      const { patient } = charts[consent];
      const categories = ['identity', 'laboratory'];
      const granted = await grantToApp(server, patient, {
        ...{ client: service.clientId, categories, labelClasses: ['N'], purposes: ['TREAT'] },
      });
      // An app is no person of the organisation: what denies it is that its grant is gone.
      if (consent === 'the person denied') await revokeGrant(server, patient, granted);
    }
    tokens.set(`service for ${purpose}`, (await serviceToken(hospital, service, scope)).json.access_token);
  }
}

export const patchOf = (status: string): Asked => ({
  body: [{ op: 'replace', path: '/status', value: status }],
  type: JSON_PATCH,
});

/** A finished export of all Observations: the path of its status, and its files. */
export async function exportedFor(
  { ask, server }: SightPlace,
  token: string,
): Promise<{ readonly status: string; readonly output: readonly { readonly url: string }[] }> {
  const headers = { prefer: 'respond-async', accept: FHIR_JSON };
  const begun = await ask(token, 'GET', 'Patient/$export?_type=Observation', { headers });
  if (begun.statusCode !== 202) throw new Error(begun.body);
  const status = new URL(String(begun.headers['content-location'])).pathname;
  await server.node.organisations.get('hospital-a')!.exports.ended(status.split('/').at(-1)!);
  const { output } = (await ask(token, 'GET', status)).json<{ output: readonly { url: string }[] }>();
  return { status, output };
}
