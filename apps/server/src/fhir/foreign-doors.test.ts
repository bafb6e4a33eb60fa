import { validateForWrite } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  grantAccess,
  openTestServer,
  readingBody,
  revokeGrant,
  type TestServer,
} from '../../test/hospital.ts';
import { B, BASE_A, DISPLAYS, FHIR_B, openTwoHospitals, type TwoHospitals } from '../../test/two-hospitals.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const CATEGORIES = ['medication', 'laboratory'] as const;

interface Found {
  readonly resourceType: string;
  readonly id: string;
  readonly meta?: { readonly source?: string };
  readonly [element: string]: unknown;
}
interface Section {
  readonly text: { readonly div: string };
  readonly entry?: readonly { readonly reference: string }[];
}
interface Entry {
  readonly fullUrl?: string;
  readonly resource: Found;
  readonly search: { readonly mode: string };
}

let server: TestServer;
let story: TwoHospitals;
let doctor: string;
let grant: string;
/** Local ids: of the prescription with all its displays, and of the result that it led to. */
let prescription: string;
let result: string;

const ask = (path: string, token = doctor): Promise<Answer> => server.send('GET', `${FHIR_B}/${path}`, { token });
const entriesOf = (answer: Answer): readonly Entry[] => {
  expect(answer.status, answer.text).toBe(200);
  return (answer.json.entry ?? []) as readonly Entry[];
};
const included = async (path: string, token = doctor): Promise<readonly Entry[]> =>
  entriesOf(await ask(path, token)).filter(({ search }) => search.mode === 'include');
const isForeign = ({ resource: { meta } }: Entry): boolean => meta?.source?.startsWith(BASE_A) === true;
const graphql = async (query: string, token = doctor): Promise<Answer> =>
  ask(`$graphql?query=${encodeURIComponent(query)}`, token);

/** Searches that find nothing but through what the other hospital wrote. */
const linked = (): readonly string[] => [
  `Observation?patient=${story.ownId}&based-on:MedicationRequest.status=active`,
  `MedicationRequest?patient=${story.ownId}&_has:Observation:based-on:code:text=glucose`,
  `Patient?_id=${story.ownId}&_has:Observation:patient:code:text=glucose`,
];

/** Events of reads that the other organisation's people made, in the author's log. */
async function readsAtA(): Promise<number> {
  const lines = await server.node.organisations.get('hospital-a')!.vault.audit.list({ limit: 200 });
  return lines.filter(({ event }) => event.kind === 'read' && event.exchange?.peer === 'hospital-b').length;
}

beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  story = await openTwoHospitals(server);
  doctor = await server.logIn('b.novak', { writing: true });
  const given = await grantAccess(server, story.patient, {
    ...{ to: 'hospital-b', reader: doctor, categories: [...CATEGORIES] },
  });
  if (given.answer.status !== 200) throw new Error(given.answer.text);
  ({ grant } = given);
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('before a session is open', () => {
  it.each([
    () => ask(`Patient/${story.ownId}/$everything`),
    () => ask(`Patient?_id=${story.ownId}&_revinclude=Observation:patient&_revinclude=MedicationRequest:subject`),
    () => graphql(`{ ObservationList(patient: "${story.ownId}") { id } }`),
  ])('shows nothing of another organisation at any door', async (each) => {
    const { status, text } = await each();
    expect(status, text).toBe(200);
    expect(text).not.toContain('hospital-a');
  });
});

describe('while its reader’s session is open', () => {
  beforeAll(async () => {
    const { patient, ownId } = story;
    const body = await readingBody(server, {
      account: 'b.novak',
      token: doctor,
      patient,
      grant,
      categories: CATEGORIES,
    });
    const opened = await server.send('POST', `${B}/reads`, { token: doctor, body: { ...body, patient: ownId } });
    if (opened.status !== 200) throw new Error(opened.text);
  });

  it('_include follows what a resource of another organisation names there, to what was granted', async () => {
    const before = await readsAtA();
    const [found, ...more] = await included(`Observation?patient=${story.ownId}&_include=Observation:based-on`);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      resource: { resourceType: 'MedicationRequest', meta: { source: `${BASE_A}/${story.atA[4]}/_history/1` } },
    });
    prescription = found!.resource.id;
    expect(found!.fullUrl).toMatch(new RegExp(`${FHIR_B}/MedicationRequest/${prescription}$`));
    expect(story.atA[4]).not.toContain(prescription);
    expect(await readsAtA()).toBeGreaterThan(before + 1);
    for (const name of [DISPLAYS.sensitive, DISPLAYS.ungranted, DISPLAYS.unnamed]) {
      expect(JSON.stringify(found)).not.toContain(name);
    }
  });

  it('_include brings the patient here, and of the author’s directory what a reference resolves to', async () => {
    const entries = await included(
      `MedicationRequest?patient=${story.ownId}&_include=MedicationRequest:subject&_include=MedicationRequest:requester`,
    );
    expect(entries.map(({ fullUrl }) => fullUrl)).toContain(`${BASE_A}/${story.atA[1]}`);
    const [there] = entries.filter(isForeign);
    expect(there!.resource).toMatchObject({ resourceType: 'Practitioner', name: [{ family: 'Normalname' }] });
    expect(`Practitioner/${there!.resource.id}`).toBe(story.atA[1]);
    expect(entries.map(({ resource }) => `${resource.resourceType}/${resource.id}`)).toContain(
      `Patient/${story.ownId}`,
    );
  });

  it('_include stops where the grant does', async () => {
    const entries = await included(
      `MedicationRequest?patient=${story.ownId}&_include=MedicationRequest:encounter&_include:iterate=MedicationRequest:*`,
    );
    expect(entries.filter(({ resource }) => resource.resourceType === 'Encounter')).toEqual([]);
    expect(JSON.stringify(entries)).not.toContain(DISPLAYS.ungranted);
  });

  it('_revinclude finds what refers to the patient here, and to what another organisation wrote', async () => {
    const ofPatient = await included(`Patient?_id=${story.ownId}&_revinclude=Observation:patient`);
    expect(ofPatient.map(isForeign)).toEqual([true]);
    result = ofPatient[0]!.resource.id;
    const back = await included(`MedicationRequest?patient=${story.ownId}&_revinclude=Observation:based-on`);
    expect(back.map(({ resource }) => resource.id)).toEqual([result]);
    expect((await ask(`Patient?_id=${story.ownId}&_revinclude=Observation:patient`)).json.total).toBe(1);
  });

  it('$everything shows them behind the own ones, each once in all pages, and the directory entries they name', async () => {
    const whole = entriesOf(await ask(`Patient/${story.ownId}/$everything`));
    const foreign = whole.filter(isForeign);
    const matches = foreign.filter(({ search }) => search.mode === 'match').map(({ resource }) => resource.id);
    expect(new Set(matches).size).toBe(3);
    expect(matches).toEqual(expect.arrayContaining([prescription, result]));
    expect(foreign.filter(({ search }) => search.mode === 'include').map(({ fullUrl }) => fullUrl)).toEqual([
      `${BASE_A}/${story.atA[1]}`,
    ]);
    // The ward is labelled: neither its name nor itself.
    expect(JSON.stringify(whole)).not.toContain('"Ward"');
    expect(whole.some(({ resource }) => resource.id === story.ownId)).toBe(true);
    const paged: string[] = [];
    let next: string | undefined = `Patient/${story.ownId}/$everything?_count=2`;
    for (let pages = 0; next !== undefined; pages += 1) {
      expect(pages).toBeLessThan(8);
      const answer: Answer = await ask(next);
      paged.push(
        ...entriesOf(answer).flatMap(({ resource, search }) => (search.mode === 'match' ? [resource.id] : [])),
      );
      const link = (answer.json.link as { relation: string; url: string }[]).find((each) => each.relation === 'next');
      next = link?.url.split(`${FHIR_B}/`)[1];
    }
    const all = whole.flatMap(({ resource, search }) => (search.mode === 'match' ? [resource.id] : []));
    expect(paged.sort()).toEqual([...all].sort());
  });

  it('$summary holds them with their source, and the links that say whose they are', async () => {
    const { status, text, json } = await ask(`Patient/${story.ownId}/$summary`);
    expect(status, text).toBe(200);
    expect(validateForWrite(json)).toEqual([]);
    const entries = json.entry as readonly Entry[];
    const sources = new Map(entries.map(({ fullUrl, resource: { meta } }) => [meta?.source, fullUrl]));
    const urlOf = (type: string, id: string) => expect.stringMatching(new RegExp(`${FHIR_B}/${type}/${id}$`));
    expect(sources.get(`${BASE_A}/${story.atA[4]}/_history/1`)).toEqual(urlOf('MedicationRequest', prescription));
    expect(sources.get(`${BASE_A}/${story.atA[6]}/_history/1`)).toEqual(urlOf('Observation', result));
    const composition = entries[0]!.resource as Found & { readonly section: readonly Section[] };
    const named = composition.section.flatMap(({ entry = [] }) => entry.map(({ reference }) => reference));
    expect(named).toHaveLength(4);
    for (const reference of named) expect(entries.map(({ fullUrl }) => fullUrl)).toContain(reference);
    const lines = composition.section.map((section) => section.text.div).join('');
    expect(lines).toMatch(/glucose[^<]*\(2026-01-02\), from hospital-a</);
    expect(lines).toContain('another medicine (2026-01-04), from hospital-a<');
    expect(lines).toContain('own medicine (2026-01-03)<');
    const other = { reference: `${BASE_A}/${story.atA[0]}` };
    const own = entries.find(({ resource }) => resource.resourceType === 'Patient');
    expect(own!.resource.link).toEqual([{ other, type: 'seealso' }]);
    expect(entries.map(({ fullUrl }) => fullUrl)).toContain(`${BASE_A}/${story.atA[1]}`);
    for (const name of [DISPLAYS.sensitive, DISPLAYS.ungranted, DISPLAYS.unnamed, '"Ward"']) {
      expect(text).not.toContain(name);
    }
    for (const pid of [story.patient.pid, story.ownPid]) expect(text).not.toContain(pid);
  });

  it('a chain leads through them, to records and directory entries that may be seen', async () => {
    const found = async (query: string): Promise<readonly string[]> => {
      const answer = await ask(query);
      const ids = entriesOf(answer).map(({ resource }) => resource.id);
      expect(answer.json.total, query).toBe(ids.length);
      expect((await ask(`${query}&_summary=count`)).json.total, query).toBe(ids.length);
      return ids;
    };
    const ofPatient = `patient=${story.ownId}`;
    expect(await found(`Observation?${ofPatient}&based-on:MedicationRequest.status=active`)).toEqual([result]);
    expect(await found(`Observation?${ofPatient}&based-on:MedicationRequest.status=stopped`)).toEqual([]);
    const byDoctor = `MedicationRequest?${ofPatient}&requester:Practitioner.family`;
    const theirs = await found(`${byDoctor}=Normalname`);
    expect(theirs).toHaveLength(2);
    expect(theirs).toContain(prescription);
    expect(await found(`${byDoctor}=Novak`)).toHaveLength(1);
    // Two links: from the result over the prescription to the doctor’s name.
    const far = 'based-on:MedicationRequest.requester:Practitioner.family';
    expect(await found(`Observation?${ofPatient}&${far}=Normalname`)).toEqual([result]);
    expect(await found(`MedicationRequest?${ofPatient}&encounter.class=AMB`)).toEqual([]);
  });

  it('_has finds what they refer to, of the patients who are named', async () => {
    const glucose = 'code:text=glucose';
    const prescribed = await ask(`MedicationRequest?patient=${story.ownId}&_has:Observation:based-on:${glucose}`);
    expect(entriesOf(prescribed).map(({ resource }) => resource.id)).toEqual([prescription]);
    const patients = await ask(`Patient?_id=${story.ownId}&_has:Observation:patient:${glucose}`);
    expect(entriesOf(patients).map(({ resource }) => resource.id)).toEqual([story.ownId]);
    expect(patients.json.total).toBe(1);
    expect((await ask(`Patient?_id=${story.ownId}&_has:Observation:patient:code:text=sodium`)).json.total).toBe(0);
    const before = await readsAtA();
    expect((await ask(`Patient?_has:Observation:patient:${glucose}`)).json.total).toBe(0);
    expect(await readsAtA()).toBe(before);
  });

  it('$everything filters by type and time, and reads no more than what is on the page', async () => {
    const before = await readsAtA();
    const found = entriesOf(await ask(`Patient/${story.ownId}/$everything?_type=Observation`));
    expect(found.filter(({ search }) => search.mode === 'match').map(({ resource }) => resource.id)).toEqual([result]);
    expect(await readsAtA()).toBe(before + 1);
    expect(entriesOf(await ask(`Patient/${story.ownId}/$everything?_type=Observation&start=2027`))).toEqual([]);
    expect(entriesOf(await ask(`Patient/${story.ownId}/$everything?_type=Observation&_since=2100-01-01`))).toEqual([]);
  });

  it('GraphQL reads, lists and follows them as it does the own ones', async () => {
    const list = await graphql(`{ MedicationRequestList(patient: "${story.ownId}") { id meta { source } } }`);
    expect(list.json.data.MedicationRequestList).toHaveLength(3);
    const one = await graphql(
      `{ MedicationRequest(id: "${prescription}") { id subject { reference } requester { resource { ... on Practitioner { name { family } } } } encounter { resource { ... on Encounter { id } } } supportingInformation { reference display resource { ... on Location { name } } } } }`,
    );
    expect(one.json.data.MedicationRequest, one.text).toMatchObject({
      id: prescription,
      subject: { reference: `${BASE_A}/${story.atA[0]}` },
      requester: { resource: { name: [{ family: 'Normalname' }] } },
      encounter: { resource: null },
    });
    expect(one.text).not.toContain(DISPLAYS.sensitive);
    expect(one.text).not.toContain('"Ward"');
    const led = await graphql(
      `{ Observation(id: "${result}") { basedOn { resource { ... on MedicationRequest { id } } } } }`,
    );
    expect(led.json.data.Observation.basedOn, led.text).toEqual([{ resource: { id: prescription } }]);
    const below = await graphql(`{ Patient(id: "${story.ownId}") { ObservationList(_reference: "patient") { id } } }`);
    expect(below.json.data.Patient.ObservationList, below.text).toEqual([{ id: result }]);
  });

  it('GraphQL follows the URL of an own record that it read by its id, whatever was asked for before', async () => {
    const url = `${BASE_A}/${story.atA[6]}`;
    const written = await server.send('POST', `${FHIR_B}/Observation`, {
      token: doctor,
      body: {
        ...{ resourceType: 'Observation', status: 'final', code: { text: 'panel' }, effectiveDateTime: '2026-01-05' },
        ...{ subject: { reference: `Patient/${story.ownId}` }, hasMember: [{ reference: url }] },
      },
    });
    expect(written.status, written.text).toBe(201);
    const { id } = written.json as { readonly id: string };
    const members = 'hasMember { resource { ... on Observation { id } } }';
    const alone = await graphql(`{ Observation(id: "${id}") { ${members} } }`);
    expect(alone.json, alone.text).toEqual({ data: { Observation: { hasMember: [{ resource: { id: result } }] } } });
    const after = await graphql(`{ Patient(id: "${story.ownId}") { id } Observation(id: "${id}") { ${members} } }`);
    expect(after.json.data.Observation.hasMember, after.text).toEqual([{ resource: { id: result } }]);
    const gone = await server.send('DELETE', `${FHIR_B}/Observation/${id}`, { token: doctor });
    expect(gone.status, gone.text).toBe(204);
  });

  it('a URL that nothing shown names leads nowhere', async () => {
    // The doctor knows the ward’s address from elsewhere; only a released record leads to it.
    const answer = await graphql(`{ Location(id: "${story.atA[2]!.split('/')[1]}") { name } }`);
    expect(answer.json.data.Location).toBeNull();
    expect((await ask(story.atA[1]!)).status).toBe(404);
  });

  it('none of it is there for a colleague without a session', async () => {
    const desk = await server.logIn('b.desk');
    const answers = [
      await ask(`Patient/${story.ownId}/$everything`, desk),
      await ask(`Patient?_id=${story.ownId}&_revinclude=Observation:patient`, desk),
      await graphql(`{ MedicationRequest(id: "${prescription}") { id } }`, desk),
      await graphql(`{ ObservationList(patient: "${story.ownId}") { id } }`, desk),
      await ask(`Patient/${story.ownId}/$summary`, desk),
    ];
    for (const { status, text } of answers) {
      expect(status, text).toBe(200);
      expect(text).not.toContain('hospital-a');
      expect(text).not.toContain(prescription);
      expect(text).not.toContain(result);
    }
    for (const query of linked()) expect((await ask(query, desk)).json.total, query).toBe(0);
  });

  it('a page link of $everything opens nothing for a colleague, and nothing once the grant is revoked', async () => {
    const first = await ask(`Patient/${story.ownId}/$everything?_count=3`);
    const link = (first.json.link as { relation: string; url: string }[]).find((each) => each.relation === 'next');
    const next = link!.url.split(`${FHIR_B}/`)[1]!;
    expect((await ask(next, await server.logIn('b.desk'))).status).toBe(400);
    expect((await revokeGrant(server, story.patient, grant)).status).toBe(200);
    expect(entriesOf(await ask(next)).filter(isForeign)).toEqual([]);
  });

  it('and none of it at any door once the grant is revoked', async () => {
    const answers = [
      await ask(`Patient/${story.ownId}/$everything`),
      await ask(`Observation?patient=${story.ownId}&_include=Observation:based-on`),
      await ask(`Patient?_id=${story.ownId}&_revinclude=Observation:patient`),
      await graphql(`{ MedicationRequest(id: "${prescription}") { id meta { source } } }`),
      await graphql(`{ ObservationList(patient: "${story.ownId}") { id } }`),
      await ask(`Patient/${story.ownId}/$summary`),
    ];
    for (const { status, text } of answers) {
      expect(status, text).toBe(200);
      expect(text).not.toContain('hospital-a');
      expect(text).not.toContain(result);
    }
    for (const query of linked()) expect((await ask(query)).json.total, query).toBe(0);
  });
});
