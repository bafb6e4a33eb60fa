import type { FhirTree } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient } from '../../../test/admitted.ts';
import {
  type Answer,
  chapterAt,
  importChapter,
  openTestServer,
  type TestPatient,
  type TestServer,
} from '../../../test/hospital.ts';
import { scoreOf } from './match-score.ts';

const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let desk: string;
let patient: TestPatient;
let known: Record<string, never> & {
  name: [{ family: string; given: string[] }];
  birthDate: string;
  identifier: { system: string; value: string }[];
};
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  await importChapter(server, 'hospital-a', chapterAt('hospital-a', 21));
  desk = await server.logIn('a.desk');
  known = (await server.send('GET', `${BASE}/Patient/${patient.fhirId}`, { token: desk })).json;
});
afterAll(() => server[Symbol.asyncDispose]());

const match = (resource: object, token: string, more: readonly object[] = []): Promise<Answer> => {
  const parameter = [{ name: 'resource', resource: { resourceType: 'Patient', ...resource } }, ...more];
  const raw = JSON.stringify({ resourceType: 'Parameters', parameter });
  return server.send('POST', `${BASE}/Patient/$match`, { token, raw, type: 'application/fhir+json' });
};
const gradesOf = ({ json, status, text }: Answer): readonly (readonly [string, string])[] => {
  expect(status, text).toBe(200);
  type Entry = { resource: { id: string }; search: { extension: [{ valueCode: string }] } };
  return ((json.entry ?? []) as Entry[]).map(({ resource, search }) => [resource.id, search.extension[0].valueCode]);
};

describe('$match', () => {
  it('is certain by identifier and name, probable by name and birth date, nothing by less', async () => {
    const { identifier, name, birthDate } = known;
    expect(gradesOf(await match({ identifier, name }, desk))).toEqual([[patient.fhirId, 'certain']]);
    expect(gradesOf(await match({ name, birthDate }, desk))).toEqual([[patient.fhirId, 'probable']]);
    expect(gradesOf(await match({ birthDate }, desk))).toEqual([]);
    expect(gradesOf(await match({ name: [{ family: 'Nobody', given: ['No'] }], birthDate }, desk))).toEqual([]);
  });

  it('answers with the one who is certain or with nobody when asked so', async () => {
    const only = [{ name: 'onlyCertainMatches', valueBoolean: true }];
    const { identifier, name, birthDate } = known;
    expect(gradesOf(await match({ identifier, name }, desk, only))).toHaveLength(1);
    expect(gradesOf(await match({ name, birthDate }, desk, only))).toEqual([]);
  });

  it('finds for nobody whom they may not see, and tells no total of them', async () => {
    const stranger = await server.logIn('a.mehta');
    const { identifier, name } = known;
    const answer = await match({ identifier, name }, stranger);
    expect(gradesOf(answer)).toEqual([]);
    expect(answer.json.total).toBe(0);
  });

  it('is in the log of whom it found', async () => {
    const { identifier, name } = known;
    await match({ identifier, name }, desk);
    const path = '/api/v1/orgs/hospital-a/patient/audit?limit=1';
    const { json } = await server.send('GET', path, { token: patient.token });
    expect(json.lines[0].event).toMatchObject({ kind: 'search', who: { id: server.wallet('a.desk').id } });
  });

  it('names nobody while a rollback of the ledger has no name', async () => {
    const { guard } = server.node.organisations.get('hospital-a')!.vault;
    const { identifier, name } = known;
    guard.demandReplay();
    const closed = await match({ identifier, name }, desk);
    guard.revocationsReplayed();
    expect([closed.status, closed.json.issue?.[0].details.coding[0].code]).toEqual([503, 'rollback-unnamed']);
    expect(closed.text).not.toContain(patient.fhirId);
    expect(gradesOf(await match({ identifier, name }, desk))).toHaveLength(1);
  });

  it('refuses what is no description of a patient', async () => {
    const raw = JSON.stringify({ resourceType: 'Parameters', parameter: [] });
    const none = await server.send('POST', `${BASE}/Patient/$match`, {
      token: desk,
      raw,
      type: 'application/fhir+json',
    });
    expect(none.status).toBe(400);
    expect((await match({ birthDate: 'yesterday' }, desk)).status).toBe(422);
    expect((await match({}, desk, [{ name: 'count', valueInteger: 0 }])).status).toBe(400);
    expect((await match({}, desk, [{ name: 'other', valueInteger: 1 }])).status).toBe(400);
  });
});

describe('the score', () => {
  const person: FhirTree = {
    resourceType: 'Patient',
    identifier: [{ system: 'urn:x', value: '1' }],
    name: [{ family: 'Müller', given: ['Anna'] }],
    birthDate: '1970-02-01',
    gender: 'female',
  };
  it('takes accents, one wrong letter and exchanged day and month for slips', () => {
    const { identifier: _identifier, ...unnumbered } = person;
    for (const change of [
      { name: [{ family: 'Muller', given: ['Anna'] }] },
      { name: [{ family: 'Müler', given: ['Anna'] }] },
      { birthDate: '1970-01-02' },
    ])
      expect(scoreOf({ ...unnumbered, ...change }, person)?.grade).toMatch(/probable|possible/);
  });
  it('does not take a shared identifier for a person whose name and birth date are others', () => {
    const other = { ...person, name: [{ family: 'Smith', given: ['Bo'] }], birthDate: '2001-11-30', gender: 'male' };
    expect(scoreOf(other, person)?.grade).not.toBe('certain');
  });
});
