import type { VisitTask } from '@salus/fhir/visit';
import { expect, it } from 'vitest';
import { sidesOf } from './way-sides.ts';

const AT_HOME: VisitTask = {
  ...{ visit: 'A'.repeat(22), provider: 'hospital-a', step: 'appointment', number: 1, version: 2, status: 'completed' },
  ...{ requester: 'hospital-a', owner: 'hospital-a', pid: null, changedMs: 0, reason: null, parts: {} },
};
const ELSEWHERE: VisitTask = { ...AT_HOME, step: 'laboratory-order', owner: 'laboratory', version: 4 };

it('tells in one house by the version who handed to whom', () => {
  expect(sidesOf(AT_HOME, { from: 'hospital-a', version: 1 })).toEqual({ from: 'patient', to: 'desk' });
  expect(sidesOf(AT_HOME, { from: 'hospital-a', version: 2 })).toEqual({ from: 'desk', to: 'patient' });
  const cancelled = { ...AT_HOME, status: 'cancelled' } as const;
  expect(sidesOf(cancelled, { from: 'hospital-a', version: 2 })).toEqual({ from: 'patient', to: 'desk' });
});

it('tells between houses by the house, also when a task was sent back and asked for again', () => {
  expect(sidesOf(ELSEWHERE, { from: 'hospital-a', version: 3 })).toEqual({ from: 'clinician', to: 'laboratory' });
  expect(sidesOf(ELSEWHERE, { from: 'laboratory', version: 4 })).toEqual({ from: 'laboratory', to: 'clinician' });
});
