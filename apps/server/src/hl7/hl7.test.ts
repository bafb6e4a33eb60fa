import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HeldMessage, type HeldMessages, RecordsError } from '@salus/records';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { callsSince } from '../../test/calls-since.ts';
import { enrolFeed, er7, openSender, type Sender } from '../../test/feed.ts';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { findFeed } from './feed-client.ts';
import type { Hl7ListenerSettings } from './hl7-configuration.ts';
import { type Hl7Listener, openHl7Listener } from './hl7-listener.ts';
import { MessageHandler } from './message-handler.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const SLUG = 'hospital-a';
const SETTINGS: Hl7ListenerSettings = {
  organisation: SLUG,
  host: '127.0.0.1',
  port: 0,
  tls: null,
  peers: [{ client: 'adt', address: '127.0.0.1', fingerprint: null }],
  systems: new Map([['HOSP', 'urn:oid:1.2.3.4']]),
  timeZone: '+01:00',
  processingIds: ['P'],
};

let server: TestServer;
let listener: Hl7Listener;
let sender: Sender;
const failures: unknown[] = [];

beforeAll(async () => {
  server = await openTestServer([SLUG]);
  await enrolFeed(server, SLUG, 'adt');
  listener = await openListener(server);
  sender = await openSender(listener.port);
});

afterAll(async () => {
  sender.close();
  await listener[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  if (failures.length > 0) throw new AggregateError(failures, 'background work failed');
});

function openListener({ node }: TestServer): Promise<Hl7Listener> {
  const organisation = node.organisations.get(SLUG)!;
  const onFailure = (error: unknown): void => void failures.push(error);
  const handler = new MessageHandler({ organisation, settings: SETTINGS, nowMs: node.nowMs, onFailure });
  return openHl7Listener({ settings: SETTINGS, handler, onHandled: () => {}, onRefused: () => {}, onFailure });
}

const header = (type: string, controlId: string): string =>
  `MSH|^~\\&|ADT|HOSP|SALUS|A|20260301120000||${type}|${controlId}|P|2.5.1||||||UNICODE UTF-8`;
const pid = (number: string, name = 'Åkesson^Björn'): string =>
  `PID|1||${number}^^^HOSP^MR||${name}||19700203|M|||1 High St^^Town^^12345^SE||^PRN^PH^^46^8^123456`;
const visit = (number: string): string =>
  `PV1|1|I|WARD^2^B^A||||1234^Rossi^Chiara^^^Dr^^^HOSP|||||||||||V|${number}^^^HOSP`;

async function patientOf(
  number: string,
): Promise<{ readonly id: string; readonly tree: ReturnType<typeof JSON.parse> }> {
  const { feedLookup } = server.node.organisations.get(SLUG)!.vault;
  const [id] = await feedLookup.findIds('Patient', { system: 'urn:oid:1.2.3.4', value: number });
  const known = await feedLookup.findCurrent('Patient', id ?? '');
  return { id: id ?? '', tree: JSON.parse(known?.text ?? 'null') };
}

describe('HL7 v2 over MLLP', () => {
  it('registers the patient and the visit of an admission, and acknowledges what is committed', async () => {
    const answer = await sender.send(er7(header('ADT^A01', 'a1'), pid('1001'), visit('V1')));
    expect(answer).toMatchObject({ code: 'AA', controlId: 'a1' });
    const { tree } = await patientOf('1001');
    expect(tree).toMatchObject({
      name: [{ family: 'Åkesson', given: ['Björn'] }],
      gender: 'male',
      birthDate: '1970-02-03',
      telecom: [{ system: 'phone', use: 'home', value: '+46 8 123456' }],
    });
  });

  it('writes results as Observations and a report of the patient', async () => {
    const answer = await sender.send(
      er7(
        header('ORU^R01', 'r1'),
        pid('1001'),
        'OBR|1|P1^ORD|F1^LAB|24323-8^Panel^LN|||20260301101500|||||||||||||||20260301113000||LAB|F',
        'OBX|1|NM|2345-7^Glucose^LN||1.50|mmol/L^mmol/L^UCUM|3.5-5.0|L|||F',
        'NTE|1||taken \\.br\\ fasting \\T\\ rested',
      ),
    );
    expect(answer).toMatchObject({ code: 'AA', controlId: 'r1' });
    const { feedLookup } = server.node.organisations.get(SLUG)!.vault;
    const report = { system: 'urn:salus:hl7:hospital-a:authority:LAB', value: 'F1' };
    const [id] = await feedLookup.findIds('DiagnosticReport', report);
    const stored = JSON.parse((await feedLookup.findCurrent('DiagnosticReport', id!))!.text);
    const observation = (await feedLookup.findCurrent('Observation', stored.result[0].reference.split('/')[1]))!;
    expect(observation.text).toContain('"value":1.50');
    expect(JSON.parse(observation.text)).toMatchObject({
      subject: { reference: `Patient/${(await patientOf('1001')).id}` },
      status: 'final',
      note: [{ text: 'taken \n fasting & rested' }],
      effectiveDateTime: '2026-03-01T10:15:00+01:00',
    });
  });

  it('answers the same message the same and writes it once', async () => {
    const message = er7(header('ADT^A04', 'a2'), pid('1002'), visit('V2'));
    expect(await sender.send(message)).toMatchObject({ code: 'AA' });
    const height = await server.node.ledger.height();
    expect(await sender.send(message)).toMatchObject({ code: 'AA', controlId: 'a2' });
    expect(await callsSince(server.node.ledger, height)).toEqual([]);
  });

  it('refuses another message under the same control id', async () => {
    const answer = await sender.send(er7(header('ADT^A04', 'a2'), pid('1003'), visit('V3')));
    expect(answer).toMatchObject({ code: 'AR', condition: '205' });
  });

  it('refuses a result for somebody unknown, keeps it, and takes it once the patient is registered', async () => {
    const result = er7(
      header('ORU^R01', 'r2'),
      pid('1004'),
      'OBR|1||F2^LAB|1^Panel^L|||20260301||||||||||||||||||F',
      'OBX|1|ST|2^Text^L||fine||||||F',
    );
    expect(await sender.send(result)).toMatchObject({ code: 'AE', condition: '204' });
    const { heldMessages } = server.node.organisations.get(SLUG)!.vault;
    const held = (await heldMessages.list({ limit: 10 })).find(({ controlId }) => controlId === 'r2');
    expect(held).toMatchObject({ client: 'adt', type: 'ORU^R01', condition: '204', location: 'PID^1^3', attempts: 1 });
    expect((await heldMessages.find(held!.id))?.bytes.equals(result)).toBe(true);
    await sender.send(er7(header('ADT^A04', 'a4'), pid('1004'), visit('V4')));
    expect(await sender.send(result)).toMatchObject({ code: 'AA' });
    expect(await heldMessages.find(held!.id)).toBeUndefined();
  });

  it('restates a patient whose facts changed, keeps what the message does not speak of, and deletes what it deletes', async () => {
    await sender.send(er7(header('ADT^A04', 'u1'), pid('1010'), visit('V10')));
    const { id } = await patientOf('1010');
    const changed = 'PID|1||1010^^^HOSP^MR~77^^^OTHER^PI||Berg^Björn||""|M';
    expect(await sender.send(er7(header('ADT^A08', 'u2'), changed))).toMatchObject({ code: 'AA' });
    const after = await patientOf('1010');
    expect(after.id).toBe(id);
    expect(after.tree).toMatchObject({
      meta: { versionId: '2' },
      name: [{ family: 'Berg', given: ['Björn'] }],
      telecom: [{ value: '+46 8 123456' }],
      identifier: [{ value: '1010' }, { value: '77', system: 'urn:salus:hl7:hospital-a:authority:OTHER' }],
    });
    expect(after.tree.birthDate).toBeUndefined();
    // The same once more says nothing new: no version, and later it undoes nothing.
    expect(await sender.send(er7(header('ADT^A08', 'u3'), changed))).toMatchObject({ code: 'AA' });
    expect((await patientOf('1010')).tree.meta.versionId).toBe('2');
  });

  it('writes the next version of a corrected result, and refuses an order number of another patient', async () => {
    await sender.send(er7(header('ADT^A04', 'c1'), pid('1020'), visit('V20')));
    await sender.send(er7(header('ADT^A04', 'c2'), pid('1021'), visit('V21')));
    const result = (number: string, value: string, status: string): readonly string[] => [
      pid(number),
      `OBR|1||F20^LAB|718-7^Hemoglobin^LN|||20260301||||||||||||||||||${status}`,
      `OBX|1|NM|718-7^Hemoglobin^LN||${value}|g/dL^g/dL^UCUM|||||${status}`,
    ];
    await sender.send(er7(header('ORU^R01', 'c3'), ...result('1020', '13.20', 'P')));
    expect(await sender.send(er7(header('ORU^R01', 'c4'), ...result('1020', '13.10', 'C')))).toMatchObject({
      code: 'AA',
    });
    const { feedLookup } = server.node.organisations.get(SLUG)!.vault;
    const [id] = await feedLookup.findIds('DiagnosticReport', {
      system: 'urn:salus:hl7:hospital-a:authority:LAB',
      value: 'F20',
    });
    const report = JSON.parse((await feedLookup.findCurrent('DiagnosticReport', id!))!.text);
    expect(report).toMatchObject({ status: 'corrected', meta: { versionId: '2' } });
    expect(report.result).toHaveLength(1);
    const [, observation] = report.result[0].reference.split('/');
    expect((await feedLookup.findCurrent('Observation', observation))!.text).toContain('"value":13.10');
    const stolen = await sender.send(er7(header('ORU^R01', 'c5'), ...result('1021', '9.9', 'F')));
    expect(stolen).toMatchObject({ code: 'AE', condition: '205' });
  });

  it('closes a visit with the discharge and does not open it again', async () => {
    await sender.send(er7(header('ADT^A01', 'd1'), pid('1030'), visit('V30')));
    const discharged = `${visit('V30')}${'|'.repeat(25)}20260302080000|20260303090000`;
    await sender.send(er7(header('ADT^A08', 'd2'), pid('1030'), discharged));
    await sender.send(er7(header('ADT^A08', 'd3'), pid('1030'), visit('V30')));
    const { feedLookup } = server.node.organisations.get(SLUG)!.vault;
    const [id] = await feedLookup.findIds('Encounter', { system: 'urn:oid:1.2.3.4', value: 'V30' });
    const encounter = JSON.parse((await feedLookup.findCurrent('Encounter', id!))!.text);
    expect(encounter).toMatchObject({ status: 'finished', period: { end: '2026-03-03T09:00:00+01:00' } });
  });

  it('tells by code and place what is wrong with a message, and repeats nothing of it', async () => {
    const wrong: readonly (readonly [string, readonly string[], object])[] = [
      ['e1', [header('ADT^A03', 'e1'), pid('1')], { code: 'AR', condition: '201' }],
      ['e2', [header('SIU^S12', 'e2'), pid('1')], { code: 'AR', condition: '200' }],
      ['e3', [header('ADT^A08', 'e3').replace('|P|', '|T|'), pid('1')], { code: 'AR', condition: '202' }],
      ['e4', [header('ADT^A08', 'e4').replace('|2.5.1|', '|3|'), pid('1')], { code: 'AR', condition: '203' }],
      ['e5', [header('ADT^A01', 'e5'), pid('1')], { code: 'AE', condition: '100' }],
      [
        'e6',
        [header('ADT^A04', 'e6'), pid('1').replace('19700203', '19701399'), visit('1')],
        { code: 'AE', condition: '102' },
      ],
      ['e7', [header('ADT^A04', 'e7'), pid('1').replace('|M|', '|Q|'), visit('1')], { code: 'AE', condition: '103' }],
      ['e8', [header('ADT^A04', 'e8'), 'PID|1||||Secret^Name', visit('1')], { code: 'AE', condition: '101' }],
      ['e9', [header('ADT^A04', 'e9'), 'nonsense'], { code: 'AR', condition: '100' }],
    ];
    for (const [controlId, segments, expected] of wrong) {
      const answer = await sender.send(er7(...segments));
      expect(answer, answer.text).toMatchObject({ ...expected, controlId });
      expect(answer.text).not.toMatch(/Åkesson|Secret|19701399/);
    }
  });

  it('leaves nothing of a kept message in the clear on the disk', () => {
    const files = readdirSync(join(server.directory, 'data'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    expect(files.length).toBeGreaterThan(3);
    for (const text of ['Secret^Name', 'Åkesson', 'HOSP', '1001^^^']) {
      expect(
        files.some((bytes) => bytes.includes(text)),
        text,
      ).toBe(false);
    }
  });

  it('shows refused messages without content to who oversees, and the content to who may see such a record', async () => {
    const administrator = await server.logIn(`${SLUG}.admin`);
    const url = `/api/v1/orgs/${SLUG}/hl7/messages`;
    const { json, text } = await server.send('GET', url, { token: administrator });
    const found = json.messages.find((message: { controlId: string }) => message.controlId === 'e8');
    expect(found).toMatchObject({ condition: '101', location: 'PID^1^3', acknowledgement: 'AE' });
    expect(text).not.toContain('Secret');
    const content = `${url}/${found.id}/content`;
    const desk = await server.logIn('a.desk');
    expect((await server.send('GET', url, { token: desk })).status).toBe(403);
    expect((await server.send('GET', content, { token: administrator })).status).toBe(403);
    const shown = await server.send('GET', content, { token: desk });
    expect(Buffer.from(shown.json.content, 'base64').toString()).toContain('Secret');
    expect((await server.send('DELETE', `${url}/${found.id}`, { token: administrator })).status).toBe(204);
    expect((await server.send('GET', content, { token: desk })).status).toBe(404);
  });

  it('asks for a message again that it refuses and cannot keep', async () => {
    const organisation = server.node.organisations.get(SLUG)!;
    const told: unknown[] = [];
    const full = new RecordsError('overloaded', 'too many refused messages are kept');
    const heldMessages = { hold: () => Promise.reject(full) } as unknown as HeldMessages;
    const handler = new MessageHandler({
      organisation: { ...organisation, vault: { ...organisation.vault, heldMessages } },
      ...{ settings: SETTINGS, nowMs: server.node.nowMs, onFailure: (error: unknown) => void told.push(error) },
    });
    const { taken, acknowledgement } = await handler.handle('adt', er7(header('ADT^A01', 'k1'), pid('1')));
    expect([taken, told]).toEqual(['postponed', [full]]);
    expect(acknowledgement.toString()).toMatch(/\rMSA\|AE\|k1[\s\S]*\|207/);
  });

  it('opens a message whole to those alone who may see every record of its patient, whatever its label', async () => {
    const { vault } = server.node.organisations.get(SLUG)!;
    const { id } = await patientOf('1001');
    const owner = (await vault.patients.findByFhirId(id))!.pid;
    const doctor = await server.logIn('a.rossi');
    const desk = await server.logIn('a.desk');
    const person = server.wallet('a.rossi').id;
    const body = { pid: owner, person, untilMs: Date.now() + 3_600_000 };
    expect((await server.send('POST', `/api/v1/orgs/${SLUG}/assignments`, { token: desk, body })).status).toBe(204);
    const message = er7(header('ADT^A01', 'h1'), pid('1001'), 'DG1|1||B20^HIV disease^I10');
    const known = await hold('h1', { pid: owner, type: 'ADT^A01' }, message);
    expect(await contentOf(known, doctor)).toEqual(['whole', message.toString()]);
    const shown = [header('ADT^A01', 'h1'), pid('1001'), ''].join('\r');
    expect(await contentOf(known, desk)).toEqual(['identity', shown]);
    const patient = { kind: 'patient', pid: owner, kid: 'device' } as const;
    const denial = await vault.access.denials.deny(patient, { persons: [person], labelClasses: ['HIV'] });
    expect(await contentOf(known, doctor)).toEqual(['identity', shown]);
    await vault.access.denials.withdraw(patient, denial.denialId);
    const stranger = await server.logIn('a.mehta');
    expect(await contentOf(known, stranger)).toEqual([403, '']);
    const unknown = await hold('h2', { pid: null, type: 'ADT^A01' }, message);
    expect(await contentOf(unknown, desk)).toEqual(['identity', shown]);
    expect(await contentOf(unknown, doctor)).toEqual([403, '']);
  });

  it('writes down who put a message aside, before it is gone', async () => {
    const { vault } = server.node.organisations.get(SLUG)!;
    const owner = (await vault.patients.findByFhirId((await patientOf('1001')).id))!.pid;
    const id = await hold('h3', { pid: owner, type: 'ADT^A01' }, er7(header('ADT^A01', 'h3'), pid('1001')));
    const administrator = await server.logIn(`${SLUG}.admin`);
    const url = `/api/v1/orgs/${SLUG}/hl7/messages/${id}`;
    expect((await server.send('DELETE', url, { token: administrator })).status).toBe(204);
    const events = (await vault.audit.list({ limit: 10 })).map(({ event }) => event);
    const who = { kind: 'member', id: server.wallet(`${SLUG}.admin`).id };
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'erasure', pid: owner, who: expect.objectContaining(who) }),
    );
    expect((await server.send('DELETE', url, { token: administrator })).status).toBe(404);
  });

  it('listens to nobody whose enrolment has ended', async () => {
    const client = (await findFeed(server.node.organisations.get(SLUG)!, 'adt'))!;
    const { call } = await staffCall(server.wallet(`${SLUG}.admin`), server.occasion(), {
      contract: 'membership',
      transaction: 'revoke',
      args: { id: client.id, reason: 'left' },
    });
    expect(await server.node.ledger.submit(call)).toMatchObject({ kind: 'committed' });
    expect(await sender.send(er7(header('ADT^A04', 'z1'), pid('1040'), visit('V40')))).toMatchObject({ code: 'AR' });
    expect((await patientOf('1040')).id).toBe('');
  });
});

/** A message that was refused, whatever for. */
async function hold(controlId: string, facts: Pick<HeldMessage, 'pid' | 'type'>, bytes: Buffer): Promise<string> {
  const { feedLookup, heldMessages } = server.node.organisations.get(SLUG)!.vault;
  const id = feedLookup.importToken(['adt', controlId], controlId);
  const why = { client: 'adt', condition: '102', acknowledgement: 'AE', location: null, reason: 'for this test' };
  await heldMessages.hold(id, { ...why, ...facts, controlId }, bytes);
  return id;
}

async function contentOf(id: string, token: string): Promise<readonly [string | number, string]> {
  const url = `/api/v1/orgs/${SLUG}/hl7/messages/${id}/content`;
  const { status, json } = await server.send('GET', url, { token });
  return status === 200 ? [json.part, Buffer.from(json.content, 'base64').toString()] : [status, ''];
}
