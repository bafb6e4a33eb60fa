import type { Json } from '@salus/crypto';
import {
  courseOf,
  isOver,
  parseVisitTask,
  practitionerOf,
  taskKey,
  type VisitCourse,
  type VisitTask,
  visitTaskResource,
} from '@salus/fhir/visit';
import { KeyedLocks } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { withoutCopies } from './visit-parts.ts';

/** Visits that one organisation has open at a time. */
const VISITS_OPEN_MAX = 1_000;
/** Of them, those that take place at one other organisation. */
export const VISITS_OPEN_ELSEWHERE_MAX = 250;
/** Of them, those of one patient at one organisation. */
export const VISITS_OPEN_OF_PATIENT_MAX = 10;
/** Visits of one patient that are shown, the newest. */
const VISITS_OF_PATIENT_MAX = 50;

/** One version of a task on its way from here. */
export interface HandedOver {
  readonly task: string;
  readonly version: number;
  readonly to: string;
  /** Id of the delivery, which the audit log and the receiver's receipt name. */
  readonly delivery: string;
  /** From 0; a refused delivery goes again as the next. */
  readonly attempt: number;
  readonly state: 'pending' | 'delivered' | 'refused';
  readonly code: string | null;
  readonly atMs: number;
}

/** One version of a task that came from elsewhere. */
export interface TakenOver {
  readonly task: string;
  readonly version: number;
  readonly from: string;
  readonly delivery: string;
  readonly atMs: number;
}

/** The two grants that let one organisation work for a visit: what it may see, and what it may tell. */
export interface Agreement {
  readonly organisation: string;
  /** Of the patient's pid at the provider to that organisation. */
  readonly grant: string;
  /** The patient's pid there, and the grant of that pid back to the provider. */
  readonly pid: string;
  readonly back: string;
}

/** What an organisation knows of a visit; lies sealed in its own vault. */
export interface VisitDocument {
  readonly provider: string;
  readonly visit: string;
  /** The patient's pid here; null where the order named none that is known. */
  readonly pid: string | null;
  /** As kept, without the parts that stand in the record here. */
  readonly course: VisitCourse;
  /** By task: the names of those parts. */
  readonly recorded?: { readonly [task: string]: readonly string[] };
  readonly sent: readonly HandedOver[];
  readonly received: readonly TakenOver[];
  /** `<type>/<id>` of what was written here, by its name in the visit. */
  readonly written: { readonly [name: string]: string };
  /** `Practitioner/<id>` with whom it is booked. */
  readonly practitioner?: string;
  /** Where an order was taken up: the care relationship that rests on it, by the order's key. */
  readonly inCare?: { readonly [task: string]: string };
  /** When it began. */
  readonly begunMs: number | null;
  /** At the provider: what the patient agreed to on their own device. */
  readonly agreed: { readonly laboratory: Agreement | null; readonly pharmacy: Agreement | null };
}

export type VisitName = Pick<VisitDocument, 'provider' | 'visit'>;

type Kept = Omit<VisitDocument, 'course'> & { readonly tasks: readonly string[] };

export function newVisit(name: VisitName, pid: string | null): VisitDocument {
  const agreed = { laboratory: null, pharmacy: null };
  const nothing = { sent: [], received: [], written: {}, begunMs: null };
  return { provider: name.provider, visit: name.visit, pid, course: courseOf([]), ...nothing, agreed };
}

const locks = new KeyedLocks();

/** One act on the visits of an organisation at a time: each reads one, hands over, and keeps what became of it. */
export async function lockVisits<Result>({ vault }: HostedOrganisation, act: () => Promise<Result>): Promise<Result> {
  const release = await locks.acquire([vault.directory]);
  try {
    return await act();
  } finally {
    release();
  }
}

export async function findVisit({ vault }: HostedOrganisation, name: VisitName): Promise<VisitDocument | undefined> {
  const kept =
    (await vault.documents.find('visit', nameOf(name))) ?? (await vault.documents.find('visit-over', nameOf(name)));
  return kept === undefined ? undefined : open(kept);
}

/** Every open visit, the newest change first. */
export async function listVisits({ vault }: HostedOrganisation): Promise<readonly VisitDocument[]> {
  const kept = await vault.documents.list('visit');
  return kept.map(({ value }) => open(value)).sort((a, b) => changedMs(b) - changedMs(a));
}

/** The patient's own visits, the newest first; over or not. */
export async function listVisitsOf(organisation: HostedOrganisation, pid: string): Promise<readonly VisitDocument[]> {
  const names = await namesOf(organisation, pid);
  const found = await Promise.all(names.map((name) => findVisit(organisation, parseName(name))));
  return found.filter((visit) => visit !== undefined);
}

/** @throws ServerError `overloaded` for a new visit where too many are open: in all, elsewhere, or of the patient */
export async function keepVisit(organisation: HostedOrganisation, document: VisitDocument): Promise<void> {
  const { documents } = organisation.vault;
  const name = nameOf(document);
  const over = isOver(document.course) && document.sent.every(({ state }) => state === 'delivered');
  const kept = keptForm(document, over);
  if ((await documents.find('visit', name)) === undefined && !over) await demandRoom(organisation, document);
  await documents.put(over ? 'visit-over' : 'visit', name, kept);
  await documents.delete(over ? 'visit' : 'visit-over', name);
  if (document.pid === null) return;
  const names = await namesOf(organisation, document.pid);
  if (names.includes(name)) return;
  await documents.put('visits-of', document.pid, [name, ...names].slice(0, VISITS_OF_PATIENT_MAX));
}

/** As `withoutCopies` leaves it. */
function keptForm(document: VisitDocument, over: boolean): Json {
  const { course, ...rest } = withoutCopies(document, over);
  const tasks = [...course.values()].map((task) => JSON.stringify(visitTaskResource(task)));
  return { ...rest, tasks } satisfies Kept as unknown as Json;
}

export type KeptKind = 'visit' | 'visit-over';

/** A kept visit that holds what it need not, as earlier versions kept it, is kept anew; whether it was one. Under the lock. */
export async function rekeepVisit({ vault }: HostedOrganisation, kind: KeptKind, name: string): Promise<boolean> {
  const kept = await vault.documents.find(kind, name);
  if (kept === undefined) return false;
  const anew = keptForm(open(kept), kind === 'visit-over');
  const copies = (form: Json): number =>
    (form as unknown as Kept).tasks.reduce((sum, text) => sum + Object.keys(readTask(text).parts).length, 0);
  if (copies(anew) === copies(kept)) return false;
  await vault.documents.put(kind, name, anew);
  return true;
}

/** One patient, or one other organisation, leaves room for the others. */
async function demandRoom({ slug, vault }: HostedOrganisation, { provider, pid }: VisitDocument): Promise<void> {
  const open = (await vault.documents.list('visit')).map(({ value }) => value as unknown as Kept);
  const there = open.filter((kept) => kept.provider === provider);
  const own = there.filter((kept) => pid !== null && kept.pid === pid);
  const full =
    open.length >= VISITS_OPEN_MAX ||
    (provider !== slug && there.length >= VISITS_OPEN_ELSEWHERE_MAX) ||
    own.length >= VISITS_OPEN_OF_PATIENT_MAX;
  if (full) throw new ServerError('overloaded', 'Too many visits are open; some have to end first.');
}

async function namesOf({ vault }: HostedOrganisation, pid: string): Promise<readonly string[]> {
  return ((await vault.documents.find('visits-of', pid)) ?? []) as readonly string[];
}

function open(kept: Json): VisitDocument {
  const { tasks, ...rest } = kept as unknown as Kept;
  const course = courseOf(tasks.map(readTask));
  // A visit that was kept with its copies names the practitioner there alone.
  const practitioner = rest.practitioner ?? practitionerOf(course.get('appointment.1')?.parts.appointment);
  return { ...rest, course, ...(practitioner === undefined ? {} : { practitioner }) };
}

function readTask(text: string): VisitTask {
  const task = parseVisitTask(text);
  if (task === undefined) throw new ServerError('internal', 'A kept visit holds something that is no task.');
  return task;
}

function changedMs({ course }: VisitDocument): number {
  return Math.max(0, ...[...course.values()].map((task) => task.changedMs));
}

function nameOf({ provider, visit }: VisitName): string {
  return `${provider}/${visit}`;
}

function parseName(name: string): VisitName {
  const [provider = '', visit = ''] = name.split('/');
  return { provider, visit };
}

/** The newest version of a task; absent is `not-found`. */
export function readTaskOf({ course }: VisitDocument, key: string): VisitTask {
  const task = course.get(key);
  if (task === undefined) throw new ServerError('not-found', 'The visit has no such task.');
  return task;
}

export function withTask(document: VisitDocument, task: VisitTask): VisitDocument {
  return { ...document, course: new Map(document.course).set(taskKey(task), task) };
}
