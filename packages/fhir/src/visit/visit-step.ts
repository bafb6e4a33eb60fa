/** Who takes part in a visit; each sees the same steps from their side. */
export type Participant = 'patient' | 'desk' | 'clinician' | 'laboratory' | 'pharmacy';

/** The tasks of a visit (R4 §12.5 Task): each has one who asks, one who does it, and says what is to be done. */
export type StepCode = 'appointment' | 'consent' | 'consultation' | 'laboratory-order' | 'prescription';

/** Of `Task.status` (R4 §12.5.1), those that a visit uses. */
export type StepStatus = 'requested' | 'accepted' | 'in-progress' | 'completed' | 'rejected' | 'cancelled';

export interface Step {
  readonly requester: Participant;
  readonly owner: Participant;
  /** From each status: to which, and which side takes it there. */
  readonly moves: { readonly [from in StepStatus | 'none']?: readonly Move[] };
}

export interface Move {
  readonly to: StepStatus;
  readonly by: 'requester' | 'owner';
}

const ASK: readonly Move[] = [{ to: 'requested', by: 'requester' }];
const SETTLE: readonly Move[] = [
  { to: 'completed', by: 'owner' },
  { to: 'rejected', by: 'owner' },
];

/** What is asked of another organisation: it is taken up first, and what was rejected may be asked again. */
const ELSEWHERE: Step['moves'] = {
  none: ASK,
  requested: [{ to: 'accepted', by: 'owner' }, ...SETTLE, { to: 'cancelled', by: 'requester' }],
  accepted: SETTLE,
  rejected: ASK,
};

export const STEPS: { readonly [code in StepCode]: Step } = {
  appointment: {
    requester: 'patient',
    owner: 'desk',
    moves: { none: ASK, requested: [...SETTLE, { to: 'cancelled', by: 'requester' }] },
  },
  consent: { requester: 'desk', owner: 'patient', moves: { none: ASK, requested: SETTLE } },
  consultation: {
    requester: 'desk',
    owner: 'clinician',
    moves: {
      none: ASK,
      requested: [{ to: 'in-progress', by: 'owner' }],
      'in-progress': [{ to: 'completed', by: 'owner' }],
    },
  },
  'laboratory-order': { requester: 'clinician', owner: 'laboratory', moves: ELSEWHERE },
  prescription: { requester: 'clinician', owner: 'pharmacy', moves: ELSEWHERE },
};

export const STEP_CODES = Object.keys(STEPS) as readonly StepCode[];

const STATUSES: readonly string[] = [
  ...(['requested', 'accepted', 'in-progress', 'completed', 'rejected', 'cancelled'] satisfies StepStatus[]),
];

export function isStepCode(value: unknown): value is StepCode {
  return typeof value === 'string' && Object.hasOwn(STEPS, value);
}

export function isStepStatus(value: unknown): value is StepStatus {
  return typeof value === 'string' && STATUSES.includes(value);
}

/** The move that leads there, where there is one; `from` undefined: the task does not exist yet. */
export function findMove(code: StepCode, from: StepStatus | undefined, to: StepStatus): Move | undefined {
  return STEPS[code].moves[from ?? 'none']?.find((move) => move.to === to);
}

/** Nothing more can become of it. */
export function isSettled(code: StepCode, status: StepStatus): boolean {
  return status === 'rejected' || (STEPS[code].moves[status] ?? []).length === 0;
}
