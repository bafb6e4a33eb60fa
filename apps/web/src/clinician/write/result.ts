import { type FhirTree, parseFhirJson } from '@salus/fhir/parse';
import { LOINC, type Orderable } from './tests-to-order.ts';
import { subjectOf, type Writing, writerAs } from './written-by.ts';

/** A decimal of FHIR (R4 §2.24.0.1), written plainly: it is kept digit by digit. */
const DECIMAL = /^-?(?:0|[1-9]\d{0,11})(?:\.\d{1,9})?$/;

export interface ResultDraft {
  readonly test: Orderable;
  /** As it was typed: 1.50 stays 1.50. */
  readonly value: string;
  readonly atMs: number;
  readonly comment: string;
}

/** Takes the comma that many people write; undefined for what is no number. */
export function parseDecimal(typed: string): string | undefined {
  const text = typed.trim().replace(',', '.');
  return DECIMAL.test(text) ? text : undefined;
}

/** A measured value as R4 Observation; `value` is one of `parseDecimal`. */
export function resultOf(writing: Writing, { test, value, atMs, comment }: ResultDraft): FhirTree {
  const title = test.category === 'laboratory' ? 'Laboratory' : 'Vital Signs';
  const system = 'http://terminology.hl7.org/CodeSystem/observation-category';
  const at = new Date(atMs).toISOString();
  const quantity = parseFhirJson(`{"value":${value}}`);
  return {
    resourceType: 'Observation',
    status: 'final',
    category: [{ coding: [{ system, code: test.category, display: title }], text: title }],
    code: { coding: [{ system: LOINC, code: test.code, display: test.display }], text: test.display },
    subject: subjectOf(writing),
    effectiveDateTime: at,
    issued: new Date(writing.nowMs).toISOString(),
    ...writerAs('performer', writing, true),
    ...(test.unit === undefined
      ? { valueString: value }
      : {
          valueQuantity: { ...quantity, unit: test.unit, system: 'http://unitsofmeasure.org', code: test.unit },
        }),
    ...(comment === '' ? {} : { note: [{ text: comment }] }),
  };
}
