import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp } from '../http/server.ts';
import { createMetrics } from '../metrics.ts';
import { Sessions } from '../sessions.ts';
import { openWebApp } from './web-app.ts';
import { addWebRoutes } from './web-routes.ts';

const SCRIPT = `export const app = ${JSON.stringify('a'.repeat(4_000))};`;
const POLICY = "default-src 'none'; style-src 'self' 'nonce-__CSP_NONCE__'";
const FILES: Readonly<Record<string, string>> = {
  '/index.html': '<!doctype html><meta name="csp-nonce" nonce="__CSP_NONCE__"><title>Salus</title>',
  '/assets/app-0a1b2c.js': SCRIPT,
  '/sw.js': 'self.addEventListener("fetch", () => undefined);',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-web-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function build(files: Readonly<Record<string, string>> = FILES, release: object = {}): string {
  const hashes = Object.entries(files).map(([path, text]) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
    return [path, createHash('sha256').update(text).digest('hex')];
  });
  const whole = { version: 'salus:web-release:v1', policy: POLICY, files: Object.fromEntries(hashes), ...release };
  writeFileSync(join(folder, 'release.json'), JSON.stringify(whole));
  return folder;
}

async function serve() {
  const app = await createHttp({
    settings: { publicUrl: 'http://127.0.0.1', tls: null, logLevel: 'silent', metricsToken: null },
    metrics: createMetrics(async () => ({ ledgerHeight: 0, sessions: 0, alarms: 0 })),
    sessions: new Sessions(Date.now),
  });
  addWebRoutes(app, openWebApp(build()));
  const get = (url: string, headers: Readonly<Record<string, string>> = { accept: 'text/html' }) =>
    app.inject({ method: 'GET', url, headers });
  return { app, get };
}

describe('the served app', () => {
  it('answers every address of a page with the page, never kept by a cache, and a nonce of its own each time', async () => {
    const { get } = await serve();
    const nonces = new Set<string>();
    for (const url of ['/', '/patient/record', '/patient/record?view=results', '/clinician/x.y/z']) {
      const answer = await get(url);
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(answer.headers['cache-control']).toBe('no-store');
      const [, nonce] = /'nonce-([^']+)'/.exec(String(answer.headers['content-security-policy']))!;
      expect(answer.body).toContain(`nonce="${nonce}"`);
      expect(`${answer.body}${answer.headers['content-security-policy']}`).not.toContain('__CSP_NONCE__');
      nonces.add(nonce!);
    }
    expect(nonces.size).toBe(4);
  });

  it('lets hashed assets be kept for ever and everything else be asked for anew', async () => {
    const { get } = await serve();
    const asset = await get('/assets/app-0a1b2c.js', {});
    expect([asset.statusCode, asset.body]).toEqual([200, SCRIPT]);
    expect(asset.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await get('/sw.js', {})).headers['cache-control']).toBe('no-cache');
    expect((await get('/sw.js', {})).headers['content-security-policy']).toBe("default-src 'none'; connect-src 'self'");
    expect((await get('/release.json', {})).headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('gives its page as it was built to installed apps, as text that no browser shows as a page', async () => {
    const { get } = await serve();
    const built = await get('/release/index.html');
    expect([built.body, built.headers['content-type']]).toEqual([FILES['/index.html'], 'text/plain; charset=utf-8']);
    expect((await get('/release/none')).statusCode).toBe(404);
  });

  it('compresses for whoever takes it', async () => {
    const { get } = await serve();
    const packed = await get('/assets/app-0a1b2c.js', { 'accept-encoding': 'br;q=1.0, gzip;q=0.8' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.rawPayload.length).toBeLessThan(SCRIPT.length / 4);
    expect((await get('/assets/app-0a1b2c.js', {})).headers['content-encoding']).toBeUndefined();
  });

  it('answers no path of the API, of FHIR, of log-ins or of assets with a page', async () => {
    const { get } = await serve();
    const paths = [
      '/api/v1/none',
      '/api',
      '/a/fhir/R4/None',
      '/a/oauth/none',
      '/assets/none.js',
      '/metrics',
      '/.well-known/none',
    ];
    for (const path of paths) expect([path, (await get(path)).statusCode]).toEqual([path, 404]);
    expect((await get('/a/fhir/R4/None')).json()).toMatchObject({ resourceType: 'OperationOutcome' });
  });

  it('answers whoever wants no page with a problem', async () => {
    const { app, get } = await serve();
    expect((await get('/patient', { accept: 'application/json' })).json()).toMatchObject({ code: 'not-found' });
    expect((await app.inject({ method: 'POST', url: '/patient' })).statusCode).toBe(404);
  });

  it('has no way out of its files', async () => {
    const { get } = await serve();
    for (const path of [
      '/../release.json',
      '/assets/../../etc/passwd',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '/assets/..%5c..%5c',
    ]) {
      const answer = await get(path, {});
      expect([path, answer.statusCode, answer.body.includes('root:')]).toEqual([path, answer.statusCode, false]);
    }
  });
});

describe('a build', () => {
  it('is refused where a file is another than its release says', () => {
    build();
    writeFileSync(join(folder, '/assets/app-0a1b2c.js'), `${SCRIPT} `);
    expect(() => openWebApp(folder)).toThrow('was changed after it was built');
  });

  it('is refused where it names a file outside of itself', () => {
    for (const path of ['/../secret', '/a/../../secret', '//host/x', '/.hidden']) {
      build(FILES, { files: { '/index.html': '00', [path]: '00' } });
      expect(() => openWebApp(folder)).toThrow('SALUS_WEB');
    }
  });

  it('is refused without a page, without a release, and with one of another kind', () => {
    expect(() => openWebApp(folder)).toThrow('holds no release.json');
    build({ '/sw.js': 'x' });
    expect(() => openWebApp(folder)).toThrow('has no page');
    build(FILES, { policy: 7 });
    expect(() => openWebApp(folder)).toThrow('of another kind');
  });
});
