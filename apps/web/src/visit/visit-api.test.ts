import { type VisitTask, visitTaskResource } from '@salus/fhir/visit';
import { expect, it } from 'vitest';
import { joinVisits, parseView } from './visit-api.ts';

const TASK: VisitTask = {
  ...{ visit: 'A'.repeat(22), provider: 'hospital-a', step: 'laboratory-order', number: 1, version: 1 },
  ...{ status: 'requested', requester: 'hospital-a', owner: 'laboratory', pid: null, changedMs: 1_000, reason: null },
  parts: { observation: { resourceType: 'Observation', valueQuantity: { value: JSON.rawJSON('8.40') } } },
};

function viewAt(organisation: string, task: VisitTask) {
  const way = { task: 'laboratory-order.1', version: task.version, to: 'x', delivery: 'd', code: null, atMs: 1 };
  return parseView({
    ...{ provider: 'hospital-a', visit: TASK.visit, organisation, patient: null, pid: null },
    tasks: [JSON.stringify(visitTaskResource(task))],
    sent: [{ ...way, state: 'delivered' }],
    agreed: { laboratory: null, pharmacy: null },
  });
}

it('joins what each organisation knows of one visit: the newest version of each task, all hand-overs', () => {
  const [visit, ...others] = joinVisits([
    viewAt('hospital-a', TASK),
    viewAt('laboratory', { ...TASK, version: 2, status: 'accepted' }),
  ]);
  expect(others).toEqual([]);
  expect(visit?.course.get('laboratory-order.1')).toMatchObject({ version: 2, status: 'accepted' });
  expect(visit?.ways.map(({ from }) => from)).toEqual(['hospital-a', 'laboratory']);
});

it('shows what only whoever wrote it still has', () => {
  const order = { resourceType: 'ServiceRequest' };
  const [visit] = joinVisits([
    viewAt('hospital-a', { ...TASK, parts: { order } }),
    viewAt('laboratory', { ...TASK, parts: TASK.parts }),
  ]);
  expect(visit?.course.get('laboratory-order.1')?.parts).toMatchObject({ order, ...TASK.parts });
});

it('keeps numbers as the laboratory wrote them', () => {
  const { course } = viewAt('laboratory', TASK);
  expect(JSON.stringify(course.get('laboratory-order.1')?.parts)).toContain('8.40');
});
