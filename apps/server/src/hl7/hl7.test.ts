import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enrolFeed, er7, openSender, type Sender } from '../../test/feed.ts';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import type { Hl7ListenerSettings } from './hl7-configuration.ts';
import { type Hl7Listener, openHl7Listener } from './hl7-listener.ts';
import { MessageHandler } from './message-handler.ts';

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
}, 120_000);

afterAll(async () => {
  sender.close();
  await listener[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
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
    expect(await server.node.ledger.height()).toBe(height);
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
});
