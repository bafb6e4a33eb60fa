import type { AuditEvent } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, patientReaderOf, readHosted, writerOf } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { listClinicians, listOffers } from './clinicians.ts';
import { accept, dispense, reject, report } from './fulfilment-acts.ts';
import { type Acting, actOnVisit, handOverAgain, settleSent } from './hand-over.ts';
import { agree, askForVisit, cancel, demandOwn, type Wish } from './patient-acts.ts';
import { askAgain, begin, book, close, order, prescribe, type Working } from './provider-acts.ts';
import { takeOverAll } from './take-over.ts';
import { findVisit, listVisits, listVisitsOf, lockVisits, type VisitDocument } from './visit-document.ts';
import { lookAt, type Seen, sideOf, type VisitView } from './visit-view.ts';

const VIEWS_MAX = 200;
/** From one address. */
const WISHES_PER_MINUTE = 30;
const REASON_MAX = 500;
const ANSWER_MAX = 1_000;
const WORDS_MAX = 1_000;
const MEASURES_MAX = 20;
const TASK_LENGTH_MAX = 1_048_576;
const PATIENT = { kind: 'session', who: ['patient'] } as const;
const STAFF = {
  kind: 'session',
  who: ['staff'],
  roles: ['registrar', 'clinician', 'laboratory', 'pharmacist'],
} as const;

const { anything, flag, id, list, nullable, object, organisation, text } = schema;
const task = schema.matching('^[a-z-]{1,32}\\.[0-9]{1,2}$', 40);
const view = object({
  ...{ provider: organisation, visit: id, organisation, patient: nullable(text(80)), pid: nullable(id) },
  ...{
    tasks: list(text(TASK_LENGTH_MAX), 100),
    sent: list(anything, 1_000),
    received: list(anything, 1_000),
    agreed: anything,
  },
});
const staffPath = object({ org: schema.organisation, provider: organisation, visit: id });
const patientPath = object({ org: schema.organisation, visit: id });

interface InOrganisation {
  readonly org: string;
}
interface OfPatient extends InOrganisation {
  readonly visit: string;
}
interface OfStaff extends OfPatient {
  readonly provider: string;
}

/** The guided visit: each participant's side of the same tasks (docs/visit.md). */
export function addVisitRoutes(app: FastifyInstance, node: Node): void {
  addPatientSide(app, node);
  addStaffSide(app, node);
  addProviderActs(app, node);
  addFulfilment(app, node);
}

function addPatientSide(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/visits',
    access: PATIENT,
    summary:
      'The patient’s visits as this organisation knows them, the newest first, and what the organisation can be in one.',
    params: schema.org,
    answer: object({
      visits: list(view, VIEWS_MAX),
      offers: list(schema.oneOf(['visit', 'laboratory', 'pharmacy']), 3),
    }),
    handle: async ({ params, request }) => {
      const hosted = readHosted(node, params.org);
      await takeOverAll(hosted, node.nowMs());
      // What becomes of deliveries is kept, too: no act comes between reading a visit and keeping it.
      const settled = await lockVisits(hosted, async () => {
        const visits = await listVisitsOf(hosted, patientOf(request).pid);
        return Promise.all(visits.map((visit) => settleSent(hosted, visit)));
      });
      return {
        visits: await showPatient(hosted, request, settled),
        offers: await listOffers(hosted, node.nowMs()),
      };
    },
  });
  addRoute<InOrganisation, unknown, Wish>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/visits',
    access: PATIENT,
    perMinute: WISHES_PER_MINUTE,
    summary: 'Asks this organisation for a visit; the same visit again does nothing new.',
    params: schema.org,
    body: object({
      visit: id,
      reason: text(REASON_MAX, 1),
      answers: { type: 'object', maxProperties: 20, additionalProperties: { anyOf: [text(ANSWER_MAX), flag] } },
      wishedMs: schema.timeMs,
    }),
    answer: view,
    handle: async ({ body, request }) => {
      const acting = patientActing(node, request);
      const { organisation: hosted } = acting;
      const asked = await actOnVisit(hosted, (ready) =>
        askForVisit({ ...acting, ready }, patientOf(request).pid, body),
      );
      return showOne(hosted, request, asked);
    },
  });
  const patientAct = <Body>(
    path: string,
    summary: string,
    body: schema.JsonSchema,
    act: (acting: Acting, document: VisitDocument, body: Body) => Promise<VisitDocument>,
  ): void =>
    addRoute<OfPatient, unknown, Body>(app, {
      method: 'POST',
      url: `/api/v1/orgs/:org/patient/visits/:visit/${path}`,
      access: PATIENT,
      summary,
      params: patientPath,
      body,
      answer: view,
      handle: async ({ params, body: given, request }) => {
        const acting = patientActing(node, request);
        const { organisation: hosted } = acting;
        const done = await actOnVisit(hosted, async (ready) => {
          const name = { provider: params.org, visit: params.visit };
          const document = demandOwn(await findVisit(hosted, name), patientOf(request).pid);
          return act({ ...acting, ready }, document, given);
        });
        return showOne(hosted, request, done);
      },
    });
  const agreement = nullable(object({ organisation, grant: id, pid: id, back: id }));
  patientAct<VisitDocument['agreed']>(
    'agreement',
    'Names the grants that the patient’s device signed for laboratory and pharmacy; both halves must hold.',
    object({ laboratory: agreement, pharmacy: agreement }),
    agree,
  );
  patientAct('cancellation', 'Takes the wish back while nothing is booked.', object({}), (acting, document) =>
    cancel(acting, document),
  );
  patientAct<{ task: string }>(
    'hand-overs',
    'Sends again what did not arrive; nothing is doubled.',
    object({ task }),
    (acting, document, given) => handOverAgain(acting, document, given.task),
  );
}

/** Their own visits, once their look is in the log: a session that somebody stole is seen there. */
async function showPatient(
  hosted: HostedOrganisation,
  request: FastifyRequest,
  documents: readonly VisitDocument[],
): Promise<readonly VisitView[]> {
  const looks = await Promise.all(documents.map((document) => lookAt(hosted, document)));
  await noteLook(hosted, { who: patientReaderOf(request).who, purpose: 'PATRQT' }, looks);
  return looks.map(({ view }) => view);
}

async function showOne(
  hosted: HostedOrganisation,
  request: FastifyRequest,
  document: VisitDocument,
): Promise<VisitView | undefined> {
  return (await showPatient(hosted, request, [document]))[0];
}

function patientActing(node: Node, request: FastifyRequest): Omit<Acting, 'ready'> {
  const { organisation: slug } = patientOf(request);
  return { organisation: readHosted(node, slug), who: patientReaderOf(request).who, nowMs: node.nowMs() };
}

function addStaffSide(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/guided-visits',
    access: STAFF,
    summary: 'Open visits from the side of whoever asks; each one that is shown is in the audit log first.',
    params: schema.org,
    answer: object({ visits: list(view, VIEWS_MAX) }),
    handle: async ({ params, request }) => {
      const hosted = readHosted(node, params.org);
      const who = memberOf(request);
      await takeOverAll(hosted, node.nowMs());
      const looks = await lockVisits(hosted, () => lookThrough(hosted, who));
      await noteLook(hosted, { who, purpose: 'TREAT' }, looks);
      return { visits: looks.map(({ view }) => view) };
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/guided-visits/clinicians',
    access: { ...STAFF, roles: ['registrar'] },
    summary: 'With whom a visit can be booked.',
    params: schema.org,
    answer: object({ clinicians: list(object({ practitioner: text(80), name: text(200) }), VIEWS_MAX) }),
    handle: async ({ params, request }) => ({
      clinicians: await listClinicians(readHosted(node, params.org), memberOf(request), node.nowMs()),
    }),
  });
}

type Look = Awaited<ReturnType<typeof lookAt>>;

async function lookThrough(hosted: HostedOrganisation, who: ReturnType<typeof memberOf>): Promise<readonly Look[]> {
  const looks: Look[] = [];
  for (const document of await listVisits(hosted)) {
    const seen = await sideOf(hosted, who, document);
    if (seen === undefined) continue;
    looks.push(await lookAt(hosted, await settleSent(hosted, document), seen));
    if (looks.length >= VIEWS_MAX) break;
  }
  return looks;
}

/** A look is an event of each patient's before anything is shown; it names what of the record it shows. */
async function noteLook(
  { vault }: HostedOrganisation,
  { who, purpose }: Pick<AuditEvent, 'who' | 'purpose'>,
  looks: readonly Look[],
): Promise<void> {
  await Promise.all(
    [...Map.groupBy(looks, ({ view }) => view.pid)].map(([pid, own]) =>
      vault.audit.append({
        ...{ kind: 'search', atMs: vault.clock(), pid, who, purpose, outcome: 'ok' },
        ...{ grant: null, session: null, request: null },
        records: own.flatMap(({ records }) => records),
      }),
    ),
  );
}

interface StaffAct<Body> {
  readonly path: string;
  readonly summary: string;
  readonly role: string;
  readonly body: schema.JsonSchema;
  act(working: Working, document: VisitDocument, body: Body): Promise<VisitDocument>;
}

function addStaffAct<Body>(app: FastifyInstance, node: Node, { path, summary, role, body, act }: StaffAct<Body>): void {
  addRoute<OfStaff, unknown, Body>(app, {
    method: 'POST',
    url: `/api/v1/orgs/:org/guided-visits/:provider/:visit/${path}`,
    access: { ...STAFF, roles: role === 'any' ? STAFF.roles : [role] },
    summary,
    params: staffPath,
    body,
    answer: view,
    handle: async ({ params, body: given, request }) => {
      const hosted = readHosted(node, params.org);
      const who = memberOf(request);
      const sides: Seen[] = [];
      const done = await actOnVisit(hosted, async (ready) => {
        const document = await findVisit(hosted, params);
        // An act belongs to one role, and is done from its side: another side of the same person does not open it.
        const seen =
          document === undefined ? undefined : await sideOf(hosted, who, document, role === 'any' ? undefined : role);
        if (document === undefined || seen === undefined) throw new ServerError('not-found', 'You see no such visit.');
        const { task: named } = (given ?? {}) as { readonly task?: string };
        if (named !== undefined && !seen.side.steps.some((step) => named.startsWith(`${step}.`))) {
          throw new ServerError('not-found', 'You see no such task.');
        }
        sides.push(seen);
        const writer = writerOf(node, request);
        return act({ organisation: hosted, who, nowMs: node.nowMs(), ready, writer }, document, given);
      });
      const [side] = sides;
      if (side === undefined) throw new ServerError('not-found', 'You see no such visit.');
      const look = await lookAt(hosted, done, side);
      await noteLook(hosted, { who, purpose: 'TREAT' }, [look]);
      return look.view;
    },
  });
}

function addProviderActs(app: FastifyInstance, node: Node): void {
  addStaffAct<Parameters<typeof book>[2]>(app, node, {
    ...{ path: 'booking', role: 'registrar', act: book },
    summary: 'Books the visit with a clinician; the patient’s reason and wish are carried over.',
    body: object({
      practitioner: schema.matching('^Practitioner/[A-Za-z0-9.-]{1,64}$', 80),
      startMs: schema.timeMs,
      minutes: { type: 'integer', minimum: 5, maximum: 240 },
    }),
  });
  addStaffAct<{ reason: string }>(app, node, {
    ...{ path: 'refusal', role: 'registrar' },
    summary: 'Declines the wish for a visit, with the reason that the patient reads.',
    body: object({ reason: text(WORDS_MAX, 1) }),
    act: (working, document, { reason }) => reject(working, document, { task: 'appointment.1', reason }),
  });
  addStaffAct(app, node, {
    ...{ path: 'beginning', role: 'clinician', body: object({}), act: begin },
    summary: 'Begins the visit; the patient’s answers become part of the record.',
  });
  addStaffAct<Parameters<typeof order>[2]>(app, node, {
    ...{ path: 'orders', role: 'clinician', act: order },
    summary: 'Orders a test at the laboratory that the patient agreed to.',
    body: object({ test: text(20, 1), note: text(WORDS_MAX) }, ['note']),
  });
  addStaffAct<Parameters<typeof prescribe>[2]>(app, node, {
    ...{ path: 'prescriptions', role: 'clinician', act: prescribe },
    summary: 'Prescribes at the pharmacy that the patient agreed to.',
    body: object({
      medicine: text(20, 1),
      directions: text(WORDS_MAX, 1),
      quantity: { type: 'integer', minimum: 1, maximum: 1_000 },
    }),
  });
  addStaffAct<{ task: string }>(app, node, {
    ...{ path: 'requests', role: 'clinician', body: object({ task }) },
    summary: 'Asks again for what the other organisation rejected.',
    act: (working, document, given) => askAgain(working, document, given.task),
  });
  addStaffAct(app, node, {
    ...{ path: 'closing', role: 'clinician', body: object({}), act: close },
    summary: 'Ends the visit; results and medicines may still come.',
  });
}

function addFulfilment(app: FastifyInstance, node: Node): void {
  addStaffAct<{ task: string }>(app, node, {
    ...{ path: 'hand-overs', role: 'any', body: object({ task }) },
    summary: 'Sends again what did not arrive; nothing is doubled.',
    act: (working, document, given) => handOverAgain(working, document, given.task),
  });
  for (const role of ['laboratory', 'pharmacist']) {
    const name = role === 'laboratory' ? 'order' : 'prescription';
    addStaffAct<{ task: string }>(app, node, {
      ...{ path: `${name}-acceptance`, role, body: object({ task }) },
      summary: `Takes up the ${name}: the patient is in this person’s care for 30 days, or until it is sent back.`,
      act: (working, document, given) => accept(working, document, given.task),
    });
    addStaffAct<{ task: string; reason: string }>(app, node, {
      ...{ path: `${name}-rejection`, role, body: object({ task, reason: text(WORDS_MAX, 1) }) },
      summary: `Rejects the ${name}; who sent it reads why.`,
      act: reject,
    });
  }
  addStaffAct<Parameters<typeof report>[2]>(app, node, {
    ...{ path: 'results', role: 'laboratory', act: report },
    summary: 'Writes what was measured into the laboratory’s record and tells the provider.',
    body: object({ task, values: list(text(20, 1), MEASURES_MAX, 1), conclusion: text(WORDS_MAX) }, ['conclusion']),
  });
  addStaffAct<Parameters<typeof dispense>[2]>(app, node, {
    ...{ path: 'dispenses', role: 'pharmacist', act: dispense },
    summary: 'Hands over what the prescription says.',
    body: object({ task, lot: text(40) }, ['lot']),
  });
}
