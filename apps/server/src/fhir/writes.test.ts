import { parseFhirJson, parseFhirXml, sameResource, stringifyFhirJson, writeFhirXml } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeOf, FHIR_XML, type FhirPlace, JSON_PATCH, observation, openFhirPlace } from '../../test/fhir-place.ts';

/** Threads that read the FHIR definitions, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let place: FhirPlace;
beforeAll(async () => {
  place = await openFhirPlace();
});
afterAll(() => place[Symbol.asyncDispose]());

const SYSTEM = 'urn:example:numbers';
const numbered = (value: string, more: object = {}) => ({
  resourceType: 'Practitioner',
  identifier: [{ system: SYSTEM, value }],
  ...more,
});
const make = async (resource: object = observation(place.patient)): Promise<string> => {
  const answer = await place.ask('POST', (resource as { resourceType: string }).resourceType, { body: resource });
  if (answer.statusCode !== 201) throw new Error(answer.body);
  const { resourceType, id } = answer.json<{ resourceType: string; id: string }>();
  return `${resourceType}/${id}`;
};

describe('create', () => {
  it('answers 201 with place, version, time and the resource under an id of the server’s', async () => {
    const answer = await place.ask('POST', 'Observation', { body: observation(place.patient, { id: 'mine' }) });
    expect(answer.statusCode, answer.body).toBe(201);
    const { id, meta } = answer.json<{ id: string; meta: { versionId: string; lastUpdated: string } }>();
    expect(id).not.toBe('mine');
    expect(answer.headers.location).toBe(`http://127.0.0.1:8470/hospital-a/fhir/R4/Observation/${id}/_history/1`);
    expect(answer.headers.etag).toBe('W/"1"');
    expect(answer.headers['last-modified']).toBe(new Date(meta.lastUpdated).toUTCString());
    expect((await place.ask('GET', `Observation/${id}`)).body).toBe(answer.body);
  });

  it('answers with less where the client wants less', async () => {
    const asked = { body: observation(place.patient) };
    const minimal = await place.ask('POST', 'Observation', { ...asked, headers: { prefer: 'return=minimal' } });
    expect([minimal.statusCode, minimal.body]).toEqual([201, '']);
    expect(minimal.headers.location).toContain('/Observation/');
    const outcome = await place.ask('POST', 'Observation', {
      ...asked,
      headers: { prefer: 'return=OperationOutcome' },
    });
    expect([outcome.statusCode, outcome.json().resourceType]).toEqual([201, 'OperationOutcome']);
  });

  it('takes and gives XML, which comes back the same as JSON and as XML', async () => {
    const sent = parseFhirJson(
      JSON.stringify(observation(place.patient, { valueQuantity: { value: 1, unit: 'g' } })).replace(
        '"value":1,',
        '"value":1.50,',
      ),
    );
    const answer = await place.ask('POST', 'Observation', {
      body: writeFhirXml(sent),
      type: FHIR_XML,
      headers: { accept: FHIR_XML },
    });
    expect(answer.statusCode, answer.body).toBe(201);
    expect(answer.headers['content-type']).toBe('application/fhir+xml; charset=utf-8');
    const written = parseFhirXml(answer.body);
    expect(sameResource(sent, written)).toBe(true);
    const json = await place.ask('GET', `Observation/${String(written.id)}`);
    expect(json.body).toContain('"value":1.50');
    expect(sameResource(written, parseFhirJson(json.body))).toBe(true);
    const xml = await place.ask('GET', `Observation/${String(written.id)}?_format=xml`);
    expect(xml.body).toBe(writeFhirXml(parseFhirJson(json.body)));
  });

  it('creates once under If-None-Exist, by an identifier or by any search', async () => {
    const [value, family] = [crypto.randomUUID(), `Family${crypto.randomUUID().slice(0, 8)}`];
    const body = numbered(value, { name: [{ family }] });
    for (const condition of [`identifier=${SYSTEM}|${value}`, `family=${family}`]) {
      const first = await place.ask('POST', 'Practitioner', { body, headers: { 'if-none-exist': condition } });
      const second = await place.ask('POST', 'Practitioner', { body, headers: { 'if-none-exist': condition } });
      expect([201, 200]).toContain(first.statusCode);
      expect(second.statusCode, second.body).toBe(200);
      expect(second.json().id).toBe(first.json().id);
    }
    await make(body);
    const both = await place.ask('POST', 'Practitioner', { body, headers: { 'if-none-exist': `family=${family}` } });
    expect([both.statusCode, codeOf(both)]).toEqual([412, 'multiple-matches']);
    const unknown = await place.ask('POST', 'Practitioner', { body, headers: { 'if-none-exist': 'shoe-size=44' } });
    expect([unknown.statusCode, codeOf(unknown)]).toEqual([422, 'condition-unsupported']);
  });

  it('refuses what is no resource of R4, another type than the place, another format, and another version of FHIR', async () => {
    const cases = [
      [{ body: { resourceType: 'Observation', status: 'final', nonsense: 1 } }, 422, 'structure-invalid'],
      [{ body: { resourceType: 'Patient' } }, 400, 'bundle-invalid'],
      [{ body: '{"resourceType":' }, 400, 'syntax'],
      [{ body: '<Observation/>', type: FHIR_XML }, 400, 'not-a-resource'],
      [{ body: '[]', type: JSON_PATCH }, 415, 'unsupported-media-type'],
      [{ body: 'text', type: 'text/plain' }, 415, 'unsupported-media-type'],
      [
        { body: observation('Patient/x'), type: 'application/fhir+json; fhirVersion=3.0' },
        415,
        'unsupported-media-type',
      ],
      [{ body: observation(place.patient), headers: { accept: 'text/html' } }, 406, 'not-acceptable'],
      [{ body: observation('Patient/nobody') }, 422, 'owner-unknown'],
      [{ body: observation(`urn:uuid:${crypto.randomUUID()}`) }, 400, 'reference-unresolved'],
    ] as const;
    for (const [asked, status, code] of cases) {
      const answer = await place.ask('POST', 'Observation', asked);
      expect([answer.statusCode, codeOf(answer)], JSON.stringify(asked)).toEqual([status, code]);
    }
    expect((await place.ask('POST', 'Nonsense', { body: { resourceType: 'Nonsense' } })).statusCode).toBe(404);
    const audit = await place.ask('POST', 'AuditEvent', { body: { resourceType: 'AuditEvent' } });
    expect(audit.statusCode).toBe(422);
  });

  it('tells where in the resource the fault is', async () => {
    const answer = await place.ask('POST', 'Observation', {
      body: observation(place.patient, { issued: 'yesterday' }),
    });
    const { issue } = answer.json<{ issue: { expression?: string[] }[] }>();
    expect(issue.flatMap(({ expression = [] }) => expression)).toEqual(['Observation.issued']);
  });
});

describe('update', () => {
  it('writes the next version, with If-Match only after that one', async () => {
    const url = await make();
    const body = observation(place.patient, { id: url.split('/')[1], issued: '2026-01-01T00:00:00Z' });
    const updated = await place.ask('PUT', url, { body, headers: { 'if-match': 'W/"1"' } });
    expect([updated.statusCode, updated.headers.etag]).toEqual([200, 'W/"2"']);
    expect(updated.json()).toMatchObject({ issued: '2026-01-01T00:00:00Z', meta: { versionId: '2' } });
    const stale = await place.ask('PUT', url, { body, headers: { 'if-match': 'W/"1"' } });
    expect([stale.statusCode, codeOf(stale)]).toEqual([412, 'version-mismatch']);
    expect((await place.ask('PUT', url, { body })).headers.etag).toBe('W/"3"');
    expect((await place.ask('GET', `${url}/_history/1`)).json()).not.toHaveProperty('issued');
  });

  it('writes one after the other what arrives at once', async () => {
    const url = await make(numbered(crypto.randomUUID()));
    const body = { ...numbered(crypto.randomUUID()), id: url.split('/')[1] };
    const answers = await Promise.all([1, 2, 3, 4].map(() => place.ask('PUT', url, { body })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    expect((await place.ask('GET', url)).headers.etag).toBe('W/"5"');
  });

  it('makes no resource under an id of the client’s, and takes none of another id', async () => {
    const unknown = await place.ask('PUT', 'Observation/mine', { body: observation(place.patient, { id: 'mine' }) });
    expect([unknown.statusCode, codeOf(unknown)]).toEqual([405, 'create-by-update']);
    const url = await make();
    for (const id of ['other', undefined]) {
      const answer = await place.ask('PUT', url, { body: observation(place.patient, { id }) });
      expect([answer.statusCode, codeOf(answer)]).toEqual([400, 'id-invalid']);
    }
  });

  it('moves no record to another patient', async () => {
    const other = await make({ resourceType: 'Patient' });
    const url = await make();
    const answer = await place.ask('PUT', url, { body: observation(other, { id: url.split('/')[1] }) });
    expect([answer.statusCode, codeOf(answer)]).toEqual([400, 'bad-input']);
  });

  it('updates by a condition: creates, updates, refuses', async () => {
    const value = crypto.randomUUID();
    const put = (body: object) => place.ask('PUT', `Practitioner?identifier=${SYSTEM}|${value}&_format=json`, { body });
    const created = await put(numbered(value));
    expect(created.statusCode, created.body).toBe(201);
    const updated = await put(numbered(value, { active: true }));
    expect([updated.statusCode, updated.json().id, updated.headers.etag]).toEqual([200, created.json().id, 'W/"2"']);
    const other = await put(numbered(value, { id: 'other' }));
    expect([other.statusCode, codeOf(other)]).toEqual([400, 'id-invalid']);
    await make(numbered(value));
    expect(codeOf(await put(numbered(value)))).toBe('multiple-matches');
    const everything = await place.ask('PUT', 'Practitioner', { body: numbered(value) });
    expect([everything.statusCode, codeOf(everything)]).toEqual([412, 'not-selective']);
  });
});

describe('patch', () => {
  it('applies a JSON Patch, by id and by condition', async () => {
    const value = crypto.randomUUID();
    const url = await make(numbered(value));
    const body = [{ op: 'add', path: '/active', value: true }];
    const patched = await place.ask('PATCH', url, { body, type: JSON_PATCH, headers: { 'if-match': 'W/"1"' } });
    expect([patched.statusCode, patched.json().active, patched.headers.etag]).toEqual([200, true, 'W/"2"']);
    const again = await place.ask('PATCH', `Practitioner?identifier=${SYSTEM}|${value}`, {
      body: [
        { op: 'test', path: '/active', value: true },
        { op: 'remove', path: '/active' },
      ],
      type: JSON_PATCH,
    });
    expect([again.statusCode, 'active' in again.json()]).toEqual([200, false]);
  });

  it('refuses other patches, patches that do not apply, and what is not there', async () => {
    const url = await make(numbered(crypto.randomUUID()));
    const body = [{ op: 'replace', path: '/gender', value: 'x' }];
    const cases = [
      [url, { body: { resourceType: 'Parameters' } }, 415, 'unsupported-media-type'],
      [url, { body, type: JSON_PATCH }, 422, 'patch-failed'],
      [url, { body: [{ op: 'add', path: '/gender', value: 'blue' }], type: JSON_PATCH }, 422, 'structure-invalid'],
      [url, { body: {}, type: JSON_PATCH }, 400, 'patch-invalid'],
      [url, { body, type: JSON_PATCH, headers: { 'if-match': 'W/"4"' } }, 412, 'version-mismatch'],
      ['Practitioner/none', { body, type: JSON_PATCH }, 404, 'resource-unknown'],
      ['Practitioner?identifier=none', { body, type: JSON_PATCH }, 412, 'no-match'],
    ] as const;
    for (const [path, asked, status, code] of cases) {
      const answer = await place.ask('PATCH', path, asked);
      expect([answer.statusCode, codeOf(answer)], `${path} ${JSON.stringify(asked)}`).toEqual([status, code]);
    }
    expect((await place.ask('GET', url)).headers.etag).toBe('W/"1"');
  });
});

describe('delete', () => {
  it('hides by id and by condition, and does so again without fault', async () => {
    const value = crypto.randomUUID();
    const url = await make(numbered(value));
    const stale = await place.ask('DELETE', url, { headers: { 'if-match': 'W/"7"' } });
    expect([stale.statusCode, codeOf(stale)]).toEqual([412, 'version-mismatch']);
    const deleted = [url, url, 'Practitioner/never', `Practitioner?identifier=${SYSTEM}|${value}`];
    for (const path of deleted) expect((await place.ask('DELETE', path)).statusCode, path).toBe(204);
    expect((await place.ask('GET', url)).statusCode).toBe(410);
    const second = await make(numbered(value));
    expect((await place.ask('DELETE', `Practitioner?identifier=${SYSTEM}|${value}`)).statusCode).toBe(204);
    expect((await place.ask('GET', second)).statusCode).toBe(410);
    const body = { ...numbered(value), id: second.split('/')[1] };
    const updated = await place.ask('PUT', second, { body });
    expect([updated.statusCode, codeOf(updated)]).toEqual([410, 'resource-gone']);
    expect((await place.ask('DELETE', 'Practitioner')).statusCode).toBe(412);
  });
});

describe('whoever has not the patient in care', () => {
  it('neither adds, changes nor hides, and no condition counts what they do not see', async () => {
    const url = await make();
    const { nurse: token } = place;
    const body = observation(place.patient, { id: url.split('/')[1] });
    const patch = [{ op: 'add', path: '/issued', value: '2026-01-01T00:00:00Z' }];
    const answers = [
      await place.ask('POST', 'Observation', { token, body }),
      await place.ask('PUT', url, { token, body }),
      await place.ask('PATCH', url, { token, body: patch, type: JSON_PATCH }),
      await place.ask('DELETE', url, { token }),
    ];
    expect(answers.map((answer) => [answer.statusCode, codeOf(answer)])).toEqual(answers.map(() => [403, 'denied']));
    const hidden = await place.ask('DELETE', 'Observation?code=718-7', { token });
    expect([hidden.statusCode, hidden.body]).toEqual([204, '']);
    expect((await place.ask('GET', url)).headers.etag).toBe('W/"1"');
  });

  it('opens no record to themselves by an encounter of their own making', async () => {
    const practitioner = await make({ resourceType: 'Practitioner' });
    const body = {
      resourceType: 'Encounter',
      status: 'in-progress',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      subject: { reference: place.patient },
      participant: [{ individual: { reference: practitioner } }],
    };
    const answer = await place.ask('POST', 'Encounter', { token: place.nurse, body });
    expect([answer.statusCode, codeOf(answer)]).toEqual([403, 'denied']);
  });

  it('writes nothing without a delegation of their own', async () => {
    const token = await place.server.logIn('a.rossi');
    const answer = await place.ask('POST', 'Practitioner', { token, body: numbered('1') });
    expect([answer.statusCode, codeOf(answer)]).toEqual([403, 'delegation-missing']);
  });
});

it('keeps every literal of a resource through JSON, XML and JSON', async () => {
  const text = stringifyFhirJson(
    parseFhirJson(
      `{"resourceType":"Observation","status":"final","code":{"text":"a & <b>"},"subject":{"reference":"${place.patient}"},"component":[{"code":{"text":"x"},"valueQuantity":{"value":0.010}},{"code":{"text":"y"},"valueQuantity":{"value":12345678901234567890}}]}`,
    ),
  );
  const first = await place.ask('POST', 'Observation', { body: text });
  const xml = await place.ask('GET', `Observation/${String(first.json().id)}`, { headers: { accept: FHIR_XML } });
  const second = await place.ask('POST', 'Observation', { body: xml.body, type: FHIR_XML });
  expect(second.statusCode, second.body).toBe(201);
  expect(sameResource(parseFhirJson(text), parseFhirJson(second.body))).toBe(true);
});
