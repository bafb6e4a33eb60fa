import { type FhirTree, validateForWrite } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient } from '../../../test/admitted.ts';
import { chapterAt, openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';
import { ipsDocument } from './ips-document.ts';

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 21));
});
afterAll(() => server[Symbol.asyncDispose]());

interface Section {
  readonly title: string;
  readonly code: { readonly coding: readonly [{ readonly code: string }] };
  readonly entry?: readonly { readonly reference: string }[];
  readonly emptyReason?: unknown;
  readonly text: { readonly div: string };
}
const REQUIRED = ['11450-4', '48765-2', '10160-0'];
const compositionOf = (document: FhirTree) =>
  (document.entry as unknown as [{ resource: FhirTree & { section: readonly Section[] } }])[0].resource;

describe('$summary', () => {
  it('is a valid IPS document with the required sections, whose references all lead into it', async () => {
    const answer = await server.send('GET', `${BASE}/Patient/${patient.fhirId}/$summary`, { token: patient.token });
    expect(answer.status, answer.text).toBe(200);
    expect(validateForWrite(answer.json)).toEqual([]);
    expect(answer.json).toMatchObject({
      type: 'document',
      meta: { profile: ['http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips'] },
    });
    const composition = compositionOf(answer.json);
    expect(composition.section.map(({ code }) => code.coding[0].code).slice(0, 3)).toEqual(REQUIRED);
    const urls = new Set((answer.json.entry as { fullUrl: string }[]).map(({ fullUrl }) => fullUrl));
    const references = composition.section.flatMap(({ entry = [] }) => entry.map(({ reference }) => reference));
    expect(references.length).toBeGreaterThan(2);
    for (const reference of references) expect(urls).toContain(reference);
    for (const section of composition.section) {
      expect(section.emptyReason === undefined, section.title).toBe((section.entry ?? []).length > 0);
      expect(section.text.div).toContain('http://www.w3.org/1999/xhtml');
    }
    expect(answer.text).not.toContain(patient.pid);
  });

  it('holds nothing that the reader may not see: who knows the patient by name gets empty sections', async () => {
    const desk = await server.logIn('a.desk');
    const { json, status } = await server.send('GET', `${BASE}/Patient/${patient.fhirId}/$summary`, { token: desk });
    expect(status).toBe(200);
    const composition = compositionOf(json);
    expect(composition.section.map(({ code }) => code.coding[0].code)).toEqual(REQUIRED);
    for (const section of composition.section) {
      expect(section.entry).toBeUndefined();
      expect(section.emptyReason).toMatchObject({ coding: [{ code: 'unavailable' }] });
    }
    const types = (json.entry as { resource: FhirTree }[]).map(({ resource }) => resource.resourceType);
    expect(types).toEqual(['Composition', 'Patient', 'Organization']);
  });

  it('is refused to strangers and to other patients, and logged to the patient', async () => {
    const url = `${BASE}/Patient/${patient.fhirId}/$summary`;
    const stranger = await server.logIn('a.mehta');
    expect((await server.send('GET', url, { token: stranger })).status).toBe(403);
    expect((await server.send('GET', url, { token: other.token })).status).toBe(403);
    expect((await server.send('GET', `${url}?profile=http://example.org/x`, { token: patient.token })).status).toBe(
      400,
    );
    const { json } = await server.send('GET', `${A}/patient/audit?limit=20`, { token: patient.token });
    const refused = (json.lines as { event: { kind: string } }[]).filter(({ event }) => event.kind === 'refusal');
    expect(refused.length).toBeGreaterThan(1);
  });

  it('is the same for the same input, and shows markup as text', () => {
    const baseUrl = 'https://node.example/a/fhir/R4';
    const sourceOf = (resource: FhirTree) => ({
      fullUrl: `${baseUrl}/${resource.resourceType as string}/${resource.id as string}`,
      resource,
      atMs: 0,
    });
    const input = {
      ...{ baseUrl, organisation: 'a', atMs: 0, directory: [], isWhole: true },
      patient: sourceOf({ resourceType: 'Patient', id: 'p' }),
      sources: [sourceOf({ resourceType: 'Condition', id: 'c', code: { text: '<script>&\u0007' } })],
    };
    const document = ipsDocument(input);
    expect(ipsDocument(input)).toEqual(document);
    expect(compositionOf(document).section[0]?.text.div).toContain('<li>&lt;script&gt;&amp; (1970-01-01)</li>');
  });

  it('keeps its own entries, and those of each author, whatever another writes and however it dates that', () => {
    const baseUrl = 'https://node.example/a/fhir/R4';
    const allergyOf = (id: string, atMs: number, author?: string) => ({
      fullUrl: `${baseUrl}/AllergyIntolerance/${id}`,
      resource: {
        ...{ resourceType: 'AllergyIntolerance', id, code: { text: id } },
        recorder: { reference: `Practitioner/of-${id}` },
      },
      atMs,
      ...(author === undefined ? {} : { author }),
    });
    const flood = Array.from({ length: 500 }, (_, at) => allergyOf(`flood-${at}`, 9_000_000_000_000 + at, 'b'));
    const practitionerOf = (id: string) => ({
      fullUrl: `${baseUrl}/Practitioner/${id}`,
      resource: { resourceType: 'Practitioner', id },
      atMs: null,
    });
    const document = ipsDocument({
      ...{ baseUrl, organisation: 'a', atMs: 0, isWhole: true },
      patient: { fullUrl: `${baseUrl}/Patient/p`, resource: { resourceType: 'Patient', id: 'p' }, atMs: 0 },
      sources: [...flood, allergyOf('penicillin', 1), allergyOf('latex', 2, 'c')],
      directory: ['of-penicillin', 'of-latex', 'of-nobody'].map(practitionerOf),
    });
    const entries = compositionOf(document).section[1]?.entry?.map(({ reference }) => reference) ?? [];
    expect(entries).toContain(`${baseUrl}/AllergyIntolerance/penicillin`);
    expect(entries).toContain(`${baseUrl}/AllergyIntolerance/latex`);
    expect(entries.length).toBeLessThan(flood.length);
    const urls = (document.entry as { fullUrl: string }[]).map(({ fullUrl }) => fullUrl);
    expect(urls.filter((url) => url.includes('/Practitioner/'))).toEqual([
      `${baseUrl}/Practitioner/of-penicillin`,
      `${baseUrl}/Practitioner/of-latex`,
    ]);
  });
});
