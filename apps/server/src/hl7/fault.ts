import { ServerError } from '../server-error.ts';

/** HL7 table 0008: application error (the content), application reject (the message as such, or the sender's rights). */
export type RefusalCode = 'AE' | 'AR';

/** Of HL7 table 0357, message error condition codes. */
export const CONDITIONS = {
  '100': 'Segment sequence error',
  '101': 'Required field missing',
  '102': 'Data type error',
  '103': 'Table value not found',
  '200': 'Unsupported message type',
  '201': 'Unsupported event code',
  '202': 'Unsupported processing id',
  '203': 'Unsupported version id',
  '204': 'Unknown key identifier',
  '205': 'Duplicate key identifier',
  '206': 'Application record locked',
  '207': 'Application internal error',
} as const;
export type Condition = keyof typeof CONDITIONS;

/** Why a message was not taken. Never holds a value of the message: acknowledgements end in senders' logs. */
export interface Fault {
  readonly acknowledgement: RefusalCode;
  readonly condition: Condition;
  /** As in ERR-2: `PID^1^3`; null where no place can be named. */
  readonly location: string | null;
  readonly text: string;
}

const faults = new WeakMap<ServerError, Fault>();

/** An error that refuses the message with this fault. */
export function refuseMessage(
  condition: Condition,
  text: string,
  {
    location = null,
    acknowledgement = 'AE',
  }: { readonly location?: string | null; readonly acknowledgement?: RefusalCode } = {},
): ServerError {
  const error = new ServerError('message-refused', text);
  faults.set(error, { acknowledgement, condition, location, text });
  return error;
}

/** The fault that an error stands for; undefined for every other error. */
export function findFault(error: unknown): Fault | undefined {
  return error instanceof ServerError ? faults.get(error) : undefined;
}
