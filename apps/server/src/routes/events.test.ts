import { accessRequest, revoke } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { assign } from '../../test/assign.ts';
import {
  bodyOf,
  chapterAt,
  grantAccess,
  openTestServer,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';
import { openLivePage } from '../../test/live-page.ts';
import type { Session } from '../sessions.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
const PATIENCE = { timeout: 60_000, interval: 20 };
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
let doctor: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 8));
  doctor = await server.logIn('b.novak', { writing: true });
});
afterAll(() => server[Symbol.asyncDispose]());

describe('live updates', () => {
  it('tell patient and reader of a grant and of its end, and nobody else', async () => {
    const own = await openLivePage(server, 'hospital-a', patient.token);
    const foreign = await openLivePage(server, 'hospital-a', other.token);
    const reader = await openLivePage(server, 'hospital-b', doctor);
    const colleague = await openLivePage(server, 'hospital-b', await server.logIn('hospital-b.admin'));
    const { id } = server.wallet('b.novak');
    const { grant } = await grantAccess(server, patient, {
      ...{ to: 'hospital-b', reader: doctor, grantee: { kind: 'person', organisation: 'hospital-b', id } },
    });
    const made = { event: 'grant', data: { kind: 'grant', grant } };
    await vi.waitFor(
      () => expect([own.told, reader.told]).toEqual([own.told, expect.arrayContaining([made])]),
      PATIENCE,
    );
    expect(own.told).toContainEqual(made);
    const change = await revoke(patient.wallet, server.occasion(), { pid: patient.pid, grant });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(change) })).status).toBe(200);
    const ended = { event: 'revoked', data: { kind: 'revoked', grant } };
    await vi.waitFor(() => {
      expect(own.told).toContainEqual(ended);
      expect(reader.told).toContainEqual(ended);
    }, PATIENCE);
    expect(own.told[0]).toMatchObject({ event: 'ready', data: { height: expect.any(Number) } });
    expect(foreign.told.map(({ event }) => event)).toEqual(['ready']);
    expect(colleague.told.map(({ event }) => event)).toEqual(['ready']);
    for (const page of [own, foreign, reader, colleague]) page.close();
  });

  it('tell of requests when their words can be read, and of what was written', async () => {
    const page = await openLivePage(server, 'hospital-a', patient.token);
    const foreign = await openLivePage(server, 'hospital-a', other.token);
    const wallet = server.wallet('a.rossi');
    const { nowMs } = server.occasion();
    const at = server.node.organisations.get('hospital-a')!;
    await assign(at, { id: patient.fhirId, actor: wallet.id, nowMs });
    const token = await server.logIn('a.rossi', { writing: true });
    const ward = await openLivePage(server, 'hospital-a', token);
    const asked = await accessRequest(wallet, server.occasion(), {
      ...{ pid: patient.pid, grantee: { kind: 'person', organisation: 'hospital-a', id: wallet.id } },
      ...{ categories: ['laboratory'], purposes: ['TREAT'], notAfterMs: null, text: 'May I?' },
    });
    expect((await server.send('POST', `${A}/requests`, { token, body: bodyOf(asked) })).status).toBe(200);
    const { request } = asked;
    await vi.waitFor(
      () => expect(page.told).toContainEqual({ event: 'request', data: { kind: 'request', request, status: 'open' } }),
      PATIENCE,
    );
    const subject = { reference: `Patient/${patient.fhirId}` };
    const code = { coding: [{ system: 'http://loinc.org', code: '2339-0' }] };
    const raw = JSON.stringify({ resourceType: 'Observation', status: 'final', code, subject, valueString: 'x' });
    const fhir = '/hospital-a/fhir/R4/Observation';
    const written = await server.send('POST', fhir, { token, raw, type: 'application/fhir+json' });
    expect(written.status, written.text).toBe(201);
    await vi.waitFor(() => {
      const [record] = page.told.filter(({ event }) => event === 'record');
      expect(record?.data).toMatchObject({ type: 'Observation' });
      expect(page.told.map(({ event }) => event)).toContain('access');
      // Staff learn that they should look; the look itself is in the log.
      const something = { event: 'record', data: { kind: 'record', type: null, id: null } };
      expect(ward.told.filter(({ event }) => event === 'record')).toEqual([something]);
    }, PATIENCE);
    expect(foreign.told.map(({ event }) => event)).toEqual(['ready']);
    for (const each of [page, foreign, ward]) each.close();
  });

  it('leave the patient’s places alone, however many pages a guardian opens', async () => {
    const { events } = server.node;
    const guardian = { kind: 'patient', organisation: 'hospital-a', pid: patient.pid, kid: 'of-the-guardian' } as const;
    const open = () => events.open({ principal: guardian } as Session, patient.token);
    const streams = [];
    for (let number = 0; number < 10; number += 1) streams.push(await open());
    await expect(open()).rejects.toMatchObject({ code: 'too-many-requests' });
    const page = await openLivePage(server, 'hospital-a', patient.token);
    expect(page.status).toBe(200);
    page.close();
    for (const stream of streams) stream.readable.destroy();
    await vi.waitFor(() => expect(events.size).toBe(0), PATIENCE);
  });

  it('end with the session, and are refused without one, of another organisation, or too often', async () => {
    const token = await server.logIn('hospital-a.admin');
    const page = await openLivePage(server, 'hospital-a', token);
    expect((await server.send('POST', '/api/v1/logout', { token })).status).toBe(204);
    await vi.waitFor(() => expect(page.isEnded()).toBe(true), PATIENCE);
    expect(page.told.at(-1)?.event).toBe('end');
    expect((await server.send('GET', `${A}/events`, { token })).status).toBe(401);
    expect((await server.send('GET', `${A}/events`, { token: doctor })).status).toBe(403);
    const pages = [];
    for (let number = 0; number < 10; number += 1) pages.push(await openLivePage(server, 'hospital-b', doctor));
    expect(pages.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect((await openLivePage(server, 'hospital-b', doctor)).status).toBe(429);
    for (const each of pages) each.close();
    await vi.waitFor(() => expect(server.node.events.size).toBe(0), PATIENCE);
  });
});
