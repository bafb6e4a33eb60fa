import { movesOf, type Participant } from '@salus/fhir/visit';
import type { StaffSession } from '../session/index.ts';
import type { VisitView } from './visit-api.ts';

/** As whom a member of staff takes part in this visit. */
export function participantOf(
  { organisation, roles }: Pick<StaffSession, 'organisation' | 'roles'>,
  view: VisitView,
): Participant {
  if (view.provider !== organisation)
    return view.course.has('laboratory-order.1') && roles.includes('laboratory') ? 'laboratory' : 'pharmacy';
  return roles.includes('clinician') && view.course.has('consultation.1') ? 'clinician' : 'desk';
}

/** Is there something that this person can do now, other than taking back what others do? */
export function waitsFor(view: VisitView, participant: Participant): boolean {
  return movesOf(view.course, participant).some(({ to }) => to !== 'cancelled');
}
