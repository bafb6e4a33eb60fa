import type { Page } from 'playwright-core';
import { choose, press, tick, write } from './by-keys.ts';
import { guardianLine, WARD_NAME } from './guardian-line.ts';
import type { PatientPerson, Stage } from './harness.ts';
import { authorisationOf, registerApp } from './smart-app.ts';

/** Whose side of the app a page is. */
export type Visitor =
  | 'nobody'
  | 'patient'
  | 'guardian'
  | 'doctor'
  | 'desk'
  | 'administrator'
  | 'laboratory'
  | 'pharmacist';

export interface PageOfApp {
  /** Its name in docs/screens. */
  readonly name: string;
  readonly visitor: Visitor;
  /** The route's whole pattern, as the areas have it: the list is compared with them. */
  readonly route: string;
  /** How a visitor gets there. */
  readonly open: (page: Page, place: Place) => Promise<void>;
}

export interface Place {
  readonly stage: Stage;
  readonly patient: PatientPerson;
  /** Who has claimed nothing, and for whom a guardian acts. */
  readonly ward: PatientPerson;
}

const at =
  (path: string) =>
  async (page: Page): Promise<void> => {
    await page.goto(path);
  };

function plain(visitor: Visitor, name: string, route: string): PageOfApp {
  return { name, visitor, route, open: at(route) };
}

/** The first link of the page whose address begins so. */
async function follow(page: Page, from: string, prefix: string): Promise<void> {
  await page.goto(from);
  const link = page.locator(`main a[href^="${prefix}"]`).first();
  await link.waitFor();
  const to = await link.getAttribute('href');
  await page.goto(to ?? from);
}

/** Every page of the app, as each visitor of the demonstration meets it. */
export const PAGES: readonly PageOfApp[] = [
  plain('nobody', 'home', '/'),
  plain('nobody', 'sign-in', '/start'),
  plain('nobody', 'sign-in-staff', '/start/staff'),
  plain('nobody', 'claim', '/patient/start'),
  plain('nobody', 'recover', '/patient/recover'),
  plain('nobody', 'join-device', '/patient/join'),
  plain('nobody', 'enrolment', '/join'),
  plain('nobody', 'check-certificate', '/verify'),
  plain('patient', 'patient-home', '/patient'),
  plain('patient', 'patient-code', '/patient/code'),
  plain('patient', 'devices', '/patient/devices'),
  plain('patient', 'record-timeline', '/patient/record'),
  plain('patient', 'record-problems', '/patient/record/problems'),
  plain('patient', 'record-medication', '/patient/record/medication'),
  plain('patient', 'record-results', '/patient/record/results'),
  {
    ...plain('patient', 'record-result-course', '/patient/record/results/:series'),
    open: (page) => follow(page, '/patient/record/results', '/patient/record/results/'),
  },
  plain('patient', 'record-documents', '/patient/record/documents'),
  plain('patient', 'record-take', '/patient/record/take'),
  plain('patient', 'record-links', '/patient/record/links'),
  plain('patient', 'record-card', '/patient/record/card'),
  {
    ...plain('patient', 'record-entry', '/patient/record/entry/:recordId'),
    open: (page) => follow(page, '/patient/record/problems', '/patient/record/entry/'),
  },
  plain('patient', 'access', '/patient/access'),
  plain('patient', 'access-requests', '/patient/access/requests'),
  plain('patient', 'access-disputes', '/patient/access/disputes'),
  plain('patient', 'access-guardians', '/patient/access/guardians'),
  plain('patient', 'access-give', '/patient/access/give'),
  { ...plain('patient', 'access-narrow', '/patient/access/narrow/:grant'), open: openNarrowing },
  plain('patient', 'access-home', '/patient/access/home'),
  plain('patient', 'access-log', '/patient/access/log'),
  { ...plain('patient', 'apps', '/patient/apps'), open: openLetIn },
  { ...plain('patient', 'app-asks', '/patient/apps/:code'), open: at('/patient/apps/none') },
  plain('patient', 'visits', '/visit'),
  plain('patient', 'visit-new', '/visit/new'),
  {
    ...plain('patient', 'visit', '/visit/:provider/:visit'),
    open: openVisit,
  },
  { ...plain('guardian', 'access-ward-record', '/patient/access/record'), open: openWard },
  plain('doctor', 'patients', '/clinician'),
  plain('doctor', 'emergency', '/clinician/emergency'),
  plain('doctor', 'incident', '/clinician/incident'),
  plain('doctor', 'corrections', '/clinician/disputes'),
  { ...plain('doctor', 'apps-staff', '/clinician/apps'), open: openStaffApps },
  ...chartPages(),
  plain('doctor', 'tasks', '/visit/tasks'),
  plain('desk', 'tasks-desk', '/visit/tasks'),
  {
    ...plain('desk', 'task', '/visit/tasks/:provider/:visit'),
    open: (page) => follow(page, '/visit/tasks', '/visit/tasks/hospital'),
  },
  plain('desk', 'guardians-desk', '/clinician/guardians'),
  {
    ...plain('desk', 'guardians-ward', '/clinician/guardians/:patient'),
    open: (page, { ward }) => at(chartOf(ward, '/clinician/guardians/:patient'))(page),
  },
  { ...plain('laboratory', 'tasks-laboratory', '/visit/tasks') },
  { ...plain('pharmacist', 'tasks-pharmacy', '/visit/tasks') },
  plain('administrator', 'steward-node', '/steward'),
  plain('administrator', 'steward-people', '/steward/people'),
  plain('administrator', 'steward-certificates', '/steward/certificates'),
  {
    ...plain('administrator', 'steward-certificate', '/steward/certificates/:fingerprint'),
    open: openCertificate,
  },
  plain('administrator', 'steward-members', '/steward/members'),
  plain('administrator', 'steward-ledger', '/steward/ledger'),
  {
    ...plain('administrator', 'steward-block', '/steward/ledger/blocks/:number'),
    open: (page) => follow(page, '/steward/ledger', '/steward/ledger/blocks/'),
  },
  {
    ...plain('administrator', 'steward-call', '/steward/ledger/calls/:callId'),
    open: async (page) => {
      await follow(page, '/steward/ledger', '/steward/ledger/blocks/');
      await follow(page, page.url(), '/steward/ledger/calls/');
    },
  },
  {
    ...plain('administrator', 'steward-fact', '/steward/ledger/facts/:key'),
    open: at(`/steward/ledger/facts/${encodeURIComponent('membership/roots/hospital-a')}`),
  },
  {
    ...plain('administrator', 'steward-subject', '/steward/ledger/subjects/:id'),
    open: (page, { patient }) => at(`/steward/ledger/subjects/${patient.at[0]?.pid ?? ''}`)(page),
  },
  plain('administrator', 'steward-safety', '/steward/safety'),
];

/** The first certificate of the list; where there is none yet, one is issued. */
async function openCertificate(page: Page): Promise<void> {
  const list = '/steward/certificates';
  await page.goto(list);
  await page.locator('main select option').nth(1).waitFor({ state: 'attached' });
  if ((await page.locator(`main a[href^="${list}/"]`).count()) > 0) return follow(page, list, `${list}/`);
  await choose(page.locator('main select'), 'a.rossi');
  await write(page.locator('main input').nth(0), 'Dr Chiara Rossi');
  await write(page.locator('main input').nth(1), 'hospital-a-1001');
  await press(page.locator('main button[type=submit]'));
  await page.waitForURL(`**${list}/*`);
}

/** A permission that the patient gave on the way. */
async function openNarrowing(page: Page): Promise<void> {
  const list = '/patient/access';
  await page.goto(`${list}/give`);
  await tick(page.locator('main fieldset input[type=checkbox]').first());
  await press(page.locator('main button').last());
  await page.waitForURL(`**${list}`);
  await follow(page, list, `${list}/narrow/`);
}

/** The apps of a patient, who has just let one in. */
async function openLetIn(page: Page, { stage }: Place): Promise<void> {
  const scope = 'launch/patient patient/*.rs';
  const app = await registerApp(stage, { name: 'Growth Chart', scope, purpose: 'PATRQT' });
  await page.goto(authorisationOf(stage, app).address);
  const code = await page.locator('code').innerText();
  await page.goto(`/patient/apps/${code}`);
  await press(page.getByRole('button', { name: 'Let it read' }));
  await page.waitForURL('**/patient/apps');
  await page.goto('/patient/apps');
  await page.getByRole('article', { name: 'Growth Chart' }).first().waitFor();
}

/** The apps of hospital A, to one of which the doctor has lent the name. */
async function openStaffApps(page: Page, { stage }: Place): Promise<void> {
  await registerApp(stage, { name: 'Pocket Record', scope: 'launch/patient patient/*.rs', purpose: 'PATRQT' });
  await registerApp(stage, { name: 'Ward Rounds', scope: 'openid fhirUser user/*.cruds', purpose: 'TREAT' });
  await registerApp(stage, { name: 'Wound Photos', scope: 'openid user/Media.cs', purpose: 'TREAT' });
  await page.goto('/clinician/apps');
  await press(page.getByRole('button', { name: 'Lend my name: Ward Rounds' }).first());
  await page.getByText('Writes under your name until').first().waitFor();
  await page.goto('/clinician/apps');
}

/** The documents of whom the guardian acts for, with one of them unfolded. */
async function openWard(page: Page): Promise<void> {
  await page.goto('/patient/access/record');
  await choose(page.locator('main select'), WARD_NAME);
  await press(page.locator('main details > summary').first());
}

/** The patient's first visit, which is asked for on the way. */
async function openVisit(page: Page): Promise<void> {
  await page.goto('/visit');
  await page.locator('main a[href="/visit/new"]').waitFor();
  await page.goto('/visit/new');
  await write(
    page.getByRole('textbox', { name: 'Your reason, in your own words' }),
    'Thirst and tiredness since spring',
  );
  await press(page.getByRole('button', { name: 'Next' }));
  await tick(page.getByRole('radio', { name: 'Hospital A' }));
  await press(page.getByRole('button', { name: 'Next' }));
  await press(page.getByRole('button', { name: 'Send to the desk' }));
  await page.waitForURL('**/visit/hospital-a/*');
}

function chartPages(): readonly PageOfApp[] {
  const parts = ['', 'results', 'all', 'course', 'write', 'elsewhere'];
  const chart = '/clinician/patient/:patient';
  return [
    { ...plain('doctor', 'chart-confirm', chart), open: (page, { patient }) => at(chartOf(patient, chart))(page) },
    ...parts.map((part) => {
      const route = part === '' ? chart : `${chart}/${part}`;
      const open = async (page: Page, { patient }: Place): Promise<void> => {
        await page.goto(chartOf(patient, route));
        // Before a chart opens, the doctor says that it is the person; the first button of the page is "yes".
        await press(page.locator('main button').first());
        await page.locator('main nav').waitFor();
      };
      return { ...plain('doctor', part === '' ? 'chart' : `chart-${part}`, route), open };
    }),
  ];
}

function chartOf({ at: places }: PatientPerson, route: string): string {
  const here = places.find(({ organisation }) => organisation === 'hospital-a');
  return route.replace(':patient', here?.fhirId ?? '');
}

const ACCOUNTS: { readonly [visitor in Exclude<Visitor, 'nobody' | 'patient' | 'guardian'>]: string } = {
  doctor: 'a.rossi',
  desk: 'a.desk',
  administrator: 'hospital-a.admin',
  laboratory: 'lab.ivers',
  pharmacist: 'ph.adeyemi',
};

/** The sign-in line of a visitor; undefined for nobody. */
export async function lineOf(visitor: Visitor, { stage, patient, ward }: Place): Promise<string | undefined> {
  if (visitor === 'nobody') return undefined;
  if (visitor === 'patient') return patient.device;
  if (visitor === 'guardian') return guardianLine(stage, { guardian: patient, ward });
  return stage.cast.staff.find(({ account }) => account === ACCOUNTS[visitor])?.device;
}
