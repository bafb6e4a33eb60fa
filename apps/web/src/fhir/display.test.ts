import { parseFhirJson } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { conceptKey, conceptText, hasCode } from './concept.ts';
import { nameOf } from './name.ts';
import { numberOf, quantityText, rangeText } from './quantity.ts';
import { nameOfResource, referenceOf, referencesOf } from './reference.ts';
import { interpretationOf, isEnteredInError, isOver, statusOf } from './status.ts';
import { encounterClassOf, titleOf } from './title.ts';
import { valuesOf, valueText } from './value.ts';
import { dateText, parseWhen, whenOf, whenText } from './when.ts';

const parse = (text: string) => parseFhirJson(text);
const read = (value: object) => parseFhirJson(JSON.stringify(value));

describe('a concept', () => {
  it("is read as its author's words before any code", () => {
    const coding = [{ system: 'http://loinc.org', code: '4548-4', display: 'Hemoglobin A1c' }];
    expect(conceptText(read({ text: 'HbA1c', coding }))).toBe('HbA1c');
    expect(conceptText(read({ coding }))).toBe('Hemoglobin A1c');
    expect(conceptText(read({ coding: [{ code: '4548-4' }] }))).toBe('4548-4');
    expect(conceptText(read({ text: '  ' }))).toBeUndefined();
    expect(conceptText(undefined)).toBeUndefined();
  });

  it('is the same as another by its code, and without one by its text', () => {
    const coded = { coding: [{ system: 'http://snomed.info/sct', code: '29857009', display: 'Chest pain' }] };
    expect(conceptKey(read({ ...coded, text: 'Pain in the chest' }))).toBe(conceptKey(read(coded)));
    expect(conceptKey(read({ text: 'Cough ' }))).toBe(conceptKey(read({ text: 'cough' })));
    expect(conceptKey(read({}))).toBeUndefined();
    expect(hasCode(read(coded), 'http://snomed.info/sct', '29857009')).toBe(true);
    expect(hasCode(read(coded), 'http://loinc.org', '29857009')).toBe(false);
  });
});

describe('a quantity', () => {
  it('keeps every digit of its literal', () => {
    expect(quantityText(parse('{"value":1.50,"unit":"mg/dL"}'), 'en')).toBe('1.50\u00a0mg/dL');
    expect(quantityText(parse('{"value":0.010}'), 'en')).toBe('0.010');
    expect(quantityText(parse('{"value":12345678901234567890.12}'), 'en')).toBe('12,345,678,901,234,567,890.12');
  });

  it("is written with the locale's digits and separators", () => {
    expect(quantityText(parse('{"value":7.4,"unit":"%"}'), 'de')).toBe('7,4\u00a0%');
    expect(quantityText(parse('{"value":7.4,"unit":"%"}'), 'ar-EG')).toBe('٧٫٤\u00a0%');
  });

  it('has a unit as people write it, and its comparator', () => {
    expect(quantityText(read({ value: 128, unit: 'mm[Hg]', code: 'mm[Hg]' }), 'en')).toBe('128\u00a0mmHg');
    expect(quantityText(read({ value: 36.6, code: 'Cel' }), 'en')).toBe('36.6\u00a0°C');
    expect(quantityText(read({ value: 5, comparator: '<', unit: 'mg/L' }), 'en')).toBe('<5\u00a0mg/L');
    expect(quantityText(read({ value: 30, unit: 'tablet' }), 'en')).toBe('30\u00a0tablet');
  });

  it('is nothing without a number', () => {
    expect(quantityText(read({ unit: 'mg' }), 'en')).toBeUndefined();
    expect(quantityText('12', 'en')).toBeUndefined();
    expect(numberOf('12')).toBeUndefined();
  });

  it('bounds a range from one side or both', () => {
    expect(rangeText(read({ low: { value: 3.5 }, high: { value: 5, unit: 'mmol/L' } }), 'en')).toBe(
      '3.5 – 5\u00a0mmol/L',
    );
    expect(rangeText(read({ high: { value: 5 } }), 'en')).toBe('≤ 5');
    expect(rangeText(read({ low: { value: 60 } }), 'en')).toBe('≥ 60');
    expect(rangeText(read({ text: 'negative' }), 'en')).toBe('negative');
  });
});

describe('a value', () => {
  const component = (code: string, value: number) => ({
    code: { coding: [{ system: 'http://loinc.org', code }], text: code },
    valueQuantity: { value, unit: 'mm[Hg]', code: 'mm[Hg]' },
  });

  it('of a blood pressure is systolic over diastolic', () => {
    const panel = read({ component: [component('8480-6', 128), component('8462-4', 82)] });
    expect(valuesOf(panel, 'en')).toEqual([{ name: undefined, text: '128/82\u00a0mmHg' }]);
  });

  it('of any other panel is each of its parts, none left out', () => {
    const panel = read({ component: [component('8480-6', 128), component('8462-4', 82), component('8478-0', 97)] });
    expect(valuesOf(panel, 'en').map(({ name }) => name)).toEqual(['8480-6', '8462-4', '8478-0']);
  });

  it('may be a concept, words, a truth, a date, a span, a range or a ratio', () => {
    expect(valueText(read({ valueCodeableConcept: { text: 'Positive' } }), 'en')).toBe('Positive');
    expect(valueText(read({ valueString: 'clear' }), 'en')).toBe('clear');
    expect(valueText(read({ valueBoolean: false }), 'en')).toBe('false');
    expect(valueText(read({ valueDateTime: '2024-05' }), 'en')).toBe('May 2024');
    expect(valueText(read({ valuePeriod: { start: '2024-05', end: '2024-05' } }), 'en')).toBe('May 2024');
    expect(valueText(read({ valueInteger: 3 }), 'en')).toBe('3');
    expect(valueText(read({ valueRange: { low: { value: 1 }, high: { value: 2 } } }), 'en')).toBe('1 – 2');
    expect(valueText(read({ valueRatio: { numerator: { value: 1 }, denominator: { value: 128 } } }), 'en')).toBe(
      '1 : 128',
    );
    expect(valueText(read({}), 'en')).toBeUndefined();
  });
});

describe('a time', () => {
  it('is shown no more precisely than it was stated, in no other zone for a bare date', () => {
    expect(dateText('2024', 'en')).toBe('2024');
    expect(dateText('2024-01', 'en')).toBe('January 2024');
    expect(dateText('2024-01-01', 'en')).toBe('Jan 1, 2024');
    expect(dateText('2024-01-01T12:30:00Z', 'en')).toContain('2024');
  });

  it('of an unknown form is shown as it stands, not guessed', () => {
    expect(dateText('last week', 'en')).toBe('last week');
    expect(parseWhen('2024-1-1')).toBeUndefined();
    expect(parseWhen('2024-13-01')).toBeUndefined();
  });

  it('of a resource is when it happened, not when it was written down', () => {
    const meta = { lastUpdated: '2026-01-01T00:00:00Z' };
    expect(whenOf(read({ resourceType: 'Condition', meta, onsetDateTime: '2020', recordedDate: '2021' }))?.from).toBe(
      '2020',
    );
    expect(whenOf(read({ resourceType: 'Condition', meta, recordedDate: '2021' }))?.from).toBe('2021');
    expect(whenOf(read({ resourceType: 'Condition', meta }))).toBeUndefined();
    const context = { period: { start: '2022-02-02' } };
    expect(whenOf(read({ resourceType: 'DocumentReference', context, date: '2023' }))?.from).toBe('2022-02-02');
    expect(whenOf(read({ resourceType: 'SupplyDelivery', occurrenceDateTime: '2019' }))?.from).toBe('2019');
  });

  it('that lasts is shown from start to end, and an end before its start as it was written', () => {
    expect(whenText(parseWhen(read({ start: '2024-05-03', end: '2024-05-05' }))!, 'en')).toMatch(/^May 3\s–\s5, 2024$/);
    expect(whenText(parseWhen(read({ start: '2024-05-03' }))!, 'en')).toBe('May 3, 2024');
    expect(whenText(parseWhen(read({ end: '2024-05-03' }))!, 'en')).toBe('May 3, 2024');
    const backwards = whenText(parseWhen(read({ start: '2024-05-05', end: '2024-05-03' }))!, 'en');
    expect(backwards).toBe('May 5, 2024 – May 3, 2024');
  });
});

describe('a resource', () => {
  it('has a title in the words of its author', () => {
    expect(titleOf(read({ resourceType: 'Immunization', vaccineCode: { text: 'Influenza' } }))).toBe('Influenza');
    expect(titleOf(read({ resourceType: 'DocumentReference', type: { text: 'Letter' }, description: 'To Dr X' }))).toBe(
      'To Dr X',
    );
    expect(titleOf(read({ resourceType: 'Device', deviceName: [{ name: 'Pump' }] }))).toBe('Pump');
    expect(titleOf(read({ resourceType: 'Observation' }))).toBeUndefined();
  });

  it('that names a medicine by reference shows the contained one', () => {
    const contained = [{ resourceType: 'Medication', id: 'm', code: { text: 'Metformin' } }];
    const reference = { resourceType: 'MedicationRequest', contained, medicationReference: { reference: '#m' } };
    expect(titleOf(read(reference))).toBe('Metformin');
    const elsewhere = {
      resourceType: 'MedicationRequest',
      medicationReference: { reference: 'Medication/1', display: 'M' },
    };
    expect(titleOf(read(elsewhere))).toBe('M');
  });

  it('about a person is called by the official name', () => {
    const name = [
      { use: 'old', family: 'Was' },
      { use: 'official', given: ['Ada', 'B.'], family: 'Is' },
    ];
    expect(nameOf(read({ resourceType: 'Patient', name }))).toBe('Ada B. Is');
    expect(titleOf(read({ resourceType: 'Organization', name: 'Hospital A' }))).toBe('Hospital A');
    expect(nameOf(read({ resourceType: 'Patient' }))).toBeUndefined();
  });

  it('tells whether it is over or was a mistake', () => {
    const clinicalStatus = { coding: [{ code: 'resolved' }] };
    expect(statusOf(read({ clinicalStatus }))).toBe('resolved');
    expect(isOver(read({ clinicalStatus }))).toBe(true);
    expect(isOver(read({ status: 'active' }))).toBe(false);
    expect(isEnteredInError(read({ verificationStatus: { coding: [{ code: 'entered-in-error' }] } }))).toBe(true);
    expect(isEnteredInError(read({ status: 'entered-in-error' }))).toBe(true);
    expect(isEnteredInError(read({ status: 'final' }))).toBe(false);
    expect(interpretationOf(read({ interpretation: [{ coding: [{ code: 'H' }] }] }))).toBe('H');
  });

  it('is an encounter of a class that HL7 names, or of none', () => {
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
    expect(encounterClassOf(read({ class: { system, code: 'EMER' } }))).toBe('EMER');
    expect(encounterClassOf(read({ class: { system: 'urn:own', code: 'X' } }))).toBeUndefined();
  });

  it('leads to others by type and id, whatever server and version stand around them', () => {
    expect(referenceOf(read({ reference: 'Encounter/a1/_history/3' }))).toBe('Encounter/a1');
    expect(referenceOf(read({ reference: 'https://x.example/fhir/Patient/p' }))).toBe('Patient/p');
    expect(referenceOf(read({ reference: '#m' }))).toBeUndefined();
    expect(referenceOf(read({ display: 'somebody' }))).toBeUndefined();
    expect(referencesOf([read({ reference: 'Observation/1' }), read({})])).toEqual(['Observation/1']);
    expect(nameOfResource(read({ resourceType: 'Patient', id: 'p' }))).toBe('Patient/p');
  });
});
