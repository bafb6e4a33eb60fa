import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../metrics.ts';
import { type Principal, SESSION_IDLE_MS, SESSION_MS, Sessions } from '../sessions.ts';
import { addRoute } from './route.ts';
import { count, object, org, text } from './schemas.ts';
import { BODY_BYTES_MAX, createHttp } from './server.ts';

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function openHttp(options: { readonly metricsToken?: string; readonly headersTimeoutMs?: number } = {}) {
  const lines: string[] = [];
  const clock = { nowMs: 1_000 };
  const sessions = new Sessions(() => clock.nowMs);
  const app = await createHttp({
    settings: {
      publicUrl: 'http://127.0.0.1',
      tls: null,
      logLevel: 'debug',
      metricsToken: options.metricsToken ?? null,
    },
    metrics: createMetrics(async () => ({ ledgerHeight: 0, sessions: 0, alarms: 0 })),
    sessions,
    logTo: (line) => lines.push(line),
    ...(options.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: options.headersTimeoutMs }),
  });
  apps.push(app);
  return { app, lines, clock, sessions };
}

function addEcho(app: FastifyInstance): void {
  addRoute<{ org: string }, unknown, { word: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/echo',
    access: { kind: 'session', who: ['staff'], roles: ['clinician'] },
    summary: 'Says the word again.',
    params: org,
    body: object({ word: text(40), times: count }, ['times']),
    answer: object({ word: text(40) }),
    handle: async ({ body }) => {
      if (body.word === 'boom') throw new Error('the secret of Mrs Example');
      return { word: body.word, extra: 'dropped' };
    },
  });
}

const doctor: Principal = { kind: 'staff', organisation: 'hospital-a', id: 'x', roles: ['clinician'], account: 'a' };
const post = (token: string | undefined, payload: string | Buffer, type = 'application/json') => ({
  method: 'POST' as const,
  url: '/api/v1/orgs/hospital-a/echo',
  headers: { 'content-type': type, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  payload,
});

describe('access', () => {
  it('refuses to register a route that does not say who may call it', async () => {
    const { app } = await openHttp();
    expect(() => app.get('/open', async () => 'everything')).toThrow(/does not declare who may call it/);
  });

  it('refuses no session, an ended one, another organisation, another kind and another role, each before reading the body', async () => {
    const { app, clock, sessions } = await openHttp();
    addEcho(app);
    const code = async (token: string | undefined, payload = 'not even JSON') => {
      const answer = await app.inject(post(token, payload));
      return [answer.statusCode, answer.json<{ code: string }>().code];
    };
    expect(await code(undefined)).toEqual([401, 'not-authenticated']);
    expect(await code('x'.repeat(43))).toEqual([401, 'not-authenticated']);
    expect(await code(sessions.open({ ...doctor, organisation: 'hospital-b' }).token)).toEqual([403, 'not-permitted']);
    expect(await code(sessions.open({ ...doctor, roles: ['registrar'] }).token)).toEqual([403, 'not-permitted']);
    const patient: Principal = { kind: 'patient', organisation: 'hospital-a', pid: 'p', kid: 'k' };
    expect(await code(sessions.open(patient).token)).toEqual([403, 'not-permitted']);
    const { token } = sessions.open(doctor);
    expect((await app.inject(post(token, '{"word":"hello"}'))).json()).toEqual({ word: 'hello' });
    clock.nowMs += SESSION_IDLE_MS;
    expect(await code(token)).toEqual([401, 'not-authenticated']);
    const second = sessions.open(doctor).token;
    for (let passed = 0; passed < SESSION_MS; passed += SESSION_IDLE_MS / 2) {
      clock.nowMs += SESSION_IDLE_MS / 2;
      sessions.find(second);
    }
    expect(await code(second)).toEqual([401, 'not-authenticated']);
  });

  it('keeps metrics for loopback, or for the token once there is one', async () => {
    const route = { method: 'GET' as const, url: '/metrics', config: { access: { kind: 'metrics' as const } } };
    const open = await openHttp();
    open.app.route({ ...route, handler: async () => 'figures' });
    expect((await open.app.inject({ url: '/metrics', remoteAddress: '127.0.0.1' })).statusCode).toBe(200);
    expect((await open.app.inject({ url: '/metrics', remoteAddress: '192.0.2.7' })).json()).toMatchObject({
      code: 'not-permitted',
    });
    const closed = await openHttp({ metricsToken: 'abc' });
    closed.app.route({ ...route, handler: async () => 'figures' });
    expect((await closed.app.inject({ url: '/metrics' })).json()).toMatchObject({ code: 'not-permitted' });
    const headers = { authorization: 'Bearer abc' };
    expect((await closed.app.inject({ url: '/metrics', headers, remoteAddress: '192.0.2.7' })).body).toBe('figures');
  });
});

describe('bodies', () => {
  it('refuses what is not strict JSON of the described shape, and says where without quoting it', async () => {
    const { app, sessions } = await openHttp();
    addEcho(app);
    const { token } = sessions.open(doctor);
    const cases: readonly (readonly [string | Buffer, number, string])[] = [
      ['{"word":"a","word":"b"}', 400, 'bad-json'],
      ['{"word":', 400, 'bad-json'],
      [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'bad-json'],
      ['['.repeat(200) + ']'.repeat(200), 400, 'bad-json'],
      ['{"word":"a","__proto__":{}}', 400, 'bad-request'],
      ['{"word":1}', 400, 'bad-request'],
      ['{"word":"a","times":"1"}', 400, 'bad-request'],
      ['{"word":"a","times":-1}', 400, 'bad-request'],
      ['{"word":"a","times":1.5}', 400, 'bad-request'],
      ['{"word":"a","times":9007199254740993}', 400, 'bad-request'],
      ['null', 400, 'bad-request'],
      ['[]', 400, 'bad-request'],
      ['', 400, 'bad-json'],
      [`{"word":"${'x'.repeat(41)}"}`, 400, 'bad-request'],
      [`{"word":"${'x'.repeat(BODY_BYTES_MAX)}"}`, 413, 'body-too-large'],
    ];
    for (const [payload, status, code] of cases) {
      const answer = await app.inject(post(token, payload));
      expect([answer.statusCode, answer.json<{ code: string }>().code], String(payload).slice(0, 40)).toEqual([
        status,
        code,
      ]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
    }
    expect((await app.inject(post(token, 'word=a', 'text/plain'))).json()).toMatchObject({
      code: 'unsupported-media-type',
    });
    const secret = await app.inject(post(token, '{"word":["Mrs Example"]}'));
    expect(secret.json()).toMatchObject({ detail: 'body/word must be string' });
  });

  it('refuses unknown query members and paths with tricks', async () => {
    const { app, sessions } = await openHttp();
    addEcho(app);
    const { token } = sessions.open(doctor);
    const base = post(token, '{"word":"hello"}');
    for (const url of ['/api/v1/orgs/hospital-a/echo?x=1', '/api/v1/orgs/hospital-a/echo?word=a&word=b']) {
      expect((await app.inject({ ...base, url })).json()).toMatchObject({ code: 'bad-request' });
    }
    for (const url of [
      '/api/v1/orgs/%E0%A4%A/echo',
      '/api/v1/orgs/../orgs/%2e%2e/echo',
      '/api/v1/orgs/hospital-a%2fecho',
      '//',
      `/api/v1/orgs/${'a'.repeat(500)}/echo`,
    ]) {
      const answer = await app.inject({ ...base, url });
      expect(answer.statusCode, url).toBeGreaterThanOrEqual(400);
      expect(answer.statusCode, url).toBeLessThan(500);
      expect(answer.json()).toMatchObject({ code: expect.any(String) as string });
    }
  });
});

describe('answers', () => {
  it('hides what went wrong inside, from the caller and from the log', async () => {
    const { app, lines, sessions } = await openHttp();
    addEcho(app);
    const { token } = sessions.open(doctor);
    const answer = await app.inject({ ...post(token, '{"word":"boom"}'), url: '/api/v1/orgs/hospital-a/echo' });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      type: 'urn:salus:error:internal',
      title: 'internal',
      status: 500,
      code: 'internal',
    });
    const log = lines.join('');
    expect(log).toContain('"route":"/api/v1/orgs/:org/echo"');
    expect(log).not.toMatch(/Mrs Example|boom|hospital-a/);
    expect(log).not.toContain(token);
  });

  it('says nothing of a query in the log, and closes every door of a browser', async () => {
    const { app, lines } = await openHttp();
    addEcho(app);
    const answer = await app.inject({ url: '/api/v1/nowhere?name=Mrs+Example' });
    expect(answer.json()).toMatchObject({ status: 404, code: 'not-found' });
    expect(lines.join('')).not.toMatch(/Example|nowhere/);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'") as string,
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    for (const url of ['/api/v1/orgs/hospital-a/echo', '/%E0%A4%A']) {
      const refused = await app.inject({ method: 'POST', url, headers: { origin: 'https://elsewhere.example' } });
      expect(refused.headers, url).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('answers unknown FHIR paths with an OperationOutcome', async () => {
    const { app } = await openHttp();
    const answer = await app.inject({ url: '/hospital-a/fhir/R4/Nothing/1' });
    expect(answer.headers['content-type']).toContain('application/fhir+json');
    expect(answer.json()).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'not-found' }] });
  });
});

describe('connections', () => {
  const exchange = (port: number, sent: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let received = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(sent));
      socket.on('data', (bytes) => (received += bytes.toString()));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });

  it('refuses what is not HTTP, a header without end, and a client that is too slow', async () => {
    const { app } = await openHttp({ headersTimeoutMs: 2_000 });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    expect(await exchange(port, 'EHLO example\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"bad-request"/s);
    expect(await exchange(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
    expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nX: a')).toMatch(/^HTTP\/1.1 408 /);
  });
});
