import { type Category, pairIndex } from '@salus/fhir';
import { inOrder, partOf, type StepCode, taskKey, type VisitTask, visitTaskResource } from '@salus/fhir/visit';
import type { HomeDecision, RecordMeta, StoredRecord, Who } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { bookedPractitioner } from './provider-acts.ts';
import type { HandedOver, TakenOver, VisitDocument } from './visit-document.ts';
import { findPartRecord, isErased, partNames, placeOf, readPartOf } from './visit-parts.ts';

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
  /** Whoever stands there may open all of these of the patient's record here. */
  readonly categories: readonly Category[];
}

/** Who sees a visit, and from which side. */
export interface Seen {
  readonly who: Member;
  readonly side: Side;
}

const NORMAL = 'N';
const AT_PROVIDER: readonly Side[] = [
  {
    role: 'clinician',
    steps: ['appointment', 'consent', 'consultation', 'laboratory-order', 'prescription'],
    parts: 'all',
    categories: ['appointments', 'encounters', 'questionnaires', 'orders', 'laboratory', 'medication'],
  },
  {
    role: 'registrar',
    steps: ['appointment', 'consent', 'consultation'],
    parts: ['appointment'],
    categories: ['appointments'],
  },
];
const ELSEWHERE: readonly Side[] = [
  { role: 'laboratory', steps: ['laboratory-order'], parts: 'all', categories: ['orders', 'laboratory'] },
  { role: 'pharmacist', steps: ['prescription'], parts: 'all', categories: ['medication'] },
];

/** What was shown of this organisation's own record. */
export type ShownRecord = Pick<StoredRecord, 'recordId' | 'version'>;

/** The visit from a side, and which records it shows; without a side: the patient's own. */
export async function lookAt(
  organisation: HostedOrganisation,
  document: VisitDocument,
  seen?: Seen,
): Promise<{ readonly view: VisitView; readonly records: readonly ShownRecord[] }> {
  const { slug, vault } = organisation;
  const { provider, visit, pid, agreed } = document;
  const known = pid === null ? undefined : await vault.patients.findByPid(pid);
  const tasks = inOrder(document.course).filter(({ step }) => seen === undefined || seen.side.steps.includes(step));
  const keys = new Set(tasks.map(taskKey));
  const shown = await Promise.all(tasks.map((task) => narrowed(organisation, { document, task, seen })));
  const view = {
    ...{ provider, visit, organisation: slug, pid, agreed },
    patient: known === undefined ? null : `Patient/${known.fhirId}`,
    tasks: shown.map(({ task }) => JSON.stringify(visitTaskResource(task))),
    sent: document.sent.filter(({ task }) => keys.has(task)),
    received: document.received.filter(({ task }) => keys.has(task)),
  };
  const records = new Map(shown.flatMap((each) => each.records).map((record) => [record.recordId, record]));
  return { view, records: [...records.values()] };
}

/**
 * The task with those of its parts that the side shows. A part that stands in the record here is read from there, as long as
 * the record is there, neither hidden nor erased, and open to who asks, by the labels that it has now.
 */
async function narrowed(
  organisation: HostedOrganisation,
  {
    document,
    task,
    seen,
  }: { readonly document: VisitDocument; readonly task: VisitTask; readonly seen?: Seen | undefined },
): Promise<{ readonly task: VisitTask; readonly records: readonly ShownRecord[] }> {
  const { vault } = organisation;
  const names = partNames(document, task).filter(
    (name) => seen === undefined || seen.side.parts === 'all' || seen.side.parts.includes(name),
  );
  const parts: { [name: string]: VisitTask['parts'][string] } = {};
  const records: ShownRecord[] = [];
  for (const name of names) {
    const place = placeOf(document, task, name);
    const delivered = partOf(task, name);
    if (place === undefined) {
      if (delivered !== undefined && !(await isErased(organisation, task, name))) parts[name] = delivered;
      continue;
    }
    const record = await findPartRecord(organisation, place);
    if (record === undefined) continue;
    if (seen !== undefined && (await decide(vault, seen.who, record.meta)) !== 'allowed') continue;
    records.push({ recordId: record.recordId, version: record.version });
    parts[name] = await readPartOf(organisation, task, record);
  }
  return { task: { ...task, parts, leaves: {} }, records };
}

/**
 * From which side a member of staff sees a visit; undefined: not at all. The desk books for everybody; a clinician sees
 * the visits that the desk booked with them, as long as care and the patient's denials allow; laboratory and pharmacy
 * see what was sent to their organisation, which the patient's grant to all of it stands behind, but for whom the patient
 * has denied. `role`: from that one's side.
 */
export async function sideOf(
  organisation: HostedOrganisation,
  who: Member,
  document: VisitDocument,
  role?: string,
): Promise<Seen | undefined> {
  const isOpen = async (side: Side): Promise<boolean> =>
    (role === undefined || side.role === role) &&
    who.roles.includes(side.role) &&
    (await mayStand(organisation, { who, document, side }));
  for (const side of document.provider === organisation.slug ? AT_PROVIDER : ELSEWHERE) {
    if (await isOpen(side)) return { who, side };
  }
  return undefined;
}

async function mayStand(
  organisation: HostedOrganisation,
  { who, document, side }: { readonly who: Member; readonly document: VisitDocument; readonly side: Side },
): Promise<boolean> {
  const { pid, course } = document;
  if (pid === null) return false;
  if (side.role === 'clinician' && !(await isBookedWith(organisation, who, document))) return false;
  const isElsewhere = document.provider !== organisation.slug;
  if (isElsewhere && ![...course.values()].some(({ step }) => side.steps.includes(step))) return false;
  const decisions = await Promise.all(
    side.categories.map((category) =>
      decide(organisation.vault, who, { owner: `pid:${pid}`, pair: pairIndex(category, NORMAL) }),
    ),
  );
  // An order that was delivered is why whoever takes it up has the patient in care: until then nobody has.
  return decisions.every((each) => each === 'allowed' || (isElsewhere && each === 'relationship'));
}

async function isBookedWith({ vault }: HostedOrganisation, who: Member, document: VisitDocument): Promise<boolean> {
  const booked = bookedPractitioner(document);
  return booked !== undefined && (await vault.access.listPractitioners(who.id)).includes(booked);
}

type Decision = Extract<HomeDecision, { kind: 'denied' }>['reason'] | 'allowed';

async function decide(
  { access }: HostedOrganisation['vault'],
  who: Member,
  meta: Pick<RecordMeta, 'owner' | 'pair'>,
): Promise<Decision> {
  const decision = await access.decide(who, meta);
  return decision.kind === 'allowed' ? 'allowed' : decision.reason;
}
