import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import type { Access } from '../http/access.ts';
import { type Principal, SESSION_IDLE_MS } from '../sessions.ts';

type Session = Extract<Access, { kind: 'session' }>;
interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly access: Access;
}

let server: TestServer;
let routes: readonly Route[];
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const { json } = await server.send('GET', '/api/v1/openapi.json');
  routes = Object.entries(json.paths as Record<string, Record<string, { 'x-access': Access }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, description]) => ({
        method: method.toUpperCase() as Route['method'],
        url: path,
        access: description['x-access'],
      })),
  );
});
afterAll(() => server[Symbol.asyncDispose]());

const at = ({ url }: Route): string =>
  url
    .replace('{org}', 'hospital-a')
    .replaceAll(/\{(session|callId|fingerprint|ref)\}/g, 'x'.repeat(43))
    .replaceAll(/\{[a-zA-Z]+\}/g, 'x'.repeat(22));
const as = (principal: Principal): string => server.node.sessions.open(principal).token;
const ask = async (route: Route, token?: string): Promise<string> => {
  const { status, json } = await server.send(route.method, at(route), {
    ...(token === undefined ? {} : { token }),
    raw: '{"not": "what any route takes"}',
  });
  const { code, issue } = json as { code?: string; issue?: [{ details: { coding: [{ code: string }] } }] };
  return `${status} ${code ?? issue?.[0].details.coding[0].code ?? ''}`;
};
const withSession = (): readonly (Route & { readonly access: Session })[] =>
  routes.filter((route): route is Route & { readonly access: Session } => route.access.kind === 'session');

const staff = (organisation: string, roles: readonly string[]): Principal => ({
  kind: 'staff',
  organisation,
  id: 'x'.repeat(22),
  roles,
  account: 'x',
});
const device: Principal = { kind: 'patient', organisation: 'hospital-a', pid: 'p'.repeat(22), kid: 'k'.repeat(22) };

describe('authorisation of every route', () => {
  it('is declared, and few routes are open', () => {
    expect(routes.length).toBeGreaterThan(40);
    const open = routes.filter(({ access }) => access.kind === 'public').map(({ method, url }) => `${method} ${url}`);
    expect(open.sort()).toEqual([
      'GET /api/v1/authenticity/authorities',
      'GET /api/v1/authenticity/{fingerprint}',
      'GET /api/v1/categories',
      'GET /api/v1/network',
      'GET /api/v1/openapi.json',
      'GET /api/v1/orgs/{org}/shl/{link}',
      'GET /api/v1/orgs/{org}/shl/{link}/files/{ticket}',
      'GET /api/v1/releases',
      'GET /api/v1/releases/{hash}',
      'GET /health',
      'GET /{org}/fhir/R4/.well-known/smart-configuration',
      'GET /{org}/fhir/R4/metadata',
      'POST /api/v1/orgs/{org}/invitations/claim',
      'POST /api/v1/orgs/{org}/invitations/state',
      'POST /api/v1/orgs/{org}/login',
      'POST /api/v1/orgs/{org}/patient/challenge',
      'POST /api/v1/orgs/{org}/patient/login',
      'POST /api/v1/orgs/{org}/shl/{link}',
    ]);
    expect(routes.filter(({ access }) => access.kind === 'signature').map(({ url }) => url)).toEqual([
      '/api/v1/orgs/{org}/calls',
      '/api/v1/orgs/{org}/guardians',
      '/api/v1/orgs/{org}/tokens',
    ]);
  });

  it('refuses no session, a made-up one and one that is over', async () => {
    for (const route of withSession()) {
      const over = as(staff('hospital-a', ['clinician']));
      server.clock.offsetMs += SESSION_IDLE_MS;
      for (const token of [undefined, 'A'.repeat(43), over]) {
        expect(await ask(route, token), `${route.method} ${route.url}`).toBe('401 not-authenticated');
      }
    }
  });

  it('refuses staff and patients of another organisation, whatever their roles', async () => {
    const everything = [
      'administrator',
      'clinician',
      'registrar',
      'privacy-officer',
      'nurse',
      'laboratory',
      'pharmacist',
    ];
    let seen = 0;
    for (const route of withSession().filter(({ url }) => url.includes('{org}'))) {
      expect(await ask(route, as(staff('hospital-b', everything))), route.url).toBe('403 not-permitted');
      expect(await ask(route, as({ ...device, organisation: 'hospital-b' })), route.url).toBe('403 not-permitted');
      seen += 1;
    }
    expect(seen).toBeGreaterThan(30);
  });

  it('refuses the wrong kind of person and the wrong role', async () => {
    const kinds: readonly Principal[] = [staff('hospital-a', ['clinician']), device, { ...device, kind: 'recovery' }];
    let refused = 0;
    for (const route of withSession()) {
      for (const principal of kinds.filter(({ kind }) => !route.access.who.includes(kind))) {
        expect(await ask(route, as(principal)), `${principal.kind} at ${route.url}`).toBe('403 not-permitted');
        refused += 1;
      }
      if (route.access.roles === undefined) continue;
      expect(await ask(route, as(staff('hospital-a', ['researcher']))), route.url).toBe('403 not-permitted');
      refused += 1;
    }
    expect(refused).toBeGreaterThan(60);
  });

  it('shows a patient nothing of another pid', async () => {
    const other = as({ ...device, pid: 'q'.repeat(22) });
    const path = '/api/v1/orgs/hospital-a/patient';
    expect((await server.send('GET', `${path}/keys`, { token: other })).json).toMatchObject({ code: 'not-permitted' });
    expect((await server.send('GET', `${path}/audit`, { token: other })).json).toMatchObject({ lines: [] });
    expect((await server.send('GET', `${path}/records/${'r'.repeat(22)}`, { token: other })).json).toMatchObject({
      code: 'not-found',
    });
    expect((await server.send('GET', `${path}/backup`, { token: other })).json).toMatchObject({ code: 'not-found' });
  });
});
