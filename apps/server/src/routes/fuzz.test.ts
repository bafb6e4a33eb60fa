import { text as readAll } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { type Answer, chapterAt, openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';
import type { Seeded } from '../demonstration/seeded.ts';
import { seeded } from '../demonstration/seeded.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
}
interface Operation {
  readonly method: Method;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: Schema | undefined;
  readonly fhir: boolean;
}

const SEED = 20_261_121;
const REQUESTS = scaled(500, 20_000);
/** What a request may leave behind: caches that fill up once. */
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;

let server: TestServer;
let patient: TestPatient;
let operations: readonly Operation[];
let tokens: readonly (string | undefined)[];
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  const { json } = await server.send('GET', '/api/v1/openapi.json');
  operations = Object.entries(json.paths as Record<string, Record<string, Description>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, description]) =>
      operationOf(method.toUpperCase() as Method, path, description),
    ),
  );
  const people = ['a.rossi', 'a.desk', 'hospital-a.admin', 'a.nurse'].map((account) =>
    server.logIn(account, { writing: true }),
  );
  tokens = [undefined, patient.token, ...(await Promise.all(people))];
});
afterAll(() => server[Symbol.asyncDispose]());

interface Description {
  readonly parameters?: Operation['parameters'];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

function operationOf(method: Method, path: string, { parameters = [], requestBody }: Description): Operation {
  const fhir = method === 'POST' && (path.includes('/fhir/') || path.endsWith('/imports'));
  return { method, path, parameters, body: requestBody?.content['application/json']?.schema, fhir };
}

/** Values that no schema here expects, and some that it might. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  2 ** 60,
  '',
  ' ',
  '\u0000',
  '../../etc/passwd',
  '%00',
  '‮',
  '🩺'.repeat(50),
  'A'.repeat(22),
  'A'.repeat(43),
  'x'.repeat(70_000),
  [],
  {},
  [[]],
  [null],
  { a: { b: { c: {} } } },
  ['x'.repeat(100)],
  { constructor: { prototype: {} } },
  { toString: 1 },
  "'; DROP TABLE record; --",
  'hospital-b',
  '$' + '{jndi:ldap://x}',
  '<script>',
  `id:${'A'.repeat(22)}`,
  `pid:${'A'.repeat(22)}/${'A'.repeat(22)}`,
];

/** A value as the schema says, of which one part in a few is something else. */
function sampleOf(schema: Schema | undefined, random: Seeded, depth = 0): unknown {
  if (schema === undefined || depth > 6 || random.integer(0, 9) === 0) return random.pick(HOSTILE);
  if (schema.anyOf !== undefined) return sampleOf(random.pick(schema.anyOf), random, depth + 1);
  if (schema.enum !== undefined) return random.pick(schema.enum);
  switch (schema.type) {
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).filter(() => random.integer(0, 19) > 0);
      const made = Object.fromEntries(members.map(([name, member]) => [name, sampleOf(member, random, depth + 1)]));
      return random.integer(0, 19) === 0
        ? { ...made, [random.pick(['extra', '__proto__x', '', 'x'.repeat(500)])]: 1 }
        : made;
    }
    case 'array':
      return Array.from({ length: random.integer(0, 3) }, () => sampleOf(schema.items, random, depth + 1));
    case 'integer':
      return random.integer(0, 2_000_000_000);
    case 'boolean':
      return random.integer(0, 1) === 1;
    case 'string':
      return textOf(schema.pattern ?? '', random);
    default:
      return random.pick(HOSTILE);
  }
}

function textOf(pattern: string, random: Seeded): string {
  const length = /\{(\d+)(?:,\d+)?\}\$$/.exec(pattern)?.[1];
  if (pattern.includes('[a-z][a-z0-9-]{1,31}')) return random.pick(['hospital-a', 'hospital-b', 'nowhere']);
  if (pattern === '^B[A-Za-z0-9_-]{86}$') return `B${'A'.repeat(86)}`;
  return random.pick(['A', 'a', '7', 'x']).repeat(Number(length ?? random.integer(1, 20)));
}

/** JSON text with faults that a serialiser does not make. */
function textWithFaults(value: unknown, random: Seeded): string | Buffer {
  const text = JSON.stringify(value) ?? 'null';
  switch (random.integer(0, 11)) {
    case 0:
      return text.replace('{', '{"a":1,"a":2,');
    case 1:
      return text.slice(0, random.integer(0, text.length));
    case 2:
      return Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.of(0xff, 0xfe, 0x00)]);
    case 3:
      return '['.repeat(5_000) + ']'.repeat(5_000);
    case 4:
      return text.replace(/":"/, '":NaN,"x":"');
    case 5:
      return `﻿${text}`;
    case 6:
      return `{"x":"${'y'.repeat(random.integer(0, 3_000_000))}"}`;
    default:
      return text;
  }
}

/** A valid bundle with one place changed: what an importer with a fault sends. */
function bundleWithFault(random: Seeded, bundle: string): string | Buffer {
  const at = random.integer(0, bundle.length - 1);
  const cut = (insert: string): string => bundle.slice(0, at) + insert + bundle.slice(at + random.integer(0, 40));
  switch (random.integer(0, 7)) {
    case 0:
      return cut('');
    case 1:
      return cut(JSON.stringify(random.pick(HOSTILE)) ?? '');
    case 2:
      return bundle.replace(
        '"transaction"',
        random.pick(['"batch"', '"history"', '7', '"transaction","type":"transaction"']),
      );
    case 3:
      return bundle.replace('"POST"', random.pick(['"PUT"', '"DELETE"', '"PATCH"', '{}']));
    case 4:
      return bundle.replace(
        /urn:uuid:[0-9a-f-]+/,
        random.pick(['urn:uuid:1', 'Patient/unknown', 'http://elsewhere.example/Patient/1', '']),
      );
    case 5:
      return bundle.replace(
        '"resourceType": "Patient"',
        random.pick(['"resourceType": "Nothing"', '"resourceType": 1', '"resourceType": "Bundle"']),
      );
    case 6:
      return Buffer.concat([Buffer.from(bundle.slice(0, at)), Buffer.of(0xc3, 0x28), Buffer.from(bundle.slice(at))]);
    default:
      return JSON.stringify(random.pick(HOSTILE)) ?? '';
  }
}

function asText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.toWellFormed();
}

function urlOf({ path, parameters }: Operation, random: Seeded): string {
  const inPath = path.replaceAll(/\{([a-zA-Z]+)\}/g, (_match, name: string) => {
    if (name === 'org')
      return random.integer(0, 9) > 0 ? 'hospital-a' : encodeURIComponent(asText(random.pick(HOSTILE)).slice(0, 300));
    const value = random.pick([
      patient.pid,
      patient.fhirId,
      'A'.repeat(22),
      'A'.repeat(43),
      '7',
      '-1',
      '..%2f..',
      '%2e%2e',
      'Patient',
      '%',
      '%E0%A4%A',
      '\\',
      'é',
      ...HOSTILE.map((item) => encodeURIComponent(asText(item).slice(0, 300))),
    ]);
    return value;
  });
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && random.integer(0, 2) > 0)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(asText(sampleOf(schema, random)).slice(0, 2_000))}`);
  if (random.integer(0, 9) === 0)
    query.push(random.pick(['x=1', 'limit=1&limit=2', '%', '=', '__proto__=1', 'a[b]=c']));
  return inPath + (query.length === 0 ? '' : `?${query.join('&')}`);
}

/** Record rows and unfinished batches of each organisation. */
async function kept(): Promise<Record<string, number>> {
  const rows: Record<string, number> = {};
  for (const [slug, { vault }] of server.node.organisations) {
    const { count } = await vault.store.read
      .selectFrom('record')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    const pending = await vault.store.read
      .selectFrom('batch')
      .select('batchId')
      .where('state', '=', 'pending')
      .execute();
    rows[slug] = count;
    rows[`${slug} pending`] = pending.length;
  }
  return rows;
}

function createdBy(response: string): number {
  return response.match(/"201 Created"/g)?.length ?? 0;
}

describe('malformed requests', () => {
  it(`are refused with a code and a reason, ${REQUESTS} times, and leave nothing behind`, async () => {
    const random = seeded(SEED);
    const bundle = chapterAt('hospital-a', 3);
    const before = await kept();
    let heapBefore = 0;
    let refused = 0;
    let answered = 0;
    let created = 0;
    const statuses = new Map<number, number>();
    const missed = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    for (let sent = 0; sent < REQUESTS; sent += 1) {
      const operation = sent < operations.length ? operations[sent]! : random.pick(operations);
      const token = random.pick(tokens);
      const raw = operation.fhir
        ? bundleWithFault(random, bundle)
        : operation.method === 'GET'
          ? undefined
          : textWithFaults(sampleOf(operation.body, random), random);
      const type = random.pick(
        operation.fhir
          ? ['application/fhir+json', 'application/fhir+json', 'application/xml']
          : [
              'application/json',
              'application/json',
              'application/json',
              'text/plain',
              'application/x-www-form-urlencoded',
              'nonsense',
            ],
      );
      const url = urlOf(operation, random);
      // Logging out would end the sessions that the rest of the run needs; so would a password that is right.
      if (operation.path.endsWith('/logout')) continue;
      const answer = operation.path.endsWith('/events')
        ? await openStream(url, token)
        : await server.send(operation.method, url, {
            ...(token === undefined ? {} : { token }),
            ...(raw === undefined ? {} : { raw, type }),
          });
      missed.delete(`${operation.method} ${operation.path}`);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(
        answer.status,
        `${operation.method} ${operation.path} request ${sent}: ${answer.text.slice(0, 300)}`,
      ).toBeLessThan(500);
      if (answer.status < 400) {
        answered += 1;
        if (operation.fhir) created += createdBy(answer.text);
      } else {
        refused += 1;
        const reason = answer.json as {
          code?: string;
          title?: string;
          issue?: [{ details: { coding: [{ code: string }] } }];
        };
        const code = reason.code ?? reason.issue?.[0].details.coding[0].code;
        expect(code, `${operation.method} ${operation.path} request ${sent}`).toMatch(/^[a-z][a-z-]+$/);
      }
      if (sent === Math.floor(REQUESTS / 2)) heapBefore = heapUsed();
    }
    expect([...missed].filter((name) => !name.endsWith('/logout'))).toEqual([]);
    expect(refused).toBeGreaterThan(REQUESTS / 2);
    expect(refused + answered).toBeGreaterThan(REQUESTS * 0.9);
    // A bundle that is still valid after its change is written, whole; nothing else is.
    expect(await kept()).toEqual({ ...before, 'hospital-a': (before['hospital-a'] ?? 0) + created });
    expect(heapUsed() - heapBefore).toBeLessThan(GROWTH_BYTES_MAX);
    const health = await server.send('GET', '/health');
    expect(health.json.status).toBe('ok');
  });
});

/** A stream of events has no end: it is left again once it has begun. */
async function openStream(url: string, token: string | undefined): Promise<Answer> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await server.app.inject({ method: 'GET', url, headers, payloadAsStream: true });
  const type = String(answer.headers['content-type'] ?? '');
  if (answer.statusCode < 400) {
    answer.stream().destroy();
    return { status: answer.statusCode, type, text: '', json: undefined };
  }
  const text = await readAll(answer.stream());
  return { status: answer.statusCode, type, text, json: JSON.parse(text) };
}

/** After a full collection: what is still held. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed: heap, arrayBuffers } = process.memoryUsage();
  return heap + arrayBuffers;
}
