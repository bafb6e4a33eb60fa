import { expect, it } from 'vitest';
import {
  courseOf,
  isOver,
  movesOf,
  nextNumber,
  nextVersion,
  phaseOf,
  receiveTask,
  type VisitCourse,
} from './visit-course.ts';
import { STEP_CODES, STEPS, type StepCode, type StepStatus } from './visit-step.ts';
import { parseDeliveredTask, parseVisitTask, VERSION_MAX, type VisitTask, visitTaskResource } from './visit-task.ts';

const VISIT = 'A'.repeat(22);
const PID = 'B'.repeat(22);
const HOSPITAL = 'hospital-a';

function next(
  course: VisitCourse,
  step: StepCode,
  status: StepStatus,
  elsewhere = HOSPITAL,
  number = 1,
): VisitTask | undefined {
  const parties = { requester: HOSPITAL, owner: elsewhere };
  return nextVersion(course, {
    visit: VISIT,
    provider: HOSPITAL,
    step,
    number,
    ...parties,
    status,
    pid: PID,
    changedMs: 1_000,
  });
}

function after(course: VisitCourse, ...walk: readonly (readonly [StepCode, StepStatus, string?])[]): VisitCourse {
  return walk.reduce((before, [step, status, elsewhere]) => {
    const task = next(before, step, status, elsewhere);
    if (task === undefined) throw new Error(`${step} cannot be ${status}`);
    const received = receiveTask(before, task, fromOf(task, before));
    if (received.kind !== 'taken') throw new Error(`${step} ${status}: ${received.kind}`);
    return received.course;
  }, course);
}

function fromOf(task: VisitTask, course: VisitCourse): string {
  const known = course.get(`${task.step}.${task.number}`);
  const move = STEPS[task.step].moves[known?.status ?? 'none']?.find(({ to }) => to === task.status);
  return move?.by === 'owner' ? task.owner : task.requester;
}

const BEGUN = [
  ['appointment', 'requested'],
  ['appointment', 'completed'],
  ['consent', 'requested'],
  ['consultation', 'requested'],
  ['consent', 'completed'],
  ['consultation', 'in-progress'],
] as const;

it('walks from the reason for a visit to the dispensing, each phase in its turn', () => {
  let course = after(courseOf([]), ['appointment', 'requested']);
  expect(phaseOf(course)).toBe('asked');
  course = after(course, BEGUN[1], BEGUN[2], BEGUN[3]);
  expect(phaseOf(course)).toBe('booked');
  course = after(course, BEGUN[4]);
  expect(phaseOf(course)).toBe('agreed');
  course = after(course, BEGUN[5]);
  expect(phaseOf(course)).toBe('begun');
  course = after(
    course,
    ['laboratory-order', 'requested', 'laboratory'],
    ['laboratory-order', 'accepted', 'laboratory'],
    ['laboratory-order', 'completed', 'laboratory'],
    ['prescription', 'requested', 'pharmacy'],
    ['consultation', 'completed'],
  );
  expect(phaseOf(course)).toBe('closed');
  expect(isOver(course)).toBe(false);
  expect(isOver(after(course, ['prescription', 'completed', 'pharmacy']))).toBe(true);
});

it('is over for laboratory and pharmacy once their own task is settled', () => {
  const ordered = after(courseOf([]), ['laboratory-order', 'requested', 'laboratory']);
  expect(isOver(ordered)).toBe(false);
  for (const status of ['completed', 'rejected'] as const) {
    expect(isOver(after(ordered, ['laboratory-order', status, 'laboratory']))).toBe(true);
  }
});

it('takes the same task once, and nothing older than what it knows', () => {
  const first = next(courseOf([]), 'appointment', 'requested')!;
  const taken = receiveTask(courseOf([]), first, HOSPITAL);
  if (taken.kind !== 'taken') throw new Error(taken.kind);
  expect(receiveTask(taken.course, first, HOSPITAL)).toEqual({ kind: 'known' });
  const booked = next(taken.course, 'appointment', 'completed')!;
  const later = receiveTask(taken.course, booked, HOSPITAL);
  if (later.kind !== 'taken') throw new Error(later.kind);
  expect(receiveTask(later.course, first, HOSPITAL)).toEqual({ kind: 'known' });
});

it('refuses what somebody else than the party whose turn it is hands over', () => {
  const course = after(courseOf([]), ...BEGUN, ['laboratory-order', 'requested', 'laboratory']);
  const result = next(course, 'laboratory-order', 'completed', 'laboratory')!;
  for (const from of [HOSPITAL, 'pharmacy']) {
    expect(receiveTask(course, result, from)).toEqual({ kind: 'refused', why: 'not-theirs' });
  }
  const elsewhere = { ...result, owner: 'pharmacy' };
  expect(receiveTask(course, elsewhere, 'pharmacy')).toEqual({ kind: 'refused', why: 'not-theirs' });
  expect(receiveTask(course, result, 'laboratory').kind).toBe('taken');
});

it('refuses a task of another patient, of another owner, and of whoever is not the visit’s provider', () => {
  const refused = { kind: 'refused', why: 'not-theirs' };
  const ordered = after(courseOf([]), ['laboratory-order', 'requested', 'laboratory']);
  const order = ordered.get('laboratory-order.1')!;
  const stranger = 'C'.repeat(22);
  const second = { ...order, number: 2 };
  expect(receiveTask(ordered, second, HOSPITAL).kind).toBe('taken');
  for (const pid of [stranger, null]) {
    expect(receiveTask(ordered, { ...second, pid }, HOSPITAL)).toEqual(refused);
    expect(receiveTask(ordered, { ...order, pid, version: 2, status: 'cancelled' }, HOSPITAL)).toEqual(refused);
    expect(receiveTask(ordered, { ...order, pid, version: 2, status: 'accepted' }, 'laboratory')).toEqual(refused);
  }
  expect(receiveTask(ordered, { ...second, requester: 'hospital-b' }, 'hospital-b')).toEqual(refused);
  const moved = { ...order, version: 2, owner: 'pharmacy', status: 'accepted' as const };
  expect(receiveTask(ordered, moved, 'pharmacy')).toEqual(refused);
});

it('makes no version that nobody would read', () => {
  const ordered = after(courseOf([]), ['laboratory-order', 'requested', 'laboratory']);
  const order = ordered.get('laboratory-order.1')!;
  const last = (version: number): VisitCourse => new Map([['laboratory-order.1', { ...order, version }]]);
  expect(next(last(VERSION_MAX - 1), 'laboratory-order', 'accepted', 'laboratory')?.version).toBe(VERSION_MAX);
  expect(next(last(VERSION_MAX), 'laboratory-order', 'accepted', 'laboratory')).toBeUndefined();
});

it('takes nothing delivered that leaves no room for an answer', () => {
  const order = next(courseOf([]), 'laboratory-order', 'requested', 'laboratory')!;
  const text = (parts: VisitTask['parts']): string => JSON.stringify(visitTaskResource({ ...order, parts }));
  const part = { resourceType: 'ServiceRequest' };
  expect(parseDeliveredTask(text({ order: part }))).toMatchObject({ parts: { order: part } });
  const long = text({ order: { ...part, note: [{ text: 'é'.repeat(40_000) }] } });
  const many = text(Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`part-${at}`, part])));
  for (const tooMuch of [long, many]) {
    expect(parseVisitTask(tooMuch)).toBeDefined();
    expect(() => parseDeliveredTask(tooMuch)).toThrow('larger');
  }
  expect(parseDeliveredTask('{"resourceType":"ServiceRequest"}')).toBeUndefined();
});

it('refuses every status that does not follow from the one before', () => {
  const statuses: readonly StepStatus[] = [
    'requested',
    'accepted',
    'in-progress',
    'completed',
    'rejected',
    'cancelled',
  ];
  const begun = after(courseOf([]), ...BEGUN);
  let refused = 0;
  for (const step of STEP_CODES) {
    const known = begun.get(`${step}.1`);
    for (const status of statuses) {
      const allowed = (STEPS[step].moves[known?.status ?? 'none'] ?? []).some(({ to }) => to === status);
      expect(next(begun, step, status) !== undefined, `${step} ${status}`).toBe(allowed);
      if (allowed) continue;
      refused += 1;
      const forged = { ...next(courseOf([]), 'appointment', 'requested')!, step, status, version: 9 };
      expect(receiveTask(begun, forged, HOSPITAL).kind).toBe('refused');
    }
  }
  expect(refused).toBeGreaterThan(20);
});

it('begins nothing before it is booked, and orders nothing before it has begun', () => {
  const asked = after(courseOf([]), ['appointment', 'requested']);
  expect(next(asked, 'consultation', 'requested')).toBeUndefined();
  expect(next(asked, 'consent', 'requested')).toBeUndefined();
  const booked = after(asked, ['appointment', 'completed'], ['consultation', 'requested']);
  expect(next(booked, 'laboratory-order', 'requested', 'laboratory')).toBeUndefined();
  expect(next(booked, 'prescription', 'requested', 'pharmacy')).toBeUndefined();
});

it('lets what was rejected be asked again, as a new version of the same task', () => {
  const order = ['laboratory-order', 'requested', 'laboratory'] as const;
  const rejected = after(courseOf([]), ...BEGUN, order, ['laboratory-order', 'rejected', 'laboratory']);
  expect(movesOf(rejected, 'clinician').map(({ task, to }) => [task.step, to])).toContainEqual([
    'laboratory-order',
    'requested',
  ]);
  const again = after(rejected, order);
  expect(again.get('laboratory-order.1')).toMatchObject({ version: 3, status: 'requested' });
  expect(nextNumber(again, 'laboratory-order')).toBe(2);
});

it('offers each participant only the moves of their own side', () => {
  const asked = after(courseOf([]), ['appointment', 'requested']);
  const of = (who: Parameters<typeof movesOf>[1]) => movesOf(asked, who).map(({ to }) => to);
  expect([of('patient'), of('desk'), of('clinician'), of('laboratory')]).toEqual([
    ['cancelled'],
    ['completed', 'rejected'],
    [],
    [],
  ]);
});

it('survives the way as FHIR text, number literals too', () => {
  const task: VisitTask = {
    ...next(courseOf([]), 'laboratory-order', 'requested', 'laboratory')!,
    reason: 'no tube',
    parts: { result: { resourceType: 'Observation', valueQuantity: { value: JSON.rawJSON('5.40') } } },
  };
  const text = JSON.stringify(visitTaskResource(task));
  expect(text).toContain('5.40');
  const parsed = parseVisitTask(text);
  expect(JSON.stringify(parsed)).toBe(JSON.stringify({ ...parsed, ...task }));
});

it('takes no other resource for a task of a visit, and refuses one that contradicts itself', () => {
  expect(parseVisitTask('{"resourceType":"ServiceRequest"}')).toBeUndefined();
  const good = visitTaskResource(next(courseOf([]), 'appointment', 'requested')!);
  const wrong: object[] = [
    { status: 'draft' },
    { identifier: [{ system: 'urn:salus:visit-task', value: `${HOSPITAL}/${'C'.repeat(22)}/appointment.1` }] },
    { identifier: [{ system: 'urn:salus:visit-task', value: `${HOSPITAL}/${VISIT}/surgery.1` }] },
    { identifier: [{ system: 'urn:salus:visit-task', value: `${HOSPITAL}/${VISIT}/appointment.11` }] },
    { owner: { identifier: { system: 'urn:other', value: HOSPITAL } } },
    { for: { identifier: { system: 'urn:salus:pid', value: 'short' } } },
    { meta: { versionId: '0' } },
    { lastModified: 'soon' },
    { contained: [{ resourceType: 'Basic', id: '../x' }] },
  ];
  for (const change of wrong) {
    expect(() => parseVisitTask(JSON.stringify({ ...good, ...change })), JSON.stringify(change)).toThrow('visit');
  }
});
