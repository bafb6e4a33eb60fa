import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, importChapter, openTestServer, type TestServer } from '../../test/hospital.ts';

const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let doctor: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  doctor = await server.logIn('a.rossi', { writing: true });
});
afterAll(() => server[Symbol.asyncDispose]());

const OBSERVATION = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
const ask = (url: string, body: unknown): Promise<Answer> =>
  server.send('POST', `${BASE}/${url}`, { token: doctor, body, type: 'application/fhir+json' });
const found = ({ json, status, text }: Answer): readonly string[] => {
  expect(status, text).toBe(200);
  expect(json.resourceType).toBe('OperationOutcome');
  return (json.issue as { severity: string; expression?: string[]; details: { text: string } }[])
    .filter(({ severity }) => severity === 'error')
    .map(({ expression, details }) => `${expression?.[0] ?? ''}: ${details.text}`);
};

describe('$validate', () => {
  it('finds nothing wrong with a valid resource, as the body or in Parameters', async () => {
    expect(found(await ask('Observation/$validate', OBSERVATION))).toEqual([]);
    const parameters = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource: OBSERVATION }] };
    expect(found(await ask('Observation/$validate', parameters))).toEqual([]);
  });

  it('takes and gives XML', async () => {
    const body = '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><issued value="2020"/></Observation>';
    const answer = await server.app.inject({
      method: 'POST',
      url: `${BASE}/Observation/$validate`,
      headers: {
        authorization: `Bearer ${doctor}`,
        'content-type': 'application/fhir+xml',
        accept: 'application/fhir+xml',
      },
      payload: body,
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.body).toContain('<expression value="Observation.issued"/>');
    expect(answer.body).toContain('<expression value="Observation.code"/>');
  });

  it('answers 200 with every error and its place, and no value', async () => {
    const answer = await ask('Observation/$validate', { ...OBSERVATION, status: 'Mallory', issued: '2020' });
    expect(found(answer)).toEqual(['Observation.status: the code is not in the required value set']);
    expect(answer.text).not.toContain('Mallory');
    expect(found(await ask('Observation/$validate', { ...OBSERVATION, issued: '2020' }))).toEqual([
      'Observation.issued: an instant is YYYY-MM-DDThh:mm:ss.sss+zz:zz',
    ]);
  });

  it('judges by the profile that is asked for, and says when it is not known', async () => {
    const profile = 'http://hl7.org/fhir/StructureDefinition/heartrate';
    expect(found(await ask(`Observation/$validate?profile=${profile}`, OBSERVATION))).toContain(
      'Observation.category: the profile asks for at least 1 of the slice VSCat',
    );
    expect(found(await ask('Observation/$validate?profile=http://example.org/x', OBSERVATION))).toEqual([
      'Observation: the profile asked for is not known here',
    ]);
  });

  it('refuses under mode create what a write refuses', async () => {
    const wrong = { ...OBSERVATION, subject: { reference: 'Practitioner/1' } };
    expect(found(await ask('Observation/$validate', wrong))).toEqual([]);
    const parameters = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'mode', valueCode: 'create' },
        { name: 'resource', resource: wrong },
      ],
    };
    expect(found(await ask('Observation/$validate', parameters))).toEqual([
      'Observation.subject: the reference is to a type that the definition does not name',
    ]);
  });

  it('judges Parameters themselves where they name nothing of the operation', async () => {
    const parameters = { resourceType: 'Parameters', parameter: [{ name: 'x' }] };
    expect(found(await ask('Parameters/$validate', parameters))).toEqual([
      expect.stringContaining('Constraint inv-1 not met'),
    ]);
  });

  it('judges what is stored, for whoever may read it', async () => {
    const { locations } = await importChapter(server, 'hospital-a');
    const stored = locations.find((location) => location.startsWith('Practitioner/'))!.replace(/\/_history.*/, '');
    expect(found(await server.send('GET', `${BASE}/${stored}/$validate`, { token: doctor }))).toEqual([]);
    const update = { resourceType: 'Practitioner', id: 'other' };
    expect(found(await ask(`${stored}/$validate?mode=update`, update))).toEqual([
      'Practitioner.id: the id is not the one in the URL',
    ]);
    expect(found(await ask(`${stored}/$validate?mode=delete`, update))).toEqual([]);
    const absent = await server.send('GET', `${BASE}/Practitioner/nobody/$validate`, { token: doctor });
    expect(absent.status).toBe(404);
  });

  it('refuses a stranger, another type, an unknown mode, no resource and what is no JSON', async () => {
    expect((await server.send('POST', `${BASE}/Observation/$validate`, { body: OBSERVATION })).status).toBe(401);
    expect(found(await ask('Patient/$validate', OBSERVATION))[0]).toContain('not of the type in the URL');
    expect((await ask('Observation/$validate?mode=guess', OBSERVATION)).status).toBe(400);
    expect(
      (
        await ask('Observation/$validate', {
          resourceType: 'Parameters',
          parameter: [{ name: 'mode', valueCode: 'create' }],
        })
      ).status,
    ).toBe(400);
    expect((await ask('Nothing/$validate', OBSERVATION)).status).toBe(404);
  });
});
