import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromUtf8 } from '@salus/crypto';
import { openLedgerState } from '@salus/ledger';
import { verifyRecords } from '@salus/records';
import { freePort, scaled } from '@salus/testing';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { foundConsortium, type TestConsortium } from '../../test/consortium.ts';
import { openSender, type Sender } from '../../test/feed.ts';
import { hl7Load, type LoadMessage } from '../../test/hl7-messages.ts';
import { type NodeProcess, startNode } from '../../test/node-process.ts';
import { certifyFeed } from '../hl7/feed-client.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const MESSAGES = scaled(500, 10_000);
/** No multiple of the twenty in which one is broken: else the same patients would get all of those. */
const PATIENTS = scaled(21, 201);
const KILLS = scaled(2, 5);
const CONNECTIONS = 4;
/** Every so many messages one comes twice, as after a lost acknowledgement. */
const AGAIN_EVERY = 25;
const RECONNECT_MS = 100;
const RECONNECTS_MAX = 2_000;
const AT = 'hospital-a';

let consortium: TestConsortium;
let port: number;
let node: NodeProcess;
const answers = new Map<string, string>();

beforeAll(async () => {
  consortium = await foundConsortium([AT], 'hl7');
  const { chain } = await certifyFeed(consortium.node.organisations.get(AT)!, 'load', Date.now());
  const { call } = await staffCall(consortium.cast.staff(`${AT}.admin`), consortium.cast.occasion(), {
    contract: 'membership',
    transaction: 'enrol',
    args: { certificates: [{ chain: [...chain] }] },
  });
  const enrolled = await consortium.node.ledger.submit(call);
  if (enrolled.kind !== 'committed') throw new Error(enrolled.code);
  await consortium.close();
  port = await freePort();
  const peers = [{ client: 'load', address: '127.0.0.1' }];
  const listeners = [{ organisation: AT, host: '127.0.0.1', port, peers }];
  writeFileSync(join(consortium.directory, 'hl7.json'), JSON.stringify({ listeners }));
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

test(`of ${MESSAGES} messages, one in twenty broken, ${KILLS} kills lose none, double none and keep each patient's order`, async () => {
  const load = hl7Load(MESSAGES, PATIENTS);
  const broken = load.filter(({ isBroken }) => isBroken);
  expect(broken.length).toBeGreaterThan(MESSAGES / 25);
  await start();
  const lanes = Array.from({ length: CONNECTIONS }, (_, lane) =>
    sendAll(load.filter(({ patient }) => patient % CONNECTIONS === lane)),
  );
  const killing = killWhenDone(Array.from({ length: KILLS }, (_, at) => ((at + 1) * MESSAGES) / (KILLS + 1)));
  await Promise.all([...lanes, killing]);
  await node.kill();
  for (const { controlId, isBroken } of load) {
    expect(answers.get(controlId), controlId).toMatch(isBroken ? /^A[ER]$/ : /^AA$/);
  }
  await consortium.open();
  const { vault } = consortium.cast.organisation(AT);
  for (let patient = 0; patient < PATIENTS; patient += 1) {
    const values = load.filter((message) => message.patient === patient).map(({ value }) => value);
    await demandOrder(
      patient,
      values.filter((value) => value !== null),
    );
  }
  expect(await vault.heldMessages.count()).toBe(broken.length);
  await consortium.close();
  using ledger = openLedgerState(consortium.layout.ledgerFile);
  const directory = consortium.layout.organisation(AT);
  expect((await verifyRecords({ directory, organisation: AT, ledger })).findings).toEqual([]);
}, 3_600_000);

/** One patient, one report, one observation, whose versions are the values in the order in which they were sent. */
async function demandOrder(patient: number, values: readonly number[]): Promise<void> {
  const { vault } = consortium.cast.organisation(AT);
  const system = `urn:salus:hl7:${AT}:authority:HOSP`;
  expect(await vault.feedLookup.findIds('Patient', { system, value: `P${patient}` })).toHaveLength(1);
  const reports = await vault.feedLookup.findIds('DiagnosticReport', { system, value: `ORDER${patient}` });
  expect(reports, `order ${patient}`).toHaveLength(1);
  const report = JSON.parse((await vault.feedLookup.findCurrent('DiagnosticReport', reports[0]!))!.text);
  expect(report.result).toHaveLength(1);
  const id = String(report.result[0].reference).split('/')[1]!;
  for (const [at, value] of values.entries()) {
    const version = await vault.rows.findResource('Observation', id, at + 1);
    const text = fromUtf8(await vault.ciphertext.readPlaintext(version!));
    expect(JSON.parse(text).valueQuantity.value, `patient ${patient}, version ${at + 1}`).toBe(value);
  }
  expect(await vault.rows.findResource('Observation', id, values.length + 1)).toBeUndefined();
}

async function start(): Promise<void> {
  node = startNode(consortium, { SALUS_HL7: join(consortium.directory, 'hl7.json') });
  await node.ready;
}

async function killWhenDone(counts: readonly number[]): Promise<void> {
  for (const count of counts) {
    while (answers.size < count) await sleep(5);
    await node.kill();
    await start();
  }
}

/** One after the other, again until there is an answer that says what became of it. */
async function sendAll(messages: readonly LoadMessage[]): Promise<void> {
  let sender: Sender | undefined;
  for (const [at, { controlId, bytes }] of messages.entries()) {
    const times = at % AGAIN_EVERY === 0 ? 2 : 1;
    for (let sent = 0, tries = 0; sent < times; tries += 1) {
      if (tries > RECONNECTS_MAX) throw new Error(`no answer to ${controlId}`);
      try {
        sender ??= await openSender(port);
        const { code, condition } = await sender.send(bytes);
        // Nothing was done, or it is not settled yet: send it again.
        if (condition === '207' || condition === '206') {
          await sleep(RECONNECT_MS);
          continue;
        }
        answers.set(controlId, code);
        sent += 1;
      } catch {
        sender?.close();
        sender = undefined;
        await sleep(RECONNECT_MS);
      }
    }
  }
  sender?.close();
}
