import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chapterAt, claimPatient, importChapter, type TestPatient } from '../../test/hospital.ts';
import { launchAsPatient, PATIENT_SCOPE, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  registerClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';

let hospital: SmartHospital;
let patient: TestPatient;
let token: string;
let clientId: string;
/** `Type/id` of what the grant opens, of the patient's other records, and of somebody else's. */
let granted: readonly string[];
let closed: readonly string[];
let others: readonly string[];
let other: string;
let answers: readonly (readonly [place: string, status: number])[];

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a']);
  const { server } = hospital;
  const mine = await importChapter(server, 'hospital-a');
  const theirs = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 11));
  patient = await claimPatient(server, 'hospital-a', mine.fhirId);
  other = theirs.fhirId;
  const places = (of: readonly string[]): readonly string[] => of.map((place) => place.replace(/\/_history.*$/, ''));
  ({ clientId } = await registerClient(server, { scope: PATIENT_SCOPE }));
  const categories = ['identity', 'laboratory'];
  const begun = await launchAsPatient(hospital, patient, { clientId, choice: { categories } });
  token = (await redeem(hospital, begun, { clientId })).json.access_token;
  const directory = /^(Organization|Practitioner|PractitionerRole|Location|Medication)\//;
  answers = await Promise.all(
    places(mine.locations)
      .filter((place) => !directory.test(place))
      .map(async (place) => [place, (await get(place)).status] as const),
  );
  granted = answers.filter(([, status]) => status === 200).map(([place]) => place);
  closed = answers.filter(([, status]) => status === 403).map(([place]) => place);
  others = places(theirs.locations).filter((place) => !directory.test(place));
}, 180_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

function get(path: string): Promise<HttpAnswer> {
  return ask(`${hospital.base}/${path}`, { headers: { authorization: `Bearer ${token}` } });
}

function post(path: string, body: object, type = 'application/fhir+json'): Promise<HttpAnswer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': type };
  const url = path === '' ? hospital.base : `${hospital.base}/${path}`;
  return ask(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Ids that stand in an answer and must not: references inside a record that was granted are the record's own text. */
function leaksOf({ json }: HttpAnswer): readonly string[] {
  const shown = new Set<string>();
  collect(json, shown);
  return [...closed, ...others].filter((place) => shown.has(place));
}

function collect(value: unknown, shown: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, shown);
  if (typeof value !== 'object' || value === null) return;
  const { resourceType, id } = value as { resourceType?: string; id?: string };
  if (resourceType !== undefined && id !== undefined) shown.add(`${resourceType}/${id}`);
  for (const member of Object.values(value)) collect(member, shown);
}

const idOf = (place: string): string => place.split('/')[1]!;

describe('a patient’s app that was granted identity and laboratory', () => {
  it('reads some of the patient’s records, and is refused the others', () => {
    expect([granted.length > 1, closed.length > 1, others.length > 1]).toEqual([true, true, true]);
    expect(granted.length + closed.length).toBe(answers.length);
  });

  it('is shown these at every door, and nothing else of the patient, nor of anybody else', async () => {
    const own = patient.fhirId;
    const doors = [
      ...['Patient', `Patient?_id=${other}`, `Patient?_id=${own}`, 'Observation', `Observation?patient=${own}`],
      ...[`Observation?patient=${other}`, 'MedicationRequest', 'Condition', 'Encounter', `Condition?patient=${own}`],
      ...[`Patient?_id=${own}&_revinclude=MedicationRequest:subject&_revinclude=Condition:subject`],
      ...[`Patient?_id=${own}&_revinclude=Encounter:subject&_revinclude=Observation:subject`],
      ...['Observation?_include=Observation:subject&_include=Observation:encounter', 'Observation?_include=*'],
      ...[`Patient/${own}/$everything`, `Patient/${other}/$everything`, `Patient/${own}/$summary`],
      ...['Observation/_history', 'Patient/_history', '_history', 'Condition/_history', `Patient/${other}/_history`],
      ...closed.flatMap((place) => [`${place}/_history`, `${place}/_history/1`, `${place}/$proof`]),
      ...others.slice(0, 6).flatMap((place) => [place, `${place}/_history/1`, `${place}/$everything`]),
      ...['AuditEvent', `AuditEvent?patient=${own}`, `Consent?patient=${own}`, 'Provenance'],
    ];
    let found = 0;
    for (const door of doors) {
      const answer = await get(door);
      expect([door, answer.status < 500, leaksOf(answer)]).toEqual([door, true, []]);
      const shown = new Set<string>();
      collect(answer.json, shown);
      found += granted.filter((place) => shown.has(place)).length;
    }
    expect(found).toBeGreaterThan(granted.length);
  }, 240_000);

  it('learns no number of what it is not shown', async () => {
    for (const [door, total] of [
      [`MedicationRequest?patient=${patient.fhirId}&_total=accurate`, 0],
      [`Condition?patient=${patient.fhirId}&_summary=count`, 0],
      [`Patient?_id=${other}&_summary=count`, 0],
      [`Patient?_id=${patient.fhirId}&_summary=count`, 1],
      [`Patient?_has:MedicationRequest:subject:status=active`, 0],
      [
        `Patient?_has:Condition:subject:_id=${idOf(closed.find((place) => place.startsWith('Condition/')) ?? 'Condition/x')}`,
        0,
      ],
    ] as const) {
      const { status, json } = await get(door);
      expect([door, status, json.total]).toEqual([door, 200, total]);
    }
  });

  it('gets no more by batches, GraphQL and exports', async () => {
    const entries = [...closed, ...others.slice(0, 5)].map((url) => ({ request: { method: 'GET', url } }));
    const batch = await post('', { resourceType: 'Bundle', type: 'batch', entry: entries });
    expect([batch.status, batch.json.entry.length, leaksOf(batch)]).toEqual([200, entries.length, []]);
    const query =
      '{ ConditionList { id resourceType } MedicationRequestList { id resourceType } PatientList { id resourceType } }';
    const graph = await post('$graphql', { query }, 'application/json');
    expect(graph.status).toBeLessThan(500);
    for (const place of [...closed, ...others])
      expect([place, graph.text.includes(idOf(place))]).toEqual([place, false]);
    const started = await ask(`${hospital.base}/Patient/$export`, {
      headers: { authorization: `Bearer ${token}`, prefer: 'respond-async', accept: 'application/fhir+json' },
    });
    if (started.status !== 202) return expect(started.status).toBe(403);
    const shown = new Set<string>();
    for (const resource of await exported(started.headers.get('content-location')!)) collect(resource, shown);
    expect([...closed, ...others].filter((place) => shown.has(place))).toEqual([]);
    expect(granted.filter((place) => shown.has(place)).length).toBeGreaterThan(1);
  }, 240_000);

  it('stands with its grant in the log of everything that it was shown', async () => {
    await get(`Observation?patient=${patient.fhirId}`);
    await get(`Patient/${patient.fhirId}/$everything`);
    const headers = { authorization: `Bearer ${token}`, prefer: 'respond-async', accept: 'application/fhir+json' };
    const started = await ask(`${hospital.base}/Patient/$export`, { headers });
    await exported(started.headers.get('content-location')!);
    const { audit } = hospital.server.node.organisations.get('hospital-a')!.vault;
    const lines = await audit.listOfPid(patient.pid, { limit: 200 });
    const events = lines.map(({ event }) => event).filter(({ who }) => who?.kind === 'member' && who.id === clientId);
    const kinds = new Set(events.map(({ kind }) => kind));
    expect(['search', 'export'].every((kind) => kinds.has(kind as 'search'))).toBe(true);
    expect(events.filter(({ grant }) => grant === null)).toEqual([]);
  }, 240_000);

  it('writes by no door', async () => {
    const condition = { resourceType: 'Condition', subject: { reference: `Patient/${patient.fhirId}` } };
    const fullUrl = 'urn:uuid:00000000-0000-4000-8000-00000000000a';
    const entry = [{ fullUrl, resource: condition, request: { method: 'POST', url: 'Condition' } }];
    const writes = [
      await post('Condition', condition),
      await post('', { resourceType: 'Bundle', type: 'transaction', entry }),
      ...(await Promise.all(
        (['PUT', 'PATCH', 'DELETE'] as const).map((method) =>
          ask(`${hospital.base}/${granted[0]!}`, {
            method,
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json', 'if-match': 'W/"1"' },
            ...(method === 'DELETE' ? {} : { body: JSON.stringify(condition) }),
          }),
        ),
      )),
    ];
    expect(writes.map(({ status, json }) => [status, json.resourceType])).toEqual(
      writes.map(() => [403, 'OperationOutcome']),
    );
    const batch = await post('', { resourceType: 'Bundle', type: 'batch', entry });
    expect([batch.status, batch.text.includes('"201')]).toEqual([batch.status, false]);
  });
});

/** Every resource of an export, once it is done. */
async function exported(status: string): Promise<readonly unknown[]> {
  const headers = { authorization: `Bearer ${token}` };
  await expect.poll(async () => (await ask(status, { headers })).status, { timeout: 60_000, interval: 200 }).toBe(200);
  const manifest = await ask(status, { headers });
  const outputs = manifest.json.output as { url: string }[];
  const files = await Promise.all(outputs.map(({ url }) => ask(url, { headers })));
  return files.flatMap(({ text }) => text.split('\n').filter((line) => line !== '')).map((line) => JSON.parse(line));
}
