import { type FhirTree, validateForWrite } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten } from '../../../test/admitted.ts';
import { openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';

const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let patient: TestPatient;
let observation: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const admitted = await admitPatient(server, 'hospital-a');
  patient = admitted;
  observation = firstWritten(admitted, 'Observation');
});
afterAll(() => server[Symbol.asyncDispose]());

const search = async (query: string, token: string): Promise<readonly FhirTree[]> => {
  const { status, text, json } = await server.send('GET', `${BASE}/Provenance?${query}`, { token });
  expect(status, text).toBe(200);
  return ((json.entry ?? []) as { resource: FhirTree; search: { mode: string } }[])
    .filter(({ search: { mode } }) => mode === 'match')
    .map(({ resource }) => resource);
};

describe('Provenance', () => {
  it('says of a resource what the ledger holds: author, organisation, time, and where the proof is', async () => {
    const [found, ...more] = await search(`target=${observation}`, patient.token);
    expect(more).toEqual([]);
    expect(validateForWrite(found!)).toEqual([]);
    expect(found).toMatchObject({
      meta: { source: 'urn:salus:ledger' },
      target: [{ reference: `${observation}/_history/1` }],
      agent: [
        { who: { identifier: { system: 'urn:salus:member' } } },
        { who: { identifier: { value: 'hospital-a' } } },
      ],
    });
    expect(JSON.stringify(found)).not.toContain(patient.pid);
    const one = await server.send('GET', `${BASE}/Provenance/${found!.id as string}`, { token: patient.token });
    expect(one.json).toEqual(found);
    const { entity } = found as unknown as { entity: [{ what: { identifier: { value: string } } }] };
    const proof = entity[0].what.identifier.value.replace('http://127.0.0.1:8470', '');
    expect((await server.send('GET', proof, { token: patient.token })).json.version).toBe('salus:record-proof:v1');
  });

  it('is found by patient, time and agent as well', async () => {
    expect(await search(`patient=${patient.fhirId}`, patient.token)).toHaveLength(1);
    expect(await search(`target=${observation}&recorded=ge2020`, patient.token)).toHaveLength(1);
    expect(await search(`target=${observation}&recorded=lt2020`, patient.token)).toEqual([]);
    const author = server.wallet('a.rossi').id;
    expect(
      await search(`target=${observation}&agent:identifier=urn:salus:member|${author}`, patient.token),
    ).toHaveLength(1);
  });

  it('tells nobody of what they may not see, not even that it is there', async () => {
    const [found] = await search(`target=${observation}`, patient.token);
    const stranger = await server.logIn('a.mehta');
    expect(await search(`target=${observation}`, stranger)).toEqual([]);
    expect((await server.send('GET', `${BASE}/Provenance/${found!.id as string}`, { token: stranger })).status).toBe(
      404,
    );
    expect(
      (await server.send('GET', `${BASE}/Provenance/ledger-${'0'.repeat(32)}-1`, { token: patient.token })).status,
    ).toBe(404);
  });
});
