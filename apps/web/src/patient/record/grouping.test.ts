import { describe, expect, it } from 'vitest';
import { entryOf, syntheaEntries } from '../../../test/record-entries.ts';
import { documentsOf, filesOf } from './documents.ts';
import { medicinesOf } from './medication.ts';
import { problemsOf } from './problems.ts';
import { lookupOf, newestFirst } from './record-entry.ts';
import { resultSeriesOf } from './results.ts';
import { timelineOf } from './timeline.ts';

const ALL = { words: '', categories: [], organisations: [] };
const SNOMED = 'http://snomed.info/sct';
const diabetes = { coding: [{ system: SNOMED, code: '44054006', display: 'Type 2 diabetes mellitus' }] };
const clinical = (code: string) => ({
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code }],
});
const measured = (value: number, unit: string, at: string, code = '2160-0') =>
  entryOf({
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code }], text: 'Creatinine' },
    effectiveDateTime: at,
    valueQuantity: { value, unit, code: unit },
  });

describe('the timeline', () => {
  const visit = entryOf({
    resourceType: 'Encounter',
    period: { start: '2026-03-05' },
    reasonCode: [{ text: 'Röntgen' }],
  });
  const older = entryOf({ resourceType: 'Procedure', performedDateTime: '2026-02-01' }, { organisation: 'hospital-b' });
  const person = entryOf({ resourceType: 'Patient' });

  it('shows what happened, newest first, each month under its heading', () => {
    const rows = timelineOf([older, person, visit], ALL);
    expect(rows).toEqual([
      { kind: 'month', month: '2026-03', count: 1 },
      { kind: 'entry', entry: visit },
      { kind: 'month', month: '2026-02', count: 1 },
      { kind: 'entry', entry: older },
    ]);
  });

  it('shows only what passes category, organisation and words, whatever their accents', () => {
    const only = (filter: object) =>
      timelineOf([older, visit], { ...ALL, ...filter }).flatMap((row) => (row.kind === 'entry' ? [row.entry] : []));
    expect(only({ categories: ['procedures'] })).toEqual([older]);
    expect(only({ organisations: ['hospital-a'] })).toEqual([visit]);
    expect(only({ words: 'rontgen' })).toEqual([visit]);
    expect(only({ words: 'rontgen procedure' })).toEqual([]);
  });

  it('puts what has no time of its own where it was written down', () => {
    const undated = entryOf({ resourceType: 'Condition' }, { lastUpdatedMs: Date.UTC(2026, 1, 20) });
    expect(newestFirst([older, undated, visit])).toEqual([visit, undated, older]);
  });

  it('finds what a reference of the same organisation leads to, never another’s', () => {
    const lookup = lookupOf([visit]);
    const name = `Encounter/${String(visit.resource.id)}`;
    expect(lookup.find('hospital-a', name)).toBe(visit);
    expect(lookup.find('hospital-b', name)).toBeUndefined();
    expect(lookup.find('hospital-a', undefined)).toBeUndefined();
  });
});

describe('problems', () => {
  it('of two organisations with one code are one, with what belongs to it', () => {
    const encounter = entryOf({ resourceType: 'Encounter', period: { start: '2026-01-02' } });
    const reference = { reference: `Encounter/${String(encounter.resource.id)}` };
    const here = entryOf({
      resourceType: 'Condition',
      code: diabetes,
      clinicalStatus: clinical('active'),
      encounter: reference,
      onsetDateTime: '2025',
    });
    const there = entryOf(
      { resourceType: 'Condition', code: diabetes, clinicalStatus: clinical('resolved'), onsetDateTime: '2026' },
      { organisation: 'hospital-b' },
    );
    const sameVisit = entryOf({ resourceType: 'Observation', encounter: reference });
    const sameReason = entryOf({ resourceType: 'Procedure', reasonCode: [diabetes] }, { organisation: 'hospital-b' });
    const elsewhere = entryOf({ resourceType: 'Observation', encounter: reference }, { organisation: 'hospital-b' });
    const [problem, ...others] = problemsOf([here, there, encounter, sameVisit, sameReason, elsewhere]);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ title: 'Type 2 diabetes mellitus', isActive: true, sinceMs: Date.UTC(2025) });
    expect(problem!.conditions).toEqual([there, here]);
    expect(new Set(problem!.related)).toEqual(new Set([encounter, sameVisit, sameReason]));
  });

  it('that are over stand below, and one written in error nowhere', () => {
    const over = entryOf({
      resourceType: 'Condition',
      code: { text: 'Cough' },
      clinicalStatus: clinical('resolved'),
      onsetDateTime: '2026',
    });
    const active = entryOf({
      resourceType: 'Condition',
      code: diabetes,
      clinicalStatus: clinical('active'),
      onsetDateTime: '2020',
    });
    const error = entryOf({
      resourceType: 'Condition',
      code: { text: 'X' },
      verificationStatus: { coding: [{ code: 'entered-in-error' }] },
    });
    expect(problemsOf([over, active, error]).map(({ title }) => title)).toEqual(['Type 2 diabetes mellitus', 'Cough']);
  });
});

describe('medicines', () => {
  const metformin = {
    coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '860975' }],
    text: 'Metformin',
  };

  it('gather prescriptions and what was handed out, whoever wrote them', () => {
    const first = entryOf({
      resourceType: 'MedicationRequest',
      status: 'active',
      medicationCodeableConcept: metformin,
      authoredOn: '2026-01-01',
      dosageInstruction: [{ text: 'one' }],
    });
    const second = entryOf({
      resourceType: 'MedicationRequest',
      status: 'active',
      medicationCodeableConcept: metformin,
      authoredOn: '2026-02-01',
      dosageInstruction: [{ text: 'two' }],
    });
    const handed = entryOf(
      {
        resourceType: 'MedicationDispense',
        status: 'completed',
        medicationCodeableConcept: metformin,
        whenHandedOver: '2026-02-02',
      },
      { organisation: 'pharmacy' },
    );
    const [medicine, ...others] = medicinesOf([first, handed, second]);
    expect(others).toEqual([]);
    expect(medicine).toMatchObject({
      title: 'Metformin',
      isCurrent: true,
      dosage: 'two',
      prescribed: [second, first],
      dispensed: [handed],
    });
  });

  it('are current by the newest prescription only', () => {
    const old = entryOf({
      resourceType: 'MedicationRequest',
      status: 'active',
      medicationCodeableConcept: metformin,
      authoredOn: '2026-01-01',
    });
    const stopped = entryOf({
      resourceType: 'MedicationRequest',
      status: 'stopped',
      medicationCodeableConcept: metformin,
      authoredOn: '2026-02-01',
    });
    expect(medicinesOf([old, stopped])[0]!.isCurrent).toBe(false);
    expect(
      medicinesOf([entryOf({ resourceType: 'MedicationDispense', medicationCodeableConcept: metformin })])[0]!
        .isCurrent,
    ).toBe(false);
  });

  it('known by a reference alone are one organisation’s only', () => {
    const medicationReference = { reference: 'Medication/m1' };
    const here = entryOf({ resourceType: 'MedicationRequest', medicationReference });
    const there = entryOf({ resourceType: 'MedicationRequest', medicationReference }, { organisation: 'hospital-b' });
    expect(medicinesOf([here, there])).toHaveLength(2);
  });
});

describe('results', () => {
  it('of one code are one series, a line for each unit, oldest first', () => {
    const [series, ...others] = resultSeriesOf([
      measured(1.2, 'mg/dL', '2026-03-01'),
      measured(1.1, 'mg/dL', '2026-01-01'),
      measured(98, 'umol/L', '2026-02-01'),
    ]);
    expect(others).toEqual([]);
    expect(series!.title).toBe('Creatinine');
    expect(series!.lines.map(({ unit, points }) => [unit, points.map(({ value }) => value)])).toEqual([
      ['mg/dL', [1.1, 1.2]],
      ['umol/L', [98]],
    ]);
  });

  it('have a line for each component, and none where nothing is a number', () => {
    const component = (code: string, value: number) => ({
      code: { text: code },
      valueQuantity: { value, code: 'mm[Hg]' },
    });
    const pressure = entryOf({
      resourceType: 'Observation',
      code: { text: 'Blood pressure' },
      component: [component('upper', 120), component('lower', 80)],
    });
    const words = entryOf({ resourceType: 'Observation', code: { text: 'Smoking' }, valueString: 'never' });
    const found = new Map(resultSeriesOf([pressure, words]).map((series) => [series.title, series]));
    expect(found.get('Blood pressure')!.lines.map(({ name, unit }) => [name, unit])).toEqual([
      ['upper', 'mmHg'],
      ['lower', 'mmHg'],
    ]);
    expect(found.get('Smoking')).toMatchObject({ lines: [], normal: undefined });
  });

  it('leave off the chart what is only said to be less, and everywhere what was written in error', () => {
    const less = entryOf({
      resourceType: 'Observation',
      code: { text: 'CRP' },
      valueQuantity: { value: 5, comparator: '<', unit: 'mg/L' },
    });
    const error = entryOf({
      resourceType: 'Observation',
      status: 'entered-in-error',
      code: { text: 'CRP' },
      valueQuantity: { value: 900 },
    });
    expect(resultSeriesOf([less, error])).toMatchObject([{ lines: [], entries: [less] }]);
  });

  it('carry the range that the newest one calls normal', () => {
    const ranged = entryOf({
      resourceType: 'Observation',
      code: { text: 'K' },
      referenceRange: [{ low: { value: 3.5 }, high: { value: 5.1 } }],
    });
    expect(resultSeriesOf([ranged])[0]!.normal).toEqual({ low: 3.5, high: 5.1 });
  });
});

describe('documents', () => {
  it('are letters, images and printed reports with their files', () => {
    const letter = entryOf({
      resourceType: 'DocumentReference',
      content: [{ attachment: { contentType: 'application/pdf', title: 'Letter', data: 'AAAA', size: 3 } }],
    });
    const scan = entryOf({ resourceType: 'Media', content: { contentType: 'image/png', url: 'Binary/b1' } });
    const bare = entryOf({ resourceType: 'DiagnosticReport' });
    const printed = entryOf({ resourceType: 'DiagnosticReport', presentedForm: [{ data: 'AAAA' }] });
    expect(documentsOf([letter, scan, bare, printed]).map(({ entry }) => entry)).toEqual(
      newestFirst([letter, scan, printed]),
    );
    expect(filesOf(letter.resource)).toEqual([
      { title: 'Letter', contentType: 'application/pdf', sizeBytes: 3, data: 'AAAA', binary: undefined },
    ]);
    expect(filesOf(scan.resource)).toMatchObject([{ binary: 'Binary/b1', data: undefined }]);
  });
});

const patients = syntheaEntries();
describe.skipIf(patients.length === 0)('the records of 21 Synthea patients', () => {
  it('are all on the timeline but who and where, each in exactly one place', () => {
    for (const entries of patients) {
      const shown = timelineOf(entries, ALL).flatMap((row) => (row.kind === 'entry' ? [row.entry] : []));
      const others = entries.filter(({ resource }) =>
        ['Patient', 'Organization', 'Practitioner'].includes(String(resource.resourceType)),
      );
      expect(shown.length + others.length).toBe(entries.length);
      expect(new Set(shown).size).toBe(shown.length);
    }
  });

  it('lose no condition, medicine or observation in grouping', () => {
    let conditions = 0;
    for (const entries of patients) {
      const count = (type: string) => entries.filter(({ resource }) => resource.resourceType === type).length;
      expect(problemsOf(entries).flatMap((problem) => problem.conditions)).toHaveLength(count('Condition'));
      expect(medicinesOf(entries).flatMap(({ prescribed }) => prescribed)).toHaveLength(count('MedicationRequest'));
      expect(resultSeriesOf(entries).flatMap((series) => series.entries)).toHaveLength(count('Observation'));
      conditions += count('Condition');
    }
    expect(conditions).toBeGreaterThan(50);
  });
});
