import { type Participant, STEPS, type VisitTask } from '@salus/fhir/visit';
import type { Way } from './visit-api.ts';

/** Who handed a version of a task to whom: by organisation, and in one house by whose turn that version was. */
export function sidesOf(
  { step, status, version, requester, owner }: VisitTask,
  way: Pick<Way, 'from' | 'version'>,
): { readonly from: Participant; readonly to: Participant } {
  const { requester: asks, owner: does } = STEPS[step];
  const isTakenBack = status === 'cancelled' && way.version === version;
  const byOwner = requester === owner ? way.version > 1 && !isTakenBack : way.from === owner;
  return byOwner ? { from: does, to: asks } : { from: asks, to: does };
}
