import { utf8 } from '@salus/crypto';
import {
  FAULT_STATUS,
  type FaultCode,
  faultText,
  OK_STATUS,
  REJECTED_STATUS,
  type Refusal,
  rejectedText,
} from '../wire.ts';
import type { Answer } from './invocation.ts';

const NOTHING = new Uint8Array(0);

/** An answer that is endorsed. */
export function endorse(payload: string): Answer {
  return { status: OK_STATUS, message: '', payload: utf8(payload) };
}

/** An answer that endorses nothing until these calls have left. */
export function reject(refusals: readonly Refusal[]): Answer {
  return { status: REJECTED_STATUS, message: rejectedText(refusals), payload: NOTHING };
}

/** An answer that endorses nothing; `call` is the index of the one that is to blame. */
export function fault(code: FaultCode, call?: number): Answer {
  return { status: FAULT_STATUS[code], message: faultText(code, call), payload: NOTHING };
}
