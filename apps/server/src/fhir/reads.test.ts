import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeOf, FHIR_XML, type FhirPlace, observation, openFhirPlace } from '../../test/fhir-place.ts';

/** Threads that read the FHIR definitions, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let place: FhirPlace;
let url: string;
beforeAll(async () => {
  place = await openFhirPlace();
  const made = await place.ask('POST', 'Observation', { body: observation(place.patient) });
  url = `Observation/${made.json<{ id: string }>().id}`;
});
afterAll(() => place[Symbol.asyncDispose]());

describe('read', () => {
  it('answers 304 to whoever has that version', async () => {
    const { headers } = await place.ask('GET', url);
    const known: readonly Readonly<Record<string, string>>[] = [
      { 'if-none-match': String(headers.etag) },
      { 'if-none-match': 'W/"7", "1"' },
      { 'if-modified-since': String(headers['last-modified']) },
    ];
    for (const asked of known) {
      const answer = await place.ask('GET', url, { headers: asked });
      expect([answer.statusCode, answer.body], JSON.stringify(asked)).toEqual([304, '']);
    }
    const unknown: readonly Readonly<Record<string, string>>[] = [
      { 'if-none-match': 'W/"2"' },
      { 'if-modified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' },
      { 'if-none-match': 'W/"2"', 'if-modified-since': String(headers['last-modified']) },
    ];
    for (const asked of unknown) expect((await place.ask('GET', url, { headers: asked })).statusCode).toBe(200);
  });

  it('answers HEAD with everything but the body', async () => {
    const [get, head] = [await place.ask('GET', url), await place.ask('HEAD', url)];
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', get.headers.etag]);
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.body)));
    expect((await place.ask('HEAD', 'Observation/none')).statusCode).toBe(404);
  });

  it('answers in the format that the client takes, _format before Accept', async () => {
    const types = async (path: string, accept?: string) => {
      const answer = await place.ask('GET', path, { headers: accept === undefined ? {} : { accept } });
      return [answer.statusCode, String(answer.headers['content-type']).split(';')[0]];
    };
    const json = [200, 'application/fhir+json'];
    const xml = [200, FHIR_XML];
    expect(await types(url)).toEqual(json);
    expect(await types(url, '*/*')).toEqual(json);
    expect(await types(url, 'text/html, application/xml;q=0.9, */*;q=0.8')).toEqual(xml);
    expect(await types(url, 'application/fhir+xml;q=0.1, application/json')).toEqual(json);
    expect(await types(`${url}?_format=xml`, 'application/json')).toEqual(xml);
    expect(await types(`${url}?_format=application/fhir+xml`)).toEqual(xml);
    expect(await types(url, 'application/fhir+json; fhirVersion=4.0')).toEqual(json);
    expect(await types(url, 'application/fhir+json; fhirVersion=5.0')).toEqual([406, 'application/fhir+json']);
    expect(await types(`${url}?_format=ttl`)).toEqual([406, 'application/fhir+json']);
    expect(await types('Observation/none', FHIR_XML)).toEqual([404, FHIR_XML]);
    expect((await place.ask('GET', `${url}?_pretty=true`)).body).toContain('\n  "resourceType": "Observation"');
  });

  it('ignores what it does not know unless the client wants it strict', async () => {
    expect((await place.ask('GET', `${url}?colour=blue`)).statusCode).toBe(200);
    const strict = { prefer: 'return=representation; handling=strict' };
    const answer = await place.ask('GET', `${url}?colour=blue`, { headers: strict });
    expect([answer.statusCode, codeOf(answer)]).toEqual([400, 'bad-request']);
    expect((await place.ask('GET', `${url}?_format=json`, { headers: strict })).statusCode).toBe(200);
  });

  it('knows its places, and which methods they take', async () => {
    const closed = [
      ['PUT', '', 'GET, POST'],
      ['DELETE', '', 'GET, POST'],
      ['POST', url, 'GET, HEAD, PUT, PATCH, DELETE'],
      ['DELETE', `${url}/_history`, 'GET'],
      ['PUT', `${url}/_history/1`, 'GET, HEAD'],
      ['POST', '_history', 'GET'],
    ] as const;
    for (const [method, path, allow] of closed) {
      const answer = await place.ask(method, path, { body: {} });
      expect([answer.statusCode, answer.headers.allow], `${method} ${path}`).toEqual([405, allow]);
    }
    for (const path of ['Nonsense/1', `${url}/_history/9`, `${url}/_history/x`, 'Patient/none']) {
      expect((await place.ask('GET', path)).statusCode, path).toBe(404);
    }
  });
});

describe('history', () => {
  type Page = {
    readonly total?: number;
    readonly link: readonly { readonly relation: string; readonly url: string }[];
    readonly entry?: readonly {
      readonly resource?: { readonly id: string };
      readonly request: { readonly method: string; readonly url: string };
      readonly response: { readonly status: string; readonly etag?: string };
    }[];
  };
  const pageOf = async (path: string, token?: string): Promise<Page> => {
    const answer = await place.ask('GET', path, token === undefined ? {} : { token });
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return answer.json();
  };
  const nextOf = ({ link }: Page): string | undefined =>
    link.find(({ relation }) => relation === 'next')?.url.split('/fhir/R4/')[1];

  it('tells of a resource what happened, newest first', async () => {
    const made = await place.ask('POST', 'Observation', { body: observation(place.patient) });
    const { id } = made.json<{ id: string }>();
    await place.ask('PUT', `Observation/${id}`, { body: observation(place.patient, { id }) });
    await place.ask('DELETE', `Observation/${id}`);
    const page = await pageOf(`Observation/${id}/_history`);
    expect(page).toMatchObject({ resourceType: 'Bundle', type: 'history', total: 3 });
    expect(page.entry!.map(({ request, response }) => [request.method, request.url, response.status])).toEqual([
      ['DELETE', `Observation/${id}`, '204 No Content'],
      ['PUT', `Observation/${id}`, '200 OK'],
      ['POST', 'Observation', '201 Created'],
    ]);
    expect(page.entry!.map(({ resource }) => resource?.id)).toEqual([undefined, undefined, id]);
  });

  it('goes on page by page while others write, and nothing comes twice', async () => {
    for (let at = 0; at < 5; at += 1) await place.ask('POST', 'Location', { body: { resourceType: 'Location' } });
    const seen: string[] = [];
    for (let path: string | undefined = 'Location/_history?_count=2'; path !== undefined; ) {
      const page = await pageOf(path);
      expect(page.entry!.length).toBeLessThanOrEqual(2);
      seen.push(...page.entry!.map(({ resource }) => resource!.id));
      path = nextOf(page);
      await place.ask('POST', 'Location', { body: { resourceType: 'Location' } });
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
  });

  it('shows and counts nothing of patients who are not in the reader’s care', async () => {
    const doctors = await pageOf('_history?_count=200');
    const nurses = await pageOf('_history?_count=200', place.nurse);
    const types = (page: Page) => new Set(page.entry!.map(({ request }) => request.url.split('/')[0]));
    expect(types(doctors)).toContain('Observation');
    expect(types(nurses)).toEqual(new Set(['Location', 'Practitioner']));
    expect(nurses.total).toBe(nurses.entry!.length);
    const refused = await place.ask('GET', `${url}/_history`, { token: place.nurse });
    expect([refused.statusCode, codeOf(refused)]).toEqual([403, 'denied']);
    const foreign = await place.ask('GET', nextOf(await pageOf('_history?_count=1'))!, { token: place.nurse });
    expect(foreign.statusCode).toBe(400);
  });

  it('cuts by time', async () => {
    const before = new Date().toISOString();
    const made = await place.ask('POST', 'HealthcareService', { body: { resourceType: 'HealthcareService' } });
    const { id } = made.json<{ id: string }>();
    const between = new Date().toISOString();
    // The second version is of a later millisecond.
    while (Date.now() <= Date.parse(between)) await sleep(1);
    await place.ask('PUT', `HealthcareService/${id}`, {
      body: { resourceType: 'HealthcareService', id, active: true },
    });
    const versions = async (query: string) =>
      ((await pageOf(`HealthcareService/_history?${query}`)).entry ?? []).map(({ response }) => response.etag);
    expect(await versions(`_since=${before}`)).toEqual(['W/"2"', 'W/"1"']);
    expect(await versions('_since=2090-01-01T00:00:00Z')).toEqual([]);
    expect(await versions(`_at=${between}`)).toContain('W/"1"');
    expect(await versions('_at=2001')).toEqual([]);
    expect((await place.ask('GET', '_history?_since=now')).statusCode).toBe(400);
    expect((await place.ask('GET', `_history?_since=${before}&_at=2020`)).statusCode).toBe(400);
  });
});
