import type { NodeSession } from '@salus/client';
import { parseFhirJson } from '@salus/fhir/parse';
import { courseOf, taskKey, type VisitCourse, type VisitTask, visitTaskOf } from '@salus/fhir/visit';

export interface Agreement {
  readonly organisation: string;
  readonly grant: string;
  readonly pid: string;
  readonly back: string;
}

export interface Agreed {
  readonly laboratory: Agreement | null;
  readonly pharmacy: Agreement | null;
}

/** One version of a task on its way from one organisation to another. */
export interface HandedOver {
  readonly task: string;
  readonly version: number;
  readonly to: string;
  readonly delivery: string;
  readonly state: 'pending' | 'delivered' | 'refused';
  readonly code: string | null;
  readonly atMs: number;
}

interface SentView {
  readonly provider: string;
  readonly visit: string;
  readonly organisation: string;
  readonly patient: string | null;
  readonly pid: string | null;
  readonly tasks: readonly string[];
  readonly sent: readonly HandedOver[];
  readonly agreed: Agreed;
}

/** A visit as one organisation shows it to one participant. */
export interface VisitView extends Omit<SentView, 'tasks'> {
  readonly course: VisitCourse;
}

/** What an organisation can be in a visit. */
export type Offer = 'visit' | 'laboratory' | 'pharmacy';

export interface VisitsAt {
  readonly visits: readonly VisitView[];
  readonly offers: readonly Offer[];
}

export function parseView({ tasks, ...view }: SentView): VisitView {
  return { ...view, course: courseOf(tasks.map((text) => visitTaskOf(parseFhirJson(text)))) };
}

export async function listOwnVisits({ api, organisation, token }: NodeSession): Promise<VisitsAt> {
  const path = `/api/v1/orgs/${organisation}/patient/visits`;
  const { visits, offers } = await api.send<{ visits: readonly SentView[]; offers: readonly Offer[] }>({
    ...{ method: 'GET', path, token },
  });
  return { visits: visits.map(parseView), offers };
}

export async function listStaffVisits({ api, organisation, token }: NodeSession): Promise<readonly VisitView[]> {
  const path = `/api/v1/orgs/${organisation}/guided-visits`;
  const { visits } = await api.send<{ visits: readonly SentView[] }>({ method: 'GET', path, token });
  return visits.map(parseView);
}

export async function patientAct(session: NodeSession, path: string, body: object): Promise<VisitView> {
  const { api, organisation, token } = session;
  const url = `/api/v1/orgs/${organisation}/patient/visits${path}`;
  return parseView(await api.send<SentView>({ method: 'POST', path: url, body, token }));
}

export async function staffAct(
  { api, organisation, token }: NodeSession,
  { provider, visit }: Pick<VisitView, 'provider' | 'visit'>,
  { path, body }: { readonly path: string; readonly body: object },
): Promise<VisitView> {
  const url = `/api/v1/orgs/${organisation}/guided-visits/${provider}/${visit}/${path}`;
  return parseView(await api.send<SentView>({ method: 'POST', path: url, body, token }));
}

export interface Clinician {
  readonly practitioner: string;
  readonly name: string;
}

export async function listClinicians({ api, organisation, token }: NodeSession): Promise<readonly Clinician[]> {
  const path = `/api/v1/orgs/${organisation}/guided-visits/clinicians`;
  return (await api.send<{ clinicians: readonly Clinician[] }>({ method: 'GET', path, token })).clinicians;
}

/** A visit as its patient sees it: what each organisation that takes part knows, in one. */
export interface OwnVisit {
  readonly provider: string;
  readonly visit: string;
  readonly course: VisitCourse;
  readonly agreed: Agreed;
  readonly ways: readonly Way[];
}

/** A hand-over with the organisation from which it went. */
export interface Way extends HandedOver {
  readonly from: string;
}

/**
 * Joins the views of all organisations by visit; of each task the newest version that anybody knows, with the parts that any
 * of them still has: what was handed over stands, once the visit is over, with whoever wrote it alone.
 */
export function joinVisits(views: readonly VisitView[]): readonly OwnVisit[] {
  const groups = new Map<string, VisitView[]>();
  for (const view of views) {
    const name = `${view.provider}/${view.visit}`;
    groups.set(name, [...(groups.get(name) ?? []), view]);
  }
  return [...groups.values()].map(joinOne).sort((left, right) => askedMs(right.course) - askedMs(left.course));
}

function joinOne(views: readonly VisitView[]): OwnVisit {
  const [first] = views as readonly [VisitView, ...VisitView[]];
  const tasks = new Map<string, VisitTask>();
  for (const task of views.flatMap(({ course }) => [...course.values()])) {
    const known = tasks.get(taskKey(task));
    if (known === undefined || known.version < task.version) tasks.set(taskKey(task), task);
    else if (known.version === task.version) {
      tasks.set(taskKey(task), { ...known, parts: { ...task.parts, ...known.parts } });
    }
  }
  const home = views.find(({ organisation, provider }) => organisation === provider) ?? first;
  const { provider, visit, agreed } = home;
  return { provider, visit, agreed, course: courseOf([...tasks.values()]), ways: views.flatMap(waysOf) };
}

export function waysOf({ organisation, sent }: VisitView): readonly Way[] {
  return sent.map((way) => ({ ...way, from: organisation }));
}

function askedMs(course: VisitCourse): number {
  return Math.max(0, ...[...course.values()].map(({ changedMs }) => changedMs));
}
