import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, openTestServer, type TestServer } from '../../test/hospital.ts';

const BASE = '/hospital-a/fhir/R4';
const GENDER = 'http://hl7.org/fhir/ValueSet/administrative-gender';
let server: TestServer;
let doctor: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  doctor = await server.logIn('a.rossi', { writing: true });
});
afterAll(() => server[Symbol.asyncDispose]());

const get = (url: string): Promise<Answer> => server.send('GET', `${BASE}/${url}`, { token: doctor });
const ask = (url: string, parameter: unknown): Promise<Answer> =>
  server.send('POST', `${BASE}/${url}`, {
    token: doctor,
    body: { resourceType: 'Parameters', parameter },
    type: 'application/fhir+json',
  });
const parametersOf = ({ json, text, status }: Answer): Record<string, unknown> => {
  expect(status, text).toBe(200);
  return Object.fromEntries(
    (json.parameter as { name: string; valueBoolean?: boolean; valueString?: string }[]).map((one) => [
      one.name,
      one.valueBoolean ?? one.valueString,
    ]),
  );
};

describe('ValueSet/$expand', () => {
  it('lists the codes of a value set with system and display, by pages and filter', async () => {
    const { json, text } = await get(`ValueSet/$expand?url=${GENDER}`);
    expect(json.expansion?.total, text).toBe(4);
    expect(json.expansion.contains[0]).toEqual({
      system: 'http://hl7.org/fhir/administrative-gender',
      code: 'male',
      display: 'Male',
    });
    const page = await get(`ValueSet/$expand?url=${GENDER}&offset=1&count=2`);
    expect(page.json.expansion).toMatchObject({
      total: 4,
      offset: 1,
      contains: [{ code: 'female' }, { code: 'other' }],
    });
    const filtered = await ask('ValueSet/$expand', [
      { name: 'url', valueUri: GENDER },
      { name: 'filter', valueString: 'FEM' },
    ]);
    expect(filtered.json.expansion).toMatchObject({ total: 1, contains: [{ code: 'female' }] });
  });

  it('bounds a page, and goes through filters and imports of compositions', async () => {
    const { json } = await get('ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/ucum-common&count=999999');
    expect(json.expansion.total).toBeGreaterThan(1_000);
    expect(json.expansion.contains).toHaveLength(1_000);
    const filtered = await get('ValueSet/$expand?url=http://terminology.hl7.org/ValueSet/v3-ActEncounterCode');
    expect(filtered.json.expansion.contains.map(({ code }: { code: string }) => code)).toContain('AMB');
  });

  it('refuses what it does not know, what it cannot tell, and what is not asked right', async () => {
    expect((await get('ValueSet/$expand?url=http://example.org/x')).status).toBe(404);
    const external = await get('ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/condition-code');
    expect([external.status, external.json.issue[0].details.coding[0].code]).toEqual([
      422,
      'terminology-not-supported',
    ]);
    expect((await get('ValueSet/$expand')).status).toBe(400);
    expect((await get(`ValueSet/$expand?url=${GENDER}&count=-1`)).status).toBe(400);
    expect((await get(`ValueSet/$expand?url=${GENDER}&other=1`)).status).toBe(400);
    expect((await server.send('GET', `${BASE}/ValueSet/$expand?url=${GENDER}`)).status).toBe(401);
  });
});

describe('$validate-code', () => {
  it('tells a code in a value set from one outside, and a wrong display', async () => {
    const system = 'http://hl7.org/fhir/administrative-gender';
    expect(parametersOf(await get(`ValueSet/$validate-code?url=${GENDER}&system=${system}&code=male`))).toEqual({
      result: true,
      display: 'Male',
    });
    expect(parametersOf(await get(`ValueSet/$validate-code?url=${GENDER}&system=${system}&code=man`)).result).toBe(
      false,
    );
    expect(
      parametersOf(await get(`ValueSet/$validate-code?url=${GENDER}&system=${system}&code=male&display=Woman`)).result,
    ).toBe(false);
    const codeableConcept = {
      coding: [
        { system: 'urn:x', code: 'y' },
        { system, code: 'female' },
      ],
    };
    const asked = [
      { name: 'url', valueUri: GENDER },
      { name: 'codeableConcept', valueCodeableConcept: codeableConcept },
    ];
    expect(parametersOf(await ask('ValueSet/$validate-code', asked)).result).toBe(true);
  });

  it('tells a code of a code system, and a unit of UCUM', async () => {
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
    expect(parametersOf(await get(`CodeSystem/$validate-code?url=${system}&code=AMB`))).toMatchObject({ result: true });
    expect(parametersOf(await get(`CodeSystem/$validate-code?url=${system}&code=nothing`)).result).toBe(false);
    const unit = (code: string) =>
      get(`CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=${encodeURIComponent(code)}`);
    expect(parametersOf(await unit('mm[Hg]')).result).toBe(true);
    expect(parametersOf(await unit('mmHg')).result).toBe(false);
    expect((await get('CodeSystem/$validate-code?url=http://snomed.info/sct&code=1')).status).toBe(404);
    expect((await get('CodeSystem/$validate-code?code=1')).status).toBe(400);
  });
});

describe('CodeSystem/$lookup', () => {
  it('gives display and definition, and says what is not there', async () => {
    const known = await get('CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=other');
    expect(parametersOf(known)).toMatchObject({ name: 'AdministrativeGender', display: 'Other' });
    expect((await get('CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=x')).status).toBe(404);
    expect((await get('CodeSystem/$lookup?system=http://loinc.org&code=1')).status).toBe(404);
  });
});
