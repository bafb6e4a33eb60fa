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
  readonly meta: { readonly source?: string; readonly versionId: string };
  readonly [element: string]: unknown;
}

let server: TestServer;
let story: TwoHospitals;
let doctor: string;
let grant: string;
let session: string;
/** The prescription with all its displays. */
let local: string;
const answers: string[] = [];

const ask = async (path: string, token = doctor, headers: Record<string, string> = {}): Promise<Answer> => {
  const answer = await server.send('GET', `${FHIR_B}/${path}`, { token, headers });
  answers.push(answer.text);
  return answer;
};
const matchesOf = ({ json }: Answer, mode = 'match'): readonly Found[] =>
  ((json.entry ?? []) as { resource: Found; search: { mode: string } }[])
    .filter((entry) => entry.search.mode === mode)
    .map(({ resource }) => resource);
const isForeign = ({ meta }: Found): boolean => meta.source !== undefined;
const search = async (query: string, token = doctor): Promise<readonly Found[]> => {
  const answer = await ask(query, token);
  expect(answer.status, answer.text).toBe(200);
  return matchesOf(answer);
};
const open = async (withPatient: boolean): Promise<string> => {
  const { patient, ownId } = story;
  const body = await readingBody(server, { account: 'b.novak', token: doctor, patient, grant, categories: CATEGORIES });
  const opened = await server.send('POST', `${B}/reads`, {
    token: doctor,
    body: withPatient ? { ...body, patient: ownId } : body,
  });
  expect(opened.status, opened.text).toBe(200);
  return opened.json.session as string;
};

beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  story = await openTwoHospitals(server);
  doctor = await server.logIn('b.novak', { writing: true });
  const given = await grantAccess(server, story.patient, {
    ...{ to: 'hospital-b', reader: doctor, categories: [...CATEGORIES], mayKeep: true },
  });
  if (given.answer.status !== 200) throw new Error(given.answer.text);
  ({ grant } = given);
});
afterAll(() => server[Symbol.asyncDispose]());

describe('before a session is open', () => {
  it('shows nothing of another organisation, and no link', async () => {
    expect(await search(`MedicationRequest?patient=${story.ownId}`)).toHaveLength(1);
    expect((await ask(`Patient/${story.ownId}`)).json.link).toBeUndefined();
  });

  it('lets nobody say who is who of a patient whom they do not see', async () => {
    const { patient } = story;
    const body = await readingBody(server, { account: 'b.novak', token: doctor, patient, grant });
    const foreignId = story.atA[0]!.split('/')[1]!;
    const opened = await server.send('POST', `${B}/reads`, { token: doctor, body: { ...body, patient: foreignId } });
    expect(opened.json).toMatchObject({ status: 404, code: 'not-found' });
  });
});

describe('a resource of another organisation, while its reader’s session is open', () => {
  beforeAll(async () => {
    session = await open(true);
    const found = await search(`MedicationRequest?patient=${story.ownId}&_sort=authoredon`);
    local = found.find((each) => isForeign(each) && each.contained !== undefined)!.id;
  });

  it('stands beside the own ones in a search by patient or subject, in one order, counted together', async () => {
    for (const query of [
      `patient=${story.ownId}`,
      `subject=Patient/${story.ownId}`,
      `subject:Patient=${story.ownId}`,
    ]) {
      const answer = await ask(`MedicationRequest?${query}&_sort=authoredon`);
      const found = matchesOf(answer);
      expect(found.map(({ authoredOn }) => authoredOn)).toEqual(['2026-01-02', '2026-01-03', '2026-01-04']);
      expect(found.map(isForeign)).toEqual([true, false, true]);
      expect(answer.json.total).toBe(3);
    }
    expect(await search(`MedicationRequest?patient=${story.ownId}&authoredon=ge2026-01-03`)).toHaveLength(2);
    expect((await search(`Patient/${story.ownId}/Observation`)).map(isForeign)).toEqual([true]);
    expect((await ask(`Observation?patient=${story.ownId}&_summary=count`)).json.total).toBe(1);
    expect(await search(`Observation?patient=${story.ownId}&code=nothing`)).toEqual([]);
    expect(await search(`MedicationRequest?_id=${local}`)).toMatchObject([{ id: local }]);
  });

  it('comes once in all pages of a search', async () => {
    for (const order of ['', '&_sort=-authoredon']) {
      const ids: string[] = [];
      let next: string | undefined = `MedicationRequest?patient=${story.ownId}&_count=1&_total=accurate${order}`;
      while (next !== undefined) {
        const answer: Answer = await ask(next);
        expect(answer.json.total).toBe(3);
        ids.push(...matchesOf(answer).map(({ id }) => id));
        const link = (answer.json.link as { relation: string; url: string }[]).find((each) => each.relation === 'next');
        next = link?.url.split(`${FHIR_B}/`)[1];
        expect(ids.length).toBeLessThan(4);
      }
      expect(new Set(ids).size).toBe(3);
    }
  });

  it('has a local id of its own and names the author’s version as its source', async () => {
    const answer = await ask(`MedicationRequest/${local}`);
    expect(answer.status, answer.text).toBe(200);
    const { id, meta } = answer.json as Found;
    expect(id).toBe(local);
    expect(story.atA.map((name) => name.split('/')[1])).not.toContain(id);
    expect(meta.source).toBe(`${BASE_A}/${story.atA[4]}/_history/1`);
    // The same one in a later session, too.
    const again = await open(true);
    expect(again).not.toBe(session);
    expect(await search(`MedicationRequest?patient=${story.ownId}`)).toContainEqual(expect.objectContaining({ id }));
  });

  it('refers to what the author refers to by absolute URLs of the author, which nothing here resolves', async () => {
    const { json } = await ask(`MedicationRequest/${local}`);
    expect(json.subject.reference).toBe(`${BASE_A}/${story.atA[0]}`);
    expect(json.requester.reference).toBe(`${BASE_A}/${story.atA[1]}`);
    expect(json.encounter.reference).toBe(`${BASE_A}/${story.atA[3]}`);
    expect(json.medicationReference.reference).toBe('#drug');
    const references = JSON.stringify(json).match(/"reference":"[^"]*"/g) ?? [];
    expect(references.length).toBeGreaterThan(4);
    for (const reference of references) expect(reference).toMatch(/"reference":"(?:#|http:\/\/)/);
    for (const name of story.atA) expect((await ask(name)).status, name).toBe(404);
    // What was not granted has no id here.
    expect(await search(`Encounter?patient=${story.ownId}`)).toEqual([]);
  });

  it('keeps the display of a target that is known and normal, and drops every other', async () => {
    const { text, json } = await ask(`MedicationRequest/${local}`);
    const type = 'application/fhir+json';
    const checked = await server.send('POST', `${FHIR_B}/MedicationRequest/$validate`, {
      ...{ token: doctor, raw: text, type },
    });
    expect(checked.json.issue.filter(({ severity }: { severity: string }) => severity === 'error')).toEqual([]);
    expect(json.supportingInformation).toHaveLength(2);
    expect(text).toContain(DISPLAYS.normal);
    expect(text).toContain(DISPLAYS.contained);
    for (const name of [DISPLAYS.sensitive, DISPLAYS.ungranted, DISPLAYS.unnamed]) expect(text).not.toContain(name);
    const found = await ask(`MedicationRequest?patient=${story.ownId}`);
    for (const name of [DISPLAYS.sensitive, DISPLAYS.ungranted, DISPLAYS.unnamed]) {
      expect(found.text).not.toContain(name);
    }
  });

  it('is read as the one version that was read, and its history is that', async () => {
    expect((await ask(`MedicationRequest/${local}/_history/1`)).json.id).toBe(local);
    expect((await ask(`MedicationRequest/${local}/_history/2`)).status).toBe(404);
    const history = await ask(`MedicationRequest/${local}/_history`);
    expect(history.json).toMatchObject({ total: 1, entry: [{ resource: { id: local }, request: { method: 'POST' } }] });
    const since = (time: string) => ask(`MedicationRequest/${local}/_history?${time}`);
    expect((await since('_since=2100-01-01')).json).toMatchObject({ type: 'history', total: 0 });
    expect((await since('_since=2000-01-01')).json.total).toBe(1);
    expect((await since('_at=2000-01-01')).json.total).toBe(0);
    expect((await since('_at=2100-01-01')).json.total).toBe(1);
    // What happened here to a type is not what another organisation wrote.
    for (const path of ['MedicationRequest/_history', '_history']) {
      const { status, text } = await ask(path);
      expect(status, text).toBe(200);
      expect(text).not.toContain(local);
    }
    const known = await ask(`MedicationRequest/${local}`, doctor, { 'if-none-match': 'W/"1"' });
    expect(known.status).toBe(304);
  });

  it('is changed by no write, alone or in a transaction', async () => {
    const resource = JSON.stringify((await ask(`MedicationRequest/${local}`)).json);
    const type = 'application/fhir+json';
    const patch = JSON.stringify([{ op: 'replace', path: '/status', value: 'stopped' }]);
    const at = `${FHIR_B}/MedicationRequest/${local}`;
    for (const [method, raw, bodyType] of [
      ['PUT', resource, type],
      ['PATCH', patch, 'application/json-patch+json'],
      ['DELETE', undefined, undefined],
    ] as const) {
      const body = raw === undefined ? {} : { raw, type: bodyType };
      const answer = await server.send(method, at, { token: doctor, ...body });
      expect(answer.status, `${method} ${answer.text}`).toBe(405);
      expect(answer.text).toContain('another organisation wrote this resource');
    }
    expect((await server.send('POST', at, { token: doctor, raw: resource, type })).status).toBe(405);
    for (const request of [
      { method: 'DELETE', url: `MedicationRequest/${local}` },
      { method: 'PUT', url: `MedicationRequest/${local}` },
    ]) {
      const entry = [request.method === 'PUT' ? { request, resource: JSON.parse(resource) } : { request }];
      const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
      const answer = await server.send('POST', FHIR_B, { token: doctor, raw: bundle, type });
      expect(answer.status, answer.text).toBe(405);
    }
    expect((await ask(`MedicationRequest/${local}`)).json).toMatchObject({
      status: 'active',
      meta: { versionId: '1' },
    });
  });

  it('is decided and logged at its author’s for every search and read', async () => {
    const { audit } = server.node.organisations.get('hospital-a')!.vault;
    const reads = async (): Promise<number> => {
      const lines = await audit.list({ limit: 200 });
      return lines.filter(({ event }) => event.kind === 'read' && event.exchange?.peer === 'hospital-b').length;
    };
    const before = await reads();
    await search(`Observation?patient=${story.ownId}`);
    expect(await reads()).toBe(before + 1);
    await ask(`MedicationRequest/${local}`);
    expect(await reads()).toBe(before + 2);
  });

  it('is there for nobody else of the organisation, nor is the link', async () => {
    const desk = await server.logIn('b.desk');
    expect((await ask(`MedicationRequest/${local}`, desk)).status).toBe(404);
    const seen = await ask(`Patient/${story.ownId}`, desk);
    expect(seen.status, seen.text).toBe(200);
    expect(seen.json.link).toBeUndefined();
    expect(await search(`Observation?patient=${story.ownId}`, desk)).toEqual([]);
    expect(await search(`MedicationRequest?_id=${local}`, desk)).toEqual([]);
  });
});

describe('the own Patient, while the session is open', () => {
  const link = () => [{ other: { reference: `${BASE_A}/${story.atA[0]}` }, type: 'seealso' }];

  it('carries a link to the Patient elsewhere, read and found', async () => {
    expect((await ask(`Patient/${story.ownId}`)).json.link).toEqual(link());
    expect(await search(`Patient?_id=${story.ownId}`)).toMatchObject([{ link: link() }]);
  });

  it('does not keep the link when it is written back as it was read', async () => {
    const { json } = await ask(`Patient/${story.ownId}`);
    const raw = JSON.stringify({ ...json, birthDate: '1970-01-02' });
    const type = 'application/fhir+json';
    const written = await server.send('PUT', `${FHIR_B}/Patient/${story.ownId}`, { token: doctor, raw, type });
    expect(written.status, written.text).toBe(200);
    const entry = [
      { request: { method: 'PUT', url: `Patient/${story.ownId}` }, resource: { ...json, birthDate: '1970-01-03' } },
    ];
    const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
    const transacted = await server.send('POST', FHIR_B, { token: doctor, raw: bundle, type });
    expect(transacted.status, transacted.text).toBe(200);
    const desk = await server.logIn('b.desk');
    const { text } = await ask(`Patient/${story.ownId}`, desk);
    expect(text).toContain('1970-01-03');
    expect(text).not.toContain('hospital-a');
  });
});

describe('when the grant is revoked', () => {
  it('ends all of it at once, but for the copies that were kept', async () => {
    const { json } = await server.send('GET', `${B}/reads/${session}/records`, { token: doctor });
    const [kept] = (json.records as { recordId: string; type: string }[]).filter(({ type }) => type === 'Observation');
    const keeping = await server.send('POST', `${B}/reads/${session}/kept`, {
      token: doctor,
      body: { records: [kept!.recordId] },
    });
    expect(keeping.status, keeping.text).toBe(200);
    const [copy] = await search(`Observation?patient=${story.ownId}`);
    expect((await revokeGrant(server, story.patient, grant)).status).toBe(200);
    const ended = await ask(`MedicationRequest/${local}`);
    expect(ended.json.issue[0]).toMatchObject({ severity: 'error' });
    expect(ended.status).toBe(403);
    expect((await search(`MedicationRequest?patient=${story.ownId}`)).map(isForeign)).toEqual([false]);
    const still = await search(`Observation?patient=${story.ownId}`);
    expect(still).toMatchObject([{ id: copy!.id, meta: { source: copy!.meta.source } }]);
    const read = await ask(`Observation/${copy!.id}`);
    expect(read.status, read.text).toBe(200);
    expect((await server.send('DELETE', `${FHIR_B}/Observation/${copy!.id}`, { token: doctor })).status).toBe(405);
  });

  it('lets staff take back that two patients are one', async () => {
    const path = `${B}/patients/${story.ownId}/links`;
    expect((await server.send('DELETE', path, { token: doctor })).json).toEqual({ unlinked: 1 });
    expect(await search(`Observation?patient=${story.ownId}`)).toEqual([]);
    expect((await ask(`Patient/${story.ownId}`)).json.link).toBeUndefined();
  });
});

it('names no pid in any answer', () => {
  expect(answers.length).toBeGreaterThan(20);
  for (const text of answers) {
    expect(text).not.toContain(story.patient.pid);
    expect(text).not.toContain(story.ownPid);
  }
});
