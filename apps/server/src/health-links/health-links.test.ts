import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { chapterAt, logInPatient, openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const LINKS = '/api/v1/orgs/hospital-a/patient/health-links';
/** Five parts as RFC 7516 §3.1 has them; the node looks no further. */
const JWE = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn';
const HOUR_MS = 3_600_000;
const recipient = 'Doctor Far Away';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 8));
});
afterAll(() => server[Symbol.asyncDispose]());

async function share(given: object = {}) {
  const expiresMs = server.occasion().nowMs + HOUR_MS;
  const file = { contentType: 'application/fhir+json', jwe: JWE };
  const body = { files: [file], expiresMs, passcode: null, flags: '', ...given };
  const answer = await server.send('POST', LINKS, { token: patient.token, body });
  if (answer.status !== 200) return { answer, link: '', path: '' };
  const { link, url } = answer.json as { link: string; url: string };
  return { answer, link, path: new URL(url).pathname };
}

/** Sessions end meanwhile. */
async function later(ms: number): Promise<void> {
  server.clock.offsetMs += ms;
  for (const each of [patient, other]) each.token = await logInPatient(server, each);
}

const open = (path: string, body: object = {}) => server.send('POST', path, { body: { recipient, ...body } });
const listed = async (link: string) => {
  const { json } = await server.send('GET', LINKS, { token: patient.token });
  return json.links.find((shown: { link: string }) => shown.link === link);
};

describe('a SMART Health Link', () => {
  it('gives its manifest to whoever has it, from any origin, and the patient sees who said they opened it', async () => {
    const { answer, link, path } = await share();
    expect(answer.json.url.length).toBeLessThanOrEqual(128);
    expect(link).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const opened = await server.app.inject({ method: 'POST', url: path, payload: { recipient } });
    expect(opened.headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    expect(opened.json()).toEqual({ files: [{ contentType: 'application/fhir+json', embedded: JWE }] });
    const { json } = await server.send('GET', '/api/v1/orgs/hospital-a/patient/audit', { token: patient.token });
    const query = `health link, opened by: ${recipient}`;
    expect(json.lines[0].event).toMatchObject({ kind: 'export', who: null, query });
    expect(await listed(link)).toMatchObject({ state: 'active', opened: 1, files: 1, hasPasscode: false });
    expect((await server.app.inject({ method: 'OPTIONS', url: path })).statusCode).toBe(204);
  });

  it('hands a file over by a place of its own where the manifest is to stay small', async () => {
    const { path } = await share({ flags: 'L' });
    const { json } = await open(path, { embeddedLengthMax: 10 });
    const { pathname } = new URL(json.files[0].location);
    const file = await server.send('GET', pathname);
    expect([file.status, file.type, file.text]).toEqual([200, 'application/jose', JWE]);
    const { path: second } = await share();
    const ticket = pathname.split('/').at(-1);
    expect((await server.send('GET', `${second}/files/${ticket}`)).status).toBe(404);
    await later(HOUR_MS / 2);
    expect((await server.send('GET', pathname)).status).toBe(200);
    await later(HOUR_MS / 2);
    expect((await server.send('GET', pathname)).status).toBe(404);
  });

  it('with the flag U gives its one file at once, and no manifest', async () => {
    const { path } = await share({ flags: 'U' });
    const file = await server.send('GET', `${path}?recipient=Somebody`);
    expect([file.status, file.text]).toEqual([200, JWE]);
    expect((await server.send('GET', path)).status).toBe(400);
    expect((await open(path)).status).toBe(404);
    const { path: manifest } = await share();
    expect((await server.send('GET', `${manifest}?recipient=Somebody`)).status).toBe(404);
  });

  it('takes ten wrong passcodes in its life, side by side or not, and then nothing any more', async () => {
    const { link, path } = await share({ flags: 'P', passcode: 'open sesame' });
    const asked = await open(path);
    expect([asked.status, asked.json]).toEqual([401, { remainingAttempts: 10 }]);
    const right = await open(path, { passcode: 'open sesame' });
    expect(right.status, right.text).toBe(200);
    const tries = await Promise.all(Array.from({ length: 14 }, (_, n) => open(path, { passcode: `guess ${n}` })));
    const left = tries.flatMap(({ json, status }) => (status === 401 ? [json.remainingAttempts] : []));
    expect(left.sort((a, b) => b - a)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(tries.filter(({ status }) => status === 404).length).toBe(4);
    expect((await open(path, { passcode: 'open sesame' })).status).toBe(404);
    expect(await listed(link)).toMatchObject({ state: 'locked', remainingAttempts: 0 });
    const { json } = await server.send('GET', '/api/v1/orgs/hospital-a/patient/audit', { token: patient.token });
    const query = `health link, wrong passcode by: ${recipient}`;
    const guesses = json.lines.filter(({ event }: { event: { query?: string } }) => event.query === query);
    expect(guesses.length).toBe(10);
    expect(guesses[0].event).toMatchObject({ kind: 'refusal', outcome: 'wrong-credentials', who: null });
  });

  it('ends by time and by revocation, and tells the two from no link at all by nothing', async () => {
    const first = await share();
    await later(HOUR_MS);
    const second = await share();
    const revoked = await server.send('DELETE', `${LINKS}/${second.link}`, { token: patient.token });
    expect(revoked.status).toBe(204);
    const never = first.path.replace(first.link, 'A'.repeat(43));
    const answers = await Promise.all([first.path, second.path, never].map((path) => open(path)));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect([(await listed(first.link)).state, (await listed(second.link)).state]).toEqual(['expired', 'revoked']);
    const { json, text } = await server.send('GET', '/api/v1/orgs/hospital-a/patient/audit', { token: patient.token });
    for (const [state, { link }] of Object.entries({ expired: first, revoked: second })) {
      const query = `health link, opened after its end: ${state}`;
      const told = json.lines.filter(({ event }: { event: { query?: string } }) => event.query === query);
      expect(told.map(({ event }: { event: object }) => event)).toMatchObject([{ kind: 'refusal', who: null }]);
      expect(text).not.toContain(link);
    }
  });

  it('makes room for new ones by forgetting those that have ended, and destroys what they held', async () => {
    const { link } = await share();
    await later(HOUR_MS);
    const { documents } = server.node.organisations.get('hospital-a')!.vault;
    for (let number = 0; number < 55; number += 1) {
      const made = await share();
      expect(made.answer.status).toBe(200);
      await server.send('DELETE', `${LINKS}/${made.link}`, { token: patient.token });
    }
    expect(await listed(link)).toBeUndefined();
    const kept = await documents.list('health-link');
    expect(kept.filter(({ name }) => name.startsWith('file/'))).toEqual([]);
  });

  it('is its patient’s alone, and refuses what contradicts itself', async () => {
    const { link } = await share();
    const foreign = await server.send('DELETE', `${LINKS}/${link}`, { token: other.token });
    expect(foreign.json.code).toBe('not-found');
    expect((await server.send('GET', LINKS, { token: other.token })).json).toEqual({ links: [] });
    const { nowMs } = server.occasion();
    const two = [1, 2].map(() => ({ contentType: 'application/fhir+json', jwe: JWE }));
    const wrong = [
      ...[{ flags: 'P' }, { passcode: 'open sesame' }, { flags: 'U', files: two }, { flags: 'PU', passcode: 'secret' }],
      ...[{ expiresMs: nowMs }, { expiresMs: nowMs + 400 * 24 * HOUR_MS }, { files: [] }],
      ...[
        { files: [{ contentType: 'text/html', jwe: JWE }] },
        { files: [{ contentType: two[0]!.contentType, jwe: '{}' }] },
      ],
    ];
    for (const given of wrong) expect((await share(given)).answer.status, JSON.stringify(given)).toBe(400);
    const large = { contentType: 'application/fhir+json', jwe: JWE.replace('aXY', 'A'.repeat(2_500_000)) };
    expect((await share({ files: [large] })).answer.status).toBe(200);
  });
});
