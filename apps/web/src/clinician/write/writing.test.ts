import { hasErrors, validateForWrite } from '@salus/fhir';
import { type FhirTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { entryOf } from '../chart/chart-entry.ts';
import { duplicatesOf } from './duplicates.ts';
import { PRESCRIBABLES } from './medicines.ts';
import { NOTE_KINDS, noteOf } from './note.ts';
import { orderOf } from './order.ts';
import { allergiesTo, prescriptionOf } from './prescription.ts';
import { parseDecimal, resultOf } from './result.ts';
import { ORDERABLES, orderableOf } from './tests-to-order.ts';
import type { Writing } from './written-by.ts';

const nowMs = Date.parse('2026-11-20T10:00:00Z');
const writing: Writing = { patient: 'p1', practitioner: 'Practitioner/d1', nowMs };
const hba1c = orderableOf('4548-4')!;
const amoxicillin = PRESCRIBABLES.find(({ ingredients }) => ingredients.includes('amoxicillin'))!;
const stored = (resource: object) => entryOf(parseFhirJson(JSON.stringify(resource)), 'hospital-a');
const coded = { coding: [{ system: 'http://loinc.org', code: '4548-4' }] };

describe('what a clinician writes', () => {
  const all: readonly (readonly [string, FhirTree])[] = [
    ...NOTE_KINDS.map(({ code }) => ['a note', noteOf(writing, { kind: code, text: 'Better. ✓' })] as const),
    ...ORDERABLES.map(
      (test) =>
        [test.display, orderOf(writing, { test, priority: 'urgent', question: 'Why?', whyAgain: 'New drug' })] as const,
    ),
    ...ORDERABLES.map(
      (test) => [test.display, resultOf(writing, { test, value: '1.50', atMs: nowMs, comment: 'x' })] as const,
    ),
    ...PRESCRIBABLES.map(
      (medicine) =>
        [
          medicine.display,
          prescriptionOf(writing, { medicine, dosage: 'One a day', days: 30, repeats: 1, whyDespite: 'Mild rash' }),
        ] as const,
    ),
  ];

  it.each(all)('is valid as R4 has it: %s', (_, resource) => {
    const issues = validateForWrite(parseFhirJson(stringifyFhirJson(resource)));
    expect(hasErrors(issues), JSON.stringify(issues)).toBe(false);
    expect(stringifyFhirJson(resource)).toContain('"reference":"Patient/p1"');
  });

  it('keeps the text of a note and every digit of a value', () => {
    const { content } = noteOf(writing, { kind: '11506-3', text: 'Überweisung ✓' }) as unknown as {
      content: [{ attachment: { data: string } }];
    };
    expect(Buffer.from(content[0].attachment.data, 'base64').toString()).toBe('Überweisung ✓');
    expect(stringifyFhirJson(resultOf(writing, { test: hba1c, value: '7.10', atMs: nowMs, comment: '' }))).toContain(
      '"value":7.10',
    );
  });

  it('names no writer whom nobody has named', () => {
    const order = orderOf(
      { ...writing, practitioner: undefined },
      { test: hba1c, priority: 'routine', question: '', whyAgain: '' },
    );
    expect(order).not.toHaveProperty('requester');
    expect(order).not.toHaveProperty('note');
    expect(order).not.toHaveProperty('reasonCode');
  });

  it.each([
    ['7,1', '7.1'],
    [' 120 ', '120'],
    ['-0.5', '-0.5'],
    ['1e3', undefined],
    ['', undefined],
    ['12 mg', undefined],
    ['1.', undefined],
    ['007', undefined],
  ])('reads %j as %j', (typed, expected) => expect(parseDecimal(typed)).toBe(expected));
});

describe('ordering a test again', () => {
  const result = (effectiveDateTime: string, rest: object = {}) =>
    stored({
      resourceType: 'Observation',
      id: effectiveDateTime,
      status: 'final',
      code: coded,
      effectiveDateTime,
      ...rest,
    });

  it('shows the newest result that still holds, and until when', () => {
    const found = duplicatesOf([result('2026-09-01'), result('2026-11-01'), result('2025-01-01')], hba1c, nowMs);
    expect(found).toMatchObject([{ kind: 'result', entry: { resource: { id: '2026-11-01' } } }]);
    expect(found[0]?.kind === 'result' && found[0].validUntilMs).toBe(Date.parse('2027-01-30'));
  });

  it('shows an order that still waits, wherever it was written', () => {
    const order = (status: string) => stored({ resourceType: 'ServiceRequest', id: status, status, code: coded });
    expect(duplicatesOf([order('active'), order('completed'), order('revoked')], hba1c, nowMs)).toMatchObject([
      { kind: 'order', entry: { resource: { id: 'active' } } },
    ]);
  });

  it('has nothing against it when results are too old, of another test, cancelled, withdrawn or of the future', () => {
    const others = [
      result('2026-08-01'),
      result('2026-11-01', { code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] } }),
      result('2026-11-01', { status: 'cancelled' }),
      result('2026-11-01', { status: 'entered-in-error' }),
      result('2027-01-01'),
    ];
    expect(duplicatesOf(others, hba1c, nowMs)).toEqual([]);
    expect(duplicatesOf([result('2026-11-20')], orderableOf('29463-7')!, nowMs)).toEqual([]);
  });
});

describe('prescribing against an allergy', () => {
  const allergy = (text: string, code = 'active') =>
    stored({ resourceType: 'AllergyIntolerance', id: text, clinicalStatus: { coding: [{ code }] }, code: { text } });

  it('shows the allergies whose words name an ingredient', () => {
    const entries = [allergy('Allergy to amoxicillin'), allergy('Allergy to Penicillin'), allergy('Allergy to nuts')];
    expect(allergiesTo(entries, amoxicillin)).toHaveLength(2);
    expect(allergiesTo([allergy('Allergy to amoxicillin', 'resolved')], amoxicillin)).toEqual([]);
  });
});
