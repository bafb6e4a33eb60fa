import type { LeafReference } from '@salus/contracts';
import { answerDispute, dispute, withdrawDispute } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { assign } from '../../test/assign.ts';
import {
  bodyOf,
  chapterAt,
  grantAccess,
  openTestServer,
  readingBody,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
const B = '/api/v1/orgs/hospital-b';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
let rossi: string;
let novak: string;
let records: readonly { readonly recordId: string; readonly type: string; readonly category: string }[];
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 8));
  rossi = await server.logIn('a.rossi', { writing: true });
  novak = await server.logIn('b.novak', { writing: true });
  const { nowMs } = server.occasion();
  const { id: actor } = server.wallet('a.rossi');
  await assign(server.node.organisations.get('hospital-a')!, { id: patient.fhirId, actor, nowMs });
  records = (await server.send('GET', `${A}/patient/records`, { token: patient.token })).json.records;
});
afterAll(() => server[Symbol.asyncDispose]());

async function leafOf(recordId: string): Promise<LeafReference> {
  const { json } = await server.send('GET', `${A}/patient/records/${recordId}/leaves`, { token: patient.token });
  return json.leaves.at(-1);
}

async function state(category: string, text: string) {
  const { recordId } = records.find((record) => record.category === category)!;
  const leaf = await leafOf(recordId);
  const prepared = await dispute(patient.wallet, server.occasion(), { pid: patient.pid, leaf, text });
  const body = { recordId, ...bodyOf(prepared) };
  const answer = await server.send('POST', `${A}/patient/disputes`, { token: patient.token, body });
  expect(answer.status, answer.text).toBe(200);
  return { ...prepared, recordId, leaf };
}

const listed = async () => (await server.send('GET', `${A}/patient/disputes`, { token: patient.token })).json.disputes;

describe('a dispute', () => {
  it('reaches whoever has the record in care, is answered, and travels with reads of other organisations', async () => {
    const stated = await state('medication', 'I never took this.');
    await state('laboratory', 'This is not my blood.');
    const open = await server.send('GET', `${A}/disputes`, { token: rossi });
    expect(open.status, open.text).toBe(200);
    expect(open.json.disputes.map(({ text }: { text: string }) => text)).toContain('I never took this.');
    expect(open.json.disputes[0]).toMatchObject({ patient: patient.fhirId, status: 'open' });
    const stranger = await server.logIn('a.mehta');
    expect((await server.send('GET', `${A}/disputes`, { token: stranger })).json).toEqual({
      ...{ disputes: [], next: null },
    });
    expect((await server.send('GET', `${A}/disputes`, { token: await server.logIn('hospital-a.admin') })).status).toBe(
      403,
    );

    const said = { pid: patient.pid, dispute: stated.dispute, text: 'It was dispensed on 2 May.' } as const;
    const path = `${A}/disputes/${stated.dispute}/answers`;
    // The stranger sees no such record: nor do they answer for it.
    const posed = await answerDispute(server.wallet('a.mehta'), server.occasion(), { ...said, outcome: 'declined' });
    const unseen = await server.send('POST', path, { token: stranger, body: bodyOf(posed) });
    expect(unseen.json.code).toBe('not-found');
    expect((await listed())[0]).toMatchObject({ status: 'open', answer: null });
    const amended = await answerDispute(server.wallet('a.rossi'), server.occasion(), { ...said, outcome: 'amended' });
    const early = await server.send('POST', path, { token: rossi, body: bodyOf(amended) });
    expect(early.json.code).toBe('dispute-not-amended');
    const foreign = await answerDispute(server.wallet('b.novak'), server.occasion(), { ...said, outcome: 'declined' });
    expect((await server.send('POST', path, { token: rossi, body: bodyOf(foreign) })).status).toBe(400);
    const declined = await answerDispute(server.wallet('a.rossi'), server.occasion(), { ...said, outcome: 'declined' });
    expect((await server.send('POST', path, { token: rossi, body: bodyOf(declined) })).status).toBe(200);
    const [first] = await listed();
    expect(first).toMatchObject({ status: 'declined', answer: { text: said.text, by: server.wallet('a.rossi').id } });

    const { grant } = await grantAccess(server, patient, { to: 'hospital-b', reader: novak });
    const body = await readingBody(server, { account: 'b.novak', token: novak, patient, grant });
    const { json: opened } = await server.send('POST', `${B}/reads`, { token: novak, body });
    const read = await server.send('GET', `${B}/reads/${opened.session}/disputes`, { token: novak });
    expect(read.status, read.text).toBe(200);
    // The laboratory was not granted: that there is a statement about it stands on the ledger, its words do not travel.
    expect(read.json).toMatchObject({ withheld: 1, disputes: [{ text: 'I never took this.', status: 'declined' }] });
    expect(read.text).not.toContain('blood');
    const everything = await server.send(
      'GET',
      `/hospital-a/fhir/R4/Patient/${patient.fhirId}/$everything?_count=200`,
      {
        token: patient.token,
      },
    );
    const stands = everything.json.entry.filter(
      ({ resource }: { resource: { resourceType: string } }) => resource.resourceType === 'Communication',
    );
    expect(stands.length).toBe(2);
    expect(stands[0].resource).toMatchObject({
      ...{ payload: [{ contentString: 'I never took this.' }], note: [{ text: said.text }] },
      subject: { reference: `Patient/${patient.fhirId}` },
    });
  });

  it('goes with a bulk export of the record, and is left out with it', async () => {
    const carried = async (types: string) => {
      const headers = { authorization: `Bearer ${rossi}`, prefer: 'respond-async' };
      const url = `/hospital-a/fhir/R4/Patient/$export${types}`;
      const started = await server.app.inject({ method: 'GET', url, headers });
      const place = new URL(String(started.headers['content-location'])).pathname;
      await server.node.organisations.get('hospital-a')!.exports.ended(place.split('/').at(-1)!);
      const { json } = await server.send('GET', place, { token: rossi });
      const urls = (json.output as { url: string }[]).map((file) => new URL(file.url).pathname);
      const files = await Promise.all(urls.map((path) => server.send('GET', path, { token: rossi })));
      return files.map(({ text }) => text).join('');
    };
    expect(await carried('')).toContain('I never took this.');
    expect(await carried('?_type=Patient')).not.toContain('I never took this.');
  });

  it('is the patient’s own: nobody states about another’s record, in another’s name, or other words than signed', async () => {
    const { recordId } = records[0]!;
    const leaf = await leafOf(recordId);
    const own = { pid: other.pid, leaf, text: 'not mine' };
    const about = await dispute(other.wallet, server.occasion(), own);
    const stolen = { recordId, ...bodyOf(about) };
    const refused = await server.send('POST', `${A}/patient/disputes`, { token: other.token, body: stolen });
    expect(refused.json.code).toBe('not-found');
    const direct = await server.send('POST', `${A}/calls`, { body: bodyOf(about) });
    expect(direct.json.code).toBe('own-route');
    const mine = await dispute(patient.wallet, server.occasion(), { ...own, pid: patient.pid });
    const posed = { recordId, ...bodyOf(mine) };
    expect((await server.send('POST', `${A}/patient/disputes`, { token: other.token, body: posed })).status).toBe(403);
    const swapped = structuredClone(posed) as unknown as { privateArgs: { values: { statement: { text: string } } } };
    swapped.privateArgs.values.statement.text = 'something else';
    const changed = await server.send('POST', `${A}/patient/disputes`, { token: patient.token, body: swapped });
    expect(changed.json.code).toBe('private-mismatch');
    const { vault } = server.node.organisations.get('hospital-a')!;
    expect(JSON.stringify(await vault.documents.list('dispute'))).not.toContain('something else');
    expect((await server.send('GET', `${A}/patient/disputes`, { token: other.token })).json).toEqual({ disputes: [] });
  });

  it('goes no further once the patient takes it back', async () => {
    const { dispute: id } = await state('vital-signs', 'I was running.');
    const call = await withdrawDispute(patient.wallet, server.occasion(), { pid: patient.pid, dispute: id });
    const body = bodyOf(call);
    expect((await server.send('POST', `${A}/patient/disputes`, { token: patient.token, body })).status).toBe(200);
    const shown = (await listed()).find((known: { dispute: string }) => known.dispute === id);
    expect(shown.status).toBe('withdrawn');
    expect((await server.send('GET', `${A}/disputes`, { token: rossi })).text).not.toContain('running');
  });
});
