import { type FhirTree, isTree, listOf } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { entryOf, syntheaEntries } from '../../../test/record-entries.ts';
import { patientSummaryOf } from './patient-summary.ts';

let drawn = 0;
const options = {
  origin: 'https://node.example',
  nowMs: Date.UTC(2026, 10, 21),
  drawId: () => `00000000-0000-4000-8000-${String(++drawn).padStart(12, '0')}`,
  organisations: new Map([['hospital-a', 'Hospital A']]),
};
const patient = entryOf({ resourceType: 'Patient', id: 'p1', name: [{ family: 'X' }] });

const resourcesOf = (bundle: FhirTree): readonly FhirTree[] =>
  listOf(bundle.entry).flatMap((entry) => (isTree(entry) && isTree(entry.resource) ? [entry.resource] : []));

/** Every `reference` anywhere. */
function references(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (!isTree(value)) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    name === 'reference' && typeof child === 'string' ? [child] : references(child),
  );
}

const sectionsOf = (bundle: FhirTree): ReadonlyMap<string, FhirTree> =>
  new Map(
    listOf(resourcesOf(bundle)[0]!.section).flatMap((section) =>
      isTree(section) ? [[String(section.title), section] as const] : [],
    ),
  );

describe('an International Patient Summary', () => {
  it('says of the three sections that it must have when nothing is known', () => {
    const bundle = patientSummaryOf([patient], options)!;
    expect([...sectionsOf(bundle).keys()]).toEqual(['Allergies and intolerances', 'Medicines', 'Problems']);
    expect(JSON.stringify(bundle)).toContain('no-allergy-info');
    expect(JSON.stringify(bundle)).toContain('no-medication-info');
    expect(JSON.stringify(bundle)).toContain('no-problem-info');
  });

  it('is a document whose every section entry is in it, with addresses of their own', () => {
    const allergy = entryOf({
      resourceType: 'AllergyIntolerance',
      code: { text: 'Nuts & <seeds>' },
      patient: { reference: 'Patient/p1' },
    });
    const bundle = patientSummaryOf([patient, allergy], options)!;
    expect(bundle).toMatchObject({
      resourceType: 'Bundle',
      type: 'document',
      identifier: { system: 'urn:ietf:rfc:3986' },
    });
    const [composition] = resourcesOf(bundle);
    expect(composition).toMatchObject({ resourceType: 'Composition', type: { coding: [{ code: '60591-5' }] } });
    const urls = new Set(listOf(bundle.entry).map((entry) => (isTree(entry) ? entry.fullUrl : '')));
    for (const reference of references(composition)) expect(urls).toContain(reference);
    expect(urls.size).toBe(listOf(bundle.entry).length);
    expect(JSON.stringify(composition)).toContain('Nuts &amp; &lt;seeds&gt;');
  });

  it('is about one patient, whichever Patient of each organisation its entries name', () => {
    const there = entryOf(
      { resourceType: 'Patient', id: 'p2' },
      { organisation: 'hospital-b', lastUpdatedMs: options.nowMs },
    );
    const condition = entryOf({
      resourceType: 'Condition',
      code: { text: 'Cough' },
      subject: { reference: 'Patient/p1' },
      encounter: { reference: 'Encounter/e1' },
    });
    const bundle = patientSummaryOf([patient, there, condition], options)!;
    const found = references(bundle);
    expect(found.filter((reference) => reference.includes('/Patient/'))).not.toContain(
      'https://node.example/hospital-a/fhir/R4/Patient/p1',
    );
    expect(found).toContain('https://node.example/hospital-b/fhir/R4/Patient/p2');
    expect(found).toContain('https://node.example/hospital-a/fhir/R4/Encounter/e1');
    expect(resourcesOf(bundle).filter(({ resourceType }) => resourceType === 'Patient')).toHaveLength(1);
  });

  it('keeps number literals, shows the newest of each result and leaves out what was written in error', () => {
    const lab = (value: string, at: string, status = 'final') => {
      const made = entryOf({
        resourceType: 'Observation',
        status,
        category: [
          { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
        ],
        code: { text: 'Creatinine' },
        effectiveDateTime: at,
        valueQuantity: { value: JSON.rawJSON(value), unit: 'mg/dL' },
      });
      return made;
    };
    const bundle = patientSummaryOf(
      [patient, lab('1.50', '2026-01-01'), lab('1.10', '2025-01-01'), lab('9.99', '2026-02-01', 'entered-in-error')],
      options,
    )!;
    const text = JSON.stringify(bundle);
    expect(text).toContain('"value":1.50');
    expect(text).not.toContain('1.10');
    expect(text).not.toContain('9.99');
  });

  it('puts what is over among past problems and leaves out medicines that were stopped', () => {
    const over = entryOf({
      resourceType: 'Condition',
      code: { text: 'Cough' },
      clinicalStatus: { coding: [{ code: 'resolved' }] },
    });
    const stopped = entryOf({
      resourceType: 'MedicationRequest',
      status: 'stopped',
      medicationCodeableConcept: { text: 'Old pill' },
    });
    const bundle = patientSummaryOf([patient, over, stopped], options)!;
    expect(sectionsOf(bundle).get('Past problems')).toBeDefined();
    expect(JSON.stringify(bundle)).not.toContain('Old pill');
    expect(JSON.stringify(sectionsOf(bundle).get('Problems'))).toContain('No information about problems');
  });

  it('of nobody is none', () => {
    expect(patientSummaryOf([entryOf({ resourceType: 'Condition' })], options)).toBeUndefined();
  });
});

const patients = syntheaEntries();
describe.skipIf(patients.length === 0)('the summaries of 21 Synthea patients', () => {
  it('hold every allergy and every problem that is not over, and resolve within themselves', () => {
    expect(patients).toHaveLength(21);
    for (const entries of patients) {
      const bundle = patientSummaryOf(entries, options)!;
      const resources = resourcesOf(bundle);
      const allergies = entries.filter(({ resource }) => resource.resourceType === 'AllergyIntolerance').length;
      const held = resources.filter(
        ({ resourceType, code }) =>
          resourceType === 'AllergyIntolerance' && !JSON.stringify(code).includes('no-allergy-info'),
      );
      expect(held).toHaveLength(allergies);
      const urls = new Set(listOf(bundle.entry).map((entry) => (isTree(entry) ? entry.fullUrl : '')));
      for (const reference of references(resources[0])) expect(urls).toContain(reference);
    }
  });
});
