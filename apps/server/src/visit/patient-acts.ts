import { type Answers, intakeQuestionnaire, proposedAppointment, questionnaireResponse } from '@salus/fhir/visit';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { demandAgreement, type OrderStep } from './agreement.ts';
import { type Acting, handOver } from './hand-over.ts';
import { type Agreement, findVisit, newVisit, type VisitDocument } from './visit-document.ts';

/** A wish lies ahead, and within a year. */
const WISH_AHEAD_MAX_MS = 366 * 24 * 60 * 60 * 1000;
const WISH_LATE_MAX_MS = 60 * 60 * 1000;

export interface Wish {
  /** Drawn by the patient's device: the same wish again finds itself. */
  readonly visit: string;
  readonly reason: string;
  readonly answers: Answers;
  readonly wishedMs: number;
}

/** "I need care": the reason, the answers and a wished time go to the desk. */
export async function askForVisit(acting: Acting, pid: string, wish: Wish): Promise<VisitDocument> {
  const { organisation, nowMs } = acting;
  const { visit, reason, answers, wishedMs } = wish;
  const name = { provider: organisation.slug, visit };
  const known = await findVisit(organisation, name);
  if (known !== undefined) return demandOwn(known, pid);
  if (wishedMs < nowMs - WISH_LATE_MAX_MS || wishedMs > nowMs + WISH_AHEAD_MAX_MS) {
    throw new ServerError('bad-request', 'The wished time lies ahead, within a year.');
  }
  return handOver(acting, newVisit(name, pid), {
    ...{ step: 'appointment', number: 1, status: 'requested' },
    parts: {
      appointment: proposedAppointment({ pid, reason, wishedMs, askedMs: nowMs }),
      questionnaire: intakeQuestionnaire(),
      response: questionnaireResponse({ answers, authoredMs: nowMs }),
    },
  });
}

/** What the patient's device has signed: which laboratory and which pharmacy may work for this visit. */
export async function agree(
  acting: Acting,
  document: VisitDocument,
  agreed: VisitDocument['agreed'],
): Promise<VisitDocument> {
  const { organisation } = acting;
  await demandWhole(organisation, document, agreed);
  return handOver(acting, { ...document, agreed }, { step: 'consent', number: 1, status: 'completed' });
}

async function demandWhole(
  organisation: HostedOrganisation,
  document: VisitDocument,
  { laboratory, pharmacy }: VisitDocument['agreed'],
): Promise<void> {
  const demand = async (agreement: Agreement | null, step: OrderStep): Promise<void> => {
    if (agreement !== null) await demandAgreement(organisation, document, { agreement, step });
  };
  await demand(laboratory, 'laboratory-order');
  await demand(pharmacy, 'prescription');
}

export async function cancel(acting: Acting, document: VisitDocument): Promise<VisitDocument> {
  return handOver(acting, document, { step: 'appointment', number: 1, status: 'cancelled' });
}

/** Another's visit is as unknown as none. */
export function demandOwn(document: VisitDocument | undefined, pid: string): VisitDocument {
  if (document?.pid !== pid) throw new ServerError('not-found', 'You have no such visit here.');
  return document;
}
