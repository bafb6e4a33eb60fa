import { randomBytes, toBase64url } from '@salus/crypto';
import { parseFhirJson } from '@salus/fhir';
import { courseOf, type VisitCourse, visitTaskOf } from '@salus/fhir/visit';
import type { GrantChoice } from '@salus/wallet';
import type { DemonstrationStaff } from '../src/demonstration/consortium.ts';
import { admitPatient, firstWritten, linkPractitioner } from './admitted.ts';
import { type Answer, chapterAt, grantAccess, openTestServer, type TestPatient, type TestServer } from './hospital.ts';

export const PROVIDER = 'hospital-a';
const PLACES = [PROVIDER, 'laboratory', 'pharmacy'] as const;
type Place = (typeof PLACES)[number];

/** Who takes part, each logged in for themselves. */
export const STAFF = {
  desk: { account: 'a.desk', org: PROVIDER },
  clinician: { account: 'a.rossi', org: PROVIDER },
  laboratory: { account: 'lab.ivers', org: 'laboratory' },
  pharmacy: { account: 'ph.adeyemi', org: 'pharmacy' },
} as const;
export type Worker = keyof typeof STAFF;

/** A patient known at a hospital, a laboratory and a pharmacy, and the people who work there. */
export interface VisitPlace extends AsyncDisposable {
  readonly server: TestServer;
  readonly patients: Readonly<Record<Place, TestPatient>>;
  readonly tokens: Readonly<Record<Worker, string>>;
  readonly practitioner: string;
  /** A member of staff's side of the visit. */
  list(worker: Worker): Promise<readonly VisitSeen[]>;
  act(worker: Worker, visit: string, path: string, body?: object): Promise<Answer>;
  asPatient(method: 'GET' | 'POST', path: string, body?: object, at?: Place): Promise<Answer>;
  /** A grant of the patient's pid at one place to another place; its id. */
  grantTo(from: Place, to: Place, choice: Partial<GrantChoice>): Promise<string>;
  /** The four grants that let laboratory and pharmacy work for the visit. */
  agreements(): Promise<Readonly<Record<'laboratory' | 'pharmacy', AgreementBody>>>;
}

export interface AgreementBody {
  readonly organisation: string;
  readonly grant: string;
  readonly pid: string;
  readonly back: string;
}

export interface VisitSeen {
  readonly visit: string;
  readonly patient: string | null;
  readonly course: VisitCourse;
  readonly sent: readonly {
    readonly task: string;
    readonly delivery: string;
    readonly state: string;
    readonly code: string | null;
    readonly to: string;
  }[];
}

export function newVisitId(): string {
  return toBase64url(randomBytes(16));
}

export function seenIn(view: { readonly tasks: readonly string[] } & Omit<VisitSeen, 'course'>): VisitSeen {
  const { visit, patient, sent } = view;
  return { visit, patient, sent, course: courseOf(view.tasks.map((task) => visitTaskOf(parseFhirJson(task)))) };
}

/** `colleagues` work at the provider, too. */
export async function openVisitPlace(colleagues: readonly DemonstrationStaff[] = []): Promise<VisitPlace> {
  const server = await openTestServer([...PLACES], undefined, colleagues);
  const patients = {} as Record<Place, TestPatient>;
  let practitioner = '';
  for (const slug of PLACES) {
    const patient = await admitPatient(server, slug, chapterAt(slug, 7, 'diabetic-year'));
    patients[slug] = patient;
    if (slug === PROVIDER) practitioner = firstWritten(patient, 'Practitioner');
  }
  await linkPractitioner(server, { account: STAFF.clinician.account, practitioner });
  const tokens = {} as Record<Worker, string>;
  for (const worker of Object.keys(STAFF) as Worker[]) {
    tokens[worker] = await server.logIn(STAFF[worker].account, { writing: true });
  }
  const grantTo: VisitPlace['grantTo'] = async (from, to, choice) => {
    const reader = tokens[to === PROVIDER ? 'clinician' : (to as Worker)];
    const { grant, answer } = await grantAccess(server, patients[from], { to, reader, ...choice });
    if (answer.status !== 200) throw new Error(answer.text);
    return grant;
  };
  const agreementWith = async (
    organisation: 'laboratory' | 'pharmacy',
    sees: string,
    tells: string,
  ): Promise<AgreementBody> => ({
    organisation,
    grant: await grantTo(PROVIDER, organisation, { categories: [sees] }),
    pid: patients[organisation].pid,
    back: await grantTo(organisation, PROVIDER, { categories: [tells] }),
  });
  return {
    server,
    patients,
    tokens,
    practitioner,
    list: async (worker) => {
      const answer = await server.send('GET', `/api/v1/orgs/${STAFF[worker].org}/guided-visits`, {
        token: tokens[worker],
      });
      if (answer.status !== 200) throw new Error(answer.text);
      return answer.json.visits.map(seenIn);
    },
    act: (worker, visit, path, body = {}) =>
      server.send('POST', `/api/v1/orgs/${STAFF[worker].org}/guided-visits/${PROVIDER}/${visit}/${path}`, {
        token: tokens[worker],
        body,
      }),
    asPatient: (method, path, body, at = PROVIDER) =>
      server.send(method, `/api/v1/orgs/${at}/patient/visits${path}`, {
        token: patients[at].token,
        ...(body === undefined ? {} : { body }),
      }),
    grantTo,
    agreements: async () => ({
      laboratory: await agreementWith('laboratory', 'orders', 'laboratory'),
      pharmacy: await agreementWith('pharmacy', 'medication', 'medication'),
    }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
