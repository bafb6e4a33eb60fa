import {
  findMove,
  isSettled,
  type Participant,
  STEP_CODES,
  STEPS,
  type StepCode,
  type StepStatus,
} from './visit-step.ts';
import { TASKS_PER_STEP_MAX, taskKey, VERSION_MAX, type VisitTask } from './visit-task.ts';

/** The newest version of each task of a visit, by `taskKey`. */
export type VisitCourse = ReadonlyMap<string, VisitTask>;

export type Received =
  | { readonly kind: 'taken'; readonly course: VisitCourse }
  /** The same, or something older: what came twice does nothing new. */
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly why: 'not-theirs' | 'out-of-turn' };

export function courseOf(tasks: readonly VisitTask[]): VisitCourse {
  return new Map(tasks.map((task) => [taskKey(task), task]));
}

/** What a task that another participant handed over makes of the visit. `from`: the organisation whose node signed it. */
export function receiveTask(course: VisitCourse, task: VisitTask, from: string): Received {
  const known = course.get(taskKey(task));
  if (known !== undefined && task.version <= known.version) return { kind: 'known' };
  if (!isOfVisit(course, task)) return { kind: 'refused', why: 'not-theirs' };
  const move = findMove(task.step, known?.status, task.status);
  if (move === undefined) return { kind: 'refused', why: 'out-of-turn' };
  if (task[move.by] !== from) return { kind: 'refused', why: 'not-theirs' };
  if (!isInOrder(course, task.step)) return { kind: 'refused', why: 'out-of-turn' };
  return { kind: 'taken', course: new Map(course).set(taskKey(task), task) };
}

/** The visit's provider asks for everything in it, each task stays with its owner, and an owner knows one pid of the patient. */
function isOfVisit(course: VisitCourse, task: VisitTask): boolean {
  const known = course.get(taskKey(task));
  return (
    task.requester === task.provider &&
    (known === undefined || known.owner === task.owner) &&
    [...course.values()].every(
      ({ provider, owner, pid }) => provider === task.provider && (owner !== task.owner || pid === task.pid),
    )
  );
}

/** Nothing is ordered before the visit has begun, and nothing begins before it was booked. */
function isInOrder(course: VisitCourse, step: StepCode): boolean {
  const has = (code: StepCode, ...statuses: readonly StepStatus[]): boolean =>
    [...course.values()].some((task) => task.step === code && statuses.includes(task.status));
  switch (step) {
    case 'appointment':
      return true;
    case 'consent':
    case 'consultation':
      return has('appointment', 'completed');
    case 'laboratory-order':
    case 'prescription':
      // At the laboratory and the pharmacy the order is the first that they hear of the visit.
      return !course.has('appointment.1') || has('consultation', 'in-progress', 'completed');
  }
}

/** The next version of a task, or the first; undefined where nobody may take it there now. */
export function nextVersion(
  course: VisitCourse,
  change: Pick<
    VisitTask,
    'visit' | 'provider' | 'step' | 'number' | 'requester' | 'owner' | 'status' | 'pid' | 'changedMs'
  > & {
    readonly reason?: string;
    readonly parts?: VisitTask['parts'];
  },
): VisitTask | undefined {
  const known = course.get(taskKey(change));
  if (findMove(change.step, known?.status, change.status) === undefined || !isInOrder(course, change.step))
    return undefined;
  const version = (known?.version ?? 0) + 1;
  if (change.number > TASKS_PER_STEP_MAX || version > VERSION_MAX) return undefined;
  return {
    ...change,
    version,
    reason: change.reason ?? null,
    parts: { ...known?.parts, ...change.parts },
    ...(known?.leaves === undefined ? {} : { leaves: known.leaves }),
  };
}

/** Which number the next task of this kind has. */
export function nextNumber(course: VisitCourse, step: StepCode): number {
  return 1 + Math.max(0, ...[...course.values()].filter((task) => task.step === step).map(({ number }) => number));
}

/** What a participant can do now, task by task. */
export function movesOf(
  course: VisitCourse,
  participant: Participant,
): readonly { readonly task: VisitTask; readonly to: StepStatus }[] {
  return [...course.values()].flatMap((task) => {
    const { requester, owner, moves } = STEPS[task.step];
    return (moves[task.status] ?? [])
      .filter(({ by }) => (by === 'requester' ? requester : owner) === participant)
      .map(({ to }) => ({ task, to }));
  });
}

export type VisitPhase = 'asked' | 'booked' | 'agreed' | 'begun' | 'closed' | 'declined';

/** Where the visit stands, for whoever sees its tasks. */
export function phaseOf(course: VisitCourse): VisitPhase {
  const statusOf = (step: StepCode): StepStatus | undefined => course.get(`${step}.1`)?.status;
  const asked = statusOf('appointment');
  if (asked === 'rejected' || asked === 'cancelled') return 'declined';
  if (statusOf('consultation') === 'completed') return 'closed';
  if (statusOf('consultation') === 'in-progress') return 'begun';
  if (statusOf('consent') === 'completed') return 'agreed';
  return asked === 'completed' ? 'booked' : 'asked';
}

/** Is nothing of it left to anybody who sees these tasks? */
export function isOver(course: VisitCourse): boolean {
  const open = [...course.values()].some(({ step, status }) => step !== 'consent' && !isSettled(step, status));
  // Laboratory and pharmacy know their own task alone.
  if (!course.has('appointment.1')) return !open;
  const phase = phaseOf(course);
  return phase === 'declined' || (phase === 'closed' && !open);
}

/** The tasks in the order of the walk. */
export function inOrder(course: VisitCourse): readonly VisitTask[] {
  return [...course.values()].sort(
    (a, b) => STEP_CODES.indexOf(a.step) - STEP_CODES.indexOf(b.step) || a.number - b.number,
  );
}
