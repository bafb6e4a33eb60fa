import { courseOf, type VisitTask } from '@salus/fhir/visit';
import { expect, it } from 'vitest';
import { participantOf, waitsFor } from './staff-side.ts';
import type { VisitView } from './visit-api.ts';

function viewOf(...tasks: readonly Pick<VisitTask, 'step' | 'status'>[]): VisitView {
  const whole = tasks.map((task) => ({
    ...{
      visit: 'A'.repeat(22),
      provider: 'hospital-a',
      number: 1,
      version: 1,
      requester: 'hospital-a',
      owner: 'hospital-a',
    },
    ...{ pid: null, changedMs: 0, reason: null, parts: {} },
    ...task,
  }));
  return {
    ...{
      provider: 'hospital-a',
      visit: 'A'.repeat(22),
      organisation: 'hospital-a',
      patient: null,
      pid: null,
      sent: [],
    },
    agreed: { laboratory: null, pharmacy: null },
    course: courseOf(whole),
  };
}

it('takes part as who one is: at home desk or clinician, elsewhere laboratory or pharmacy', () => {
  const asked = viewOf({ step: 'appointment', status: 'requested' });
  const booked = viewOf({ step: 'appointment', status: 'completed' }, { step: 'consultation', status: 'requested' });
  const ordered = viewOf({ step: 'laboratory-order', status: 'requested' });
  const prescribed = viewOf({ step: 'prescription', status: 'requested' });
  expect(participantOf({ organisation: 'hospital-a', roles: ['registrar'] }, asked)).toBe('desk');
  expect(participantOf({ organisation: 'hospital-a', roles: ['clinician'] }, booked)).toBe('clinician');
  expect(participantOf({ organisation: 'laboratory', roles: ['laboratory'] }, ordered)).toBe('laboratory');
  expect(participantOf({ organisation: 'pharmacy', roles: ['pharmacist'] }, prescribed)).toBe('pharmacy');
  expect(waitsFor(asked, 'desk')).toBe(true);
  expect(waitsFor(asked, 'clinician')).toBe(false);
  expect(waitsFor(ordered, 'laboratory')).toBe(true);
});
