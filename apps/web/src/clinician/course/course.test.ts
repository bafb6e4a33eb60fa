import { parseFhirJson } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { entryOf } from '../chart/chart-entry.ts';
import { lanesOf, timeSpanOf } from './course.ts';

const DAY_MS = 86_400_000;
const at = (day: string): number => Date.parse(`${day}T00:00:00Z`);
const metformin = { coding: [{ system: 'rx', code: '860975', display: 'Metformin' }] };
const stored = (resourceType: string, id: string, rest: object) =>
  entryOf(
    parseFhirJson(JSON.stringify({ resourceType, id, medicationCodeableConcept: metformin, ...rest })),
    'hospital-a',
  );
const request = (id: string, rest: object) =>
  stored('MedicationRequest', id, { status: 'active', authoredOn: '2026-01-10T00:00:00Z', ...rest });

describe('the course of a therapy', () => {
  it('puts what was planned and what was given of one medicine into one lane, whoever wrote it', () => {
    const lanes = lanesOf([
      request('r', {}),
      stored('MedicationDispense', 'd', { whenHandedOver: '2026-01-12T00:00:00Z' }),
      stored('MedicationAdministration', 'a', { effectiveDateTime: '2026-01-13T00:00:00Z' }),
      request('other', { medicationCodeableConcept: { text: 'Aspirin' } }),
    ]);
    expect(lanes.map(({ title, planned, given }) => [title, planned.length, given.length])).toEqual([
      ['Metformin', 1, 2],
      ['Aspirin', 1, 0],
    ]);
  });

  it('ends a plan where the dosage says so, else with the supply, else not at all', () => {
    const boundsPeriod = { start: '2026-01-10T00:00:00Z', end: '2026-02-09T00:00:00Z' };
    const ends = [
      request('bounds', { dosageInstruction: [{ timing: { repeat: { boundsPeriod } } }] }),
      request('supply', { dispenseRequest: { expectedSupplyDuration: { value: 14, code: 'd' } } }),
      request('open', {}),
      request('stopped', { status: 'stopped' }),
    ].map((entry) => lanesOf([entry])[0]?.planned[0]?.untilMs);
    expect(ends).toEqual([at('2026-02-09'), at('2026-01-10') + 14 * DAY_MS, undefined, at('2026-01-10')]);
  });

  it('lets a plan without an end last until the next one', () => {
    const [lane] = lanesOf([request('first', {}), request('second', { authoredOn: '2026-03-01T00:00:00Z' })]);
    expect(lane?.planned.map(({ fromMs, untilMs }) => [fromMs, untilMs])).toEqual([
      [at('2026-03-01'), undefined],
      [at('2026-01-10'), at('2026-03-01')],
    ]);
  });

  it('spans everything that it shows, today too while a plan goes on, and is nothing without anything', () => {
    const nowMs = at('2026-06-01');
    const span = timeSpanOf(lanesOf([request('open', {})]), [{ atMs: at('2025-12-01') }], nowMs);
    expect(span!.fromMs).toBeLessThan(at('2025-12-01'));
    expect(span!.untilMs).toBeGreaterThan(nowMs);
    expect(timeSpanOf([], [], nowMs)).toBeUndefined();
  });
});
