import { pairIndex } from '@salus/fhir';
import { inOrder, type StepCode, type VisitTask, visitTaskResource } from '@salus/fhir/visit';
import type { Who } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { bookedPractitioner } from './provider-acts.ts';
import type { HandedOver, TakenOver, VisitDocument } from './visit-document.ts';

/** A visit as one participant sees it. */
export interface VisitView {
  readonly provider: string;
  readonly visit: string;
  readonly organisation: string;
  /** `Patient/<id>` at this organisation. */
  readonly patient: string | null;
  readonly pid: string | null;
  /** FHIR Tasks as text, so that numbers stay as written; each in its newest version. */
  readonly tasks: readonly string[];
  readonly sent: readonly HandedOver[];
  readonly received: readonly TakenOver[];
  readonly agreed: VisitDocument['agreed'];
}

type Member = Who & { readonly kind: 'member' };

/** What each role sees of a visit's tasks, and which parts of them. */
interface Side {
  readonly role: string;
  readonly steps: readonly StepCode[];
  readonly parts: 'all' | readonly string[];
}

const DESK: Side = { role: 'registrar', steps: ['appointment', 'consent', 'consultation'], parts: ['appointment'] };
const CLINICIAN: Side = {
  role: 'clinician',
  steps: ['appointment', 'consent', 'consultation', 'laboratory-order', 'prescription'],
  parts: 'all',
};
const ELSEWHERE: readonly Side[] = [
  { role: 'laboratory', steps: ['laboratory-order'], parts: 'all' },
  { role: 'pharmacist', steps: ['prescription'], parts: 'all' },
];

export async function viewOf(
  { slug, vault }: HostedOrganisation,
  document: VisitDocument,
  side?: Side,
): Promise<VisitView> {
  const { provider, visit, pid, agreed } = document;
  const known = pid === null ? undefined : await vault.patients.findByPid(pid);
  const tasks = inOrder(document.course).filter(({ step }) => side === undefined || side.steps.includes(step));
  const seen = new Set(tasks.map(({ step, number }) => `${step}.${number}`));
  return {
    ...{ provider, visit, organisation: slug, pid, agreed },
    patient: known === undefined ? null : `Patient/${known.fhirId}`,
    tasks: tasks.map((task) => JSON.stringify(visitTaskResource(narrowed(task, side)))),
    sent: document.sent.filter(({ task }) => seen.has(task)),
    received: document.received.filter(({ task }) => seen.has(task)),
  };
}

function narrowed(task: VisitTask, side: Side | undefined): VisitTask {
  if (side === undefined || side.parts === 'all') return task;
  const { parts } = side;
  return { ...task, parts: Object.fromEntries(Object.entries(task.parts).filter(([name]) => parts.includes(name))) };
}

/**
 * From which side a member of staff sees a visit; undefined: not at all. The desk books for everybody; a clinician sees
 * the visits that the desk booked with them, as long as care and the patient's denials allow; laboratory and pharmacy
 * see what was sent to their organisation.
 */
export async function sideOf(
  organisation: HostedOrganisation,
  who: Member,
  document: VisitDocument,
): Promise<Side | undefined> {
  if (document.provider !== organisation.slug) {
    const held = new Set([...document.course.values()].map(({ step }) => step));
    return ELSEWHERE.find(({ role, steps }) => who.roles.includes(role) && steps.some((step) => held.has(step)));
  }
  if (who.roles.includes(CLINICIAN.role) && (await isBookedWith(organisation, who, document))) return CLINICIAN;
  if (who.roles.includes(DESK.role) && (await mayOpen(organisation, who, document, 'appointments'))) return DESK;
  return undefined;
}

async function isBookedWith(organisation: HostedOrganisation, who: Member, document: VisitDocument): Promise<boolean> {
  const booked = bookedPractitioner(document);
  if (booked === undefined) return false;
  const own = await organisation.vault.access.listPractitioners(who.id);
  return own.includes(booked) && (await mayOpen(organisation, who, document, 'encounters'));
}

async function mayOpen(
  { vault }: HostedOrganisation,
  who: Member,
  { pid }: VisitDocument,
  category: 'appointments' | 'encounters',
): Promise<boolean> {
  if (pid === null) return false;
  const pair = pairIndex(category, 'N');
  return (await vault.access.decide(who, { owner: `pid:${pid}`, pair })).kind === 'allowed';
}
