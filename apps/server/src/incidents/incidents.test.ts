import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { INCIDENTS_MAX } from './incident-book.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const INCIDENTS = '/api/v1/orgs/hospital-a/incidents';
const report = {
  kind: 'near-miss',
  area: 'pharmacy',
  harm: 'none',
  text: 'Two vials looked alike.',
  day: '2026-11-20',
};
let server: TestServer;
let nurse: string;
let officer: string;
beforeAll(async () => {
  const colleague = { account: 'a.safety', roles: ['safety-officer'], family: 'Iqbal', given: 'Sana', licence: 'x-1' };
  server = await openTestServer(['hospital-a', 'hospital-b'], undefined, [colleague]);
  nurse = await server.logIn('a.nurse');
  officer = await server.logIn('a.safety');
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a report of an error or near miss', () => {
  it('is read by few, without its reporter, who comes back to it by a receipt', async () => {
    const made = await server.send('POST', INCIDENTS, { token: nurse, body: report });
    expect(made.status, made.text).toBe(200);
    const { incident, receipt } = made.json as { incident: string; receipt: string };
    const listed = await server.send('GET', INCIDENTS, { token: officer });
    expect(listed.json.incidents).toEqual([
      { incident, ...report, month: expect.stringMatching(/^\d{4}-\d\d$/), notes: [] },
    ]);
    for (const account of ['a.nurse', 'a.rossi', 'a.desk']) {
      const refused = await server.send('GET', INCIDENTS, { token: await server.logIn(account) });
      expect(refused.status, account).toBe(403);
    }
    const noted = { token: officer, body: { text: 'Labels were changed.' } };
    expect((await server.send('POST', `${INCIDENTS}/${incident}/notes`, noted)).status).toBe(204);
    expect((await server.send('POST', `${INCIDENTS}/${incident}/notes`, { ...noted, token: nurse })).status).toBe(403);
    const back = await server.send('POST', `${INCIDENTS}/${incident}/status`, { token: nurse, body: { receipt } });
    expect(back.json.notes).toMatchObject([{ text: 'Labels were changed.' }]);
    const guess = { token: nurse, body: { receipt: 'A'.repeat(43) } };
    expect((await server.send('POST', `${INCIDENTS}/${incident}/status`, guess)).status).toBe(404);
  });

  it('names its reporter nowhere: not in what is kept, the audit log, the ledger or the node’s own log', async () => {
    const { id } = server.wallet('a.nurse');
    const { vault } = server.node.organisations.get('hospital-a')!;
    const auditBefore = (await vault.audit.list({ limit: 200 })).length;
    const height = await server.node.ledger.height();
    const made = await server.send('POST', INCIDENTS, { token: nurse, body: report });
    const { incident } = made.json as { incident: string };
    const kept = await vault.documents.list('incident');
    expect(kept.length).toBeGreaterThan(1);
    expect(JSON.stringify(kept)).not.toContain(id);
    expect((await vault.audit.list({ limit: 200 })).length).toBe(auditBefore);
    const key = `access/report/hospital-a/${incident}`;
    expect(await server.node.ledger.get(key)).toEqual({ commitment: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) });
    let calls = 0;
    for (let number = height + 1; number <= (await server.node.ledger.height()); number += 1) {
      const block = await server.node.ledger.block(number);
      calls += block!.transactions.filter(({ call }) => call.payload.transaction === 'report').length;
      expect(JSON.stringify(block)).not.toContain(id);
    }
    expect(calls).toBe(1);
    expect(server.log.filter((line) => line.includes(id) || line.includes('vials'))).toEqual([]);
    // Nor by order: the list is sorted by random ids.
    const listed = await server.send('GET', INCIDENTS, { token: officer });
    const ids = listed.json.incidents.map((shown: { incident: string }) => shown.incident);
    const byId = ids.toSorted((left: string, right: string) => (left < right ? -1 : 1));
    expect(ids).toEqual(byId);
  });

  it('is taken and read by month, so that a month that is full closes no other', async () => {
    const { documents } = server.node.organisations.get('hospital-a')!.vault;
    const month = (await server.send('GET', INCIDENTS, { token: officer })).json.months[0] as string;
    const before = await documents.find('incident', `month/${month}`);
    const full = Array.from({ length: INCIDENTS_MAX }, (_, number) => `none-${number}`);
    await documents.put('incident', `month/${month}`, full);
    const refused = await server.send('POST', INCIDENTS, { token: nurse, body: report });
    expect(refused.json.code).toBe('overloaded');
    // As if they had all come in a month that is over.
    await documents.put('incident', 'month/2020-01', full);
    await documents.put('incident', 'months', [month, '2020-01']);
    await documents.put('incident', `month/${month}`, before!);
    const made = await server.send('POST', INCIDENTS, { token: nurse, body: report });
    expect(made.status, made.text).toBe(200);
    await documents.put('incident', 'month/2020-01', before!);
    const newest = await server.send('GET', INCIDENTS, { token: officer });
    expect(newest.json.months).toEqual([month, '2020-01']);
    expect(newest.text).toContain(made.json.incident);
    const past = await server.send('GET', `${INCIDENTS}?month=2020-01`, { token: officer });
    expect(past.json.incidents).toHaveLength((before as readonly string[]).length);
    expect(past.text).not.toContain(made.json.incident);
    await documents.put('incident', 'months', [month]);
  });

  it('cannot be made without end by one person', async () => {
    const desk = await server.logIn('a.desk');
    const statuses = [];
    for (let number = 0; number < 21; number += 1) {
      statuses.push((await server.send('POST', INCIDENTS, { token: desk, body: report })).status);
    }
    expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(statuses[20]).toBe(429);
  });
});
