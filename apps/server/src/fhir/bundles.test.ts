import { type AddressInfo, connect, type Socket } from 'node:net';
import { parseFhirXml, writeFhirXml } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  codeOf,
  FHIR_XML,
  type FhirPlace,
  observation,
  openFhirPlace,
  placesOf,
  transaction,
} from '../../test/fhir-place.ts';

/** Threads that read the FHIR definitions, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let place: FhirPlace;
beforeAll(async () => {
  place = await openFhirPlace();
});
afterAll(() => place[Symbol.asyncDispose]());

type Answered = {
  readonly resource?: { readonly resourceType: string; readonly id: string };
  readonly response: { readonly status: string; readonly location?: string; readonly outcome?: object };
};
const entriesOf = (bundle: { readonly entry: readonly Answered[] }) => bundle.entry;
const post = (resource: { readonly resourceType: string }, more: object = {}) => ({
  resource,
  request: { method: 'POST', url: resource.resourceType },
  ...more,
});
const location = (name: string, more: object = {}) => ({ resourceType: 'Location', name, ...more });
const make = async (name: string): Promise<string> => {
  const [made = ''] = placesOf((await place.ask('POST', '', { body: transaction(post(location(name))) })).json());
  return made;
};
const versionOf = async (url: string) => (await place.ask('GET', url)).headers.etag;

describe('a transaction', () => {
  it('answers reads with what the transaction has written, each in its place', async () => {
    const url = await make('before');
    const [, id] = url.split('/');
    const answer = await place.ask('POST', '', {
      body: transaction(
        { request: { method: 'GET', url } },
        { resource: location('after', { id }), request: { method: 'PUT', url } },
        { request: { method: 'GET', url: 'Location?_summary=count' } },
        post(location('another')),
      ),
    });
    expect(answer.statusCode, answer.body).toBe(200);
    const entries = entriesOf(answer.json());
    expect(entries.map(({ response }) => response.status)).toEqual(['200 OK', '200 OK', '200 OK', '201 Created']);
    expect(entries[0]?.resource).toMatchObject({ name: 'after', meta: { versionId: '2' } });
    expect(entries[2]?.resource).toMatchObject({ resourceType: 'Bundle', type: 'searchset' });
  });

  it('answers with the resources where the client wants them, and in XML where it wants that', async () => {
    const body = writeFhirXml(transaction(post(location('xml'))) as unknown as Parameters<typeof writeFhirXml>[0]);
    const answer = await place.ask('POST', '', {
      body,
      type: FHIR_XML,
      headers: { accept: FHIR_XML, prefer: 'return=representation' },
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(parseFhirXml(answer.body)).toMatchObject({
      type: 'transaction-response',
      entry: [{ resource: { resourceType: 'Location', name: 'xml' }, response: { status: '201 Created' } }],
    });
  });

  it('writes, counts and tells nothing when one entry is of a patient whom the caller has not in care', async () => {
    const url = await make('stays');
    const value = crypto.randomUUID();
    const secret = observation(place.patient);
    const refused = [
      post(secret),
      { request: { method: 'GET', url: place.encounter } },
      { request: { method: 'DELETE', url: place.encounter } },
    ];
    for (const entry of refused) {
      const answer = await place.ask('POST', '', {
        token: place.nurse,
        body: transaction(
          { resource: location('changed', { id: url.split('/')[1] }), request: { method: 'PUT', url } },
          post({ ...location('new'), identifier: [{ value }] } as { resourceType: string }),
          entry,
        ),
      });
      expect([answer.statusCode, codeOf(answer)]).toEqual([403, 'denied']);
      expect(answer.body).not.toContain('Patient/');
    }
    expect(await versionOf(url)).toBe('W/"1"');
    const found = await place.ask('GET', `Location?identifier=${value}`);
    expect(found.json().total ?? 0).toBe(0);
    expect(found.json().entry ?? []).toEqual([]);
    expect(await versionOf(place.encounter)).toBe('W/"1"');
  });

  it('finds nothing by a condition that the caller may not see', async () => {
    const value = crypto.randomUUID();
    const identifier = [{ system: 'urn:x', value }];
    const reference = `Observation?identifier=urn:x|${value}`;
    await place.ask('POST', 'Observation', { body: observation(place.patient, { identifier }) });
    const answer = await place.ask('POST', '', {
      token: place.nurse,
      body: transaction(post(location('seen', { extension: [{ url: 'urn:x', valueReference: { reference } }] }))),
    });
    expect([answer.statusCode, codeOf(answer)]).toEqual([412, 'no-match']);
  });

  it('refuses audit events, consents and subscriptions, which no transaction makes', async () => {
    for (const resourceType of ['AuditEvent', 'Consent', 'Subscription']) {
      const url = await make('beside');
      const body = transaction(
        { request: { method: 'DELETE', url } },
        { request: { method: 'DELETE', url: `${resourceType}/1` } },
      );
      const answer = await place.ask('POST', '', { body });
      expect([answer.statusCode, codeOf(answer)]).toEqual([422, 'not-supported']);
      expect(await versionOf(url)).toBe('W/"1"');
    }
  });
});

describe('a batch', () => {
  const batch = (...entry: readonly object[]) => ({ resourceType: 'Bundle', type: 'batch', entry });

  it('answers each entry for itself, in its order', async () => {
    const url = await make('batched');
    const answer = await place.ask('POST', '', {
      body: batch(
        post(location('one')),
        { request: { method: 'GET', url } },
        { request: { method: 'GET', url: 'Location/none' } },
        post({ resourceType: 'Location', nonsense: true } as { resourceType: string }),
        { request: { method: 'DELETE', url } },
        { resource: location('two'), request: { method: 'PUT', url: 'Location?identifier=none', ifMatch: 'W/"1"' } },
        { request: { method: 'GET', url: 'metadata' } },
        {},
      ),
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json().type).toBe('batch-response');
    const entries = entriesOf(answer.json());
    expect(entries.map(({ response }) => response.status.slice(0, 3))).toEqual([
      '201',
      '200',
      '404',
      '422',
      '204',
      '412',
      '200',
      '400',
    ]);
    expect(entries[0]?.response.location).toContain('/Location/');
    expect(entries[1]?.resource).toMatchObject({ name: 'batched' });
    expect(entries[2]?.response.outcome).toMatchObject({ resourceType: 'OperationOutcome' });
    expect(entries[3]).not.toHaveProperty('resource');
  });

  it('lets one refused entry harm no other', async () => {
    const answer = await place.ask('POST', '', {
      token: place.nurse,
      body: batch(post(observation(place.patient)), post(location('nurse’s'))),
    });
    expect(entriesOf(answer.json()).map(({ response }) => response.status.slice(0, 3))).toEqual(['403', '201']);
  });

  it('of more than 4 MiB is refused, in XML of more than 512 KiB, and a transaction of that size is not', async () => {
    const padding = ' '.repeat(4 * 1024 * 1024);
    const tooLarge = await place.ask('POST', '', { body: `${JSON.stringify(batch())}${padding}` });
    expect([tooLarge.statusCode, codeOf(tooLarge)]).toEqual([413, 'body-too-large']);
    const xml = '<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/></Bundle>';
    for (const [bytes, status] of [
      [500 * 1024, 200],
      [513 * 1024, 413],
    ] as const) {
      const answer = await place.ask('POST', '', { body: xml.padEnd(bytes), type: FHIR_XML });
      expect(answer.statusCode, answer.body).toBe(status);
    }
    const written = await place.ask('POST', '', {
      body: `${JSON.stringify(transaction(post(location('large'))))}${padding}`,
    });
    expect(written.statusCode, written.body.slice(0, 500)).toBe(200);
  });

  it('leads to no other place than this base, and into no bundle inside', async () => {
    const urls = [
      '../../../api/v1/network',
      '%2e%2e/hospital-b/fhir/R4/metadata',
      '//x/metadata',
      'http://x/metadata',
      '?x',
      '',
    ];
    const entries = urls.map((url) => ({ request: { method: 'GET', url } }));
    const answer = await place.ask('POST', '', { body: batch(...entries) });
    const statuses = entriesOf(answer.json()).map(({ response }) => response.status);
    expect(statuses).toEqual(urls.map(() => '400 Bad Request'));
  });
});

describe('bundles that arrive at once', () => {
  const wait = { timeout: 60_000, interval: 50 };
  const empty = async (): Promise<number> => {
    const body = { resourceType: 'Bundle', type: 'batch', entry: [] };
    return (await place.ask('POST', '', { body })).statusCode;
  };
  /** Bundles of which nothing comes but the beginning. */
  const begin = (path: string): readonly Socket[] => {
    const { port } = place.server.app.server.address() as AddressInfo;
    return Array.from({ length: 32 }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${place.doctor}\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n{`,
      );
      return socket;
    });
  };

  it('are refused above a bound, and leave their places when their clients go away in the middle', async () => {
    await place.server.app.listen({ host: '127.0.0.1', port: 0 });
    for (const path of ['/hospital-a/fhir/R4', '/api/v1/orgs/hospital-a/imports']) {
      const sockets = begin(path);
      await vi.waitFor(async () => expect(await empty()).toBe(503), wait);
      for (const socket of sockets) socket.destroy();
      await vi.waitFor(async () => expect(await empty()).toBe(200), wait);
    }
  });
});
