import { type FhirTree, isTree, parsePeriod, parseSearch, type ResourceType } from '@salus/fhir';
import { openRecords, type Sight, type StoredRecord, sightOf, type Vault } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { textsIn, treesIn } from '../fhir/operations/match-score.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import type { FoundPatient } from './find-patients.ts';
import { type PatientCard, patientCard } from './patient-card.ts';
import { queryOf, showPatients } from './shown-patients.ts';

/** Visits of one person in one day. */
const VISITS_MAX = 100;
/** A day and what its change of clocks adds. */
const DAY_MS_MAX = 26 * 60 * 60 * 1000;
const SEARCHES_PER_MINUTE = 600;
const ENCOUNTERS = ['planned', 'arrived', 'triaged', 'in-progress', 'onleave'];
const APPOINTMENTS = ['pending', 'booked', 'arrived', 'checked-in'];
const { fhirId, list, nullable, object, oneOf, org, text, timeMs } = schema;

interface Day {
  readonly fromMs: string;
  readonly untilMs: string;
}

/** My patients today: encounters and appointments that name the member of staff, with whom they are about. */
export function addToday(app: FastifyInstance, node: Node): void {
  const visit = object({
    kind: oneOf(['encounter', 'appointment']),
    id: fhirId,
    status: text(32),
    startMs: nullable(timeMs),
    reason: nullable(text(2_000)),
    patient: patientCard,
  });
  addRoute<{ org: string }, Day>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patients/today',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'Encounters and appointments of the caller between two times (a day at most), with their patients; audited.',
    params: org,
    query: object({ fromMs: schema.digits, untilMs: schema.digits }),
    answer: object({ visits: list(visit, VISITS_MAX), practitioners: list(text(80), VISITS_MAX) }),
    perMinute: SEARCHES_PER_MINUTE,
    handle: async ({ params, query, request }) => {
      const { vault } = readHosted(node, params.org);
      const day = { fromMs: Number(query.fromMs), untilMs: Number(query.untilMs) };
      if (day.untilMs <= day.fromMs || day.untilMs - day.fromMs > DAY_MS_MAX) {
        throw new ServerError('bad-request', 'untilMs follows fromMs within a day.');
      }
      const practitioners = await vault.access.listPractitioners(memberOf(request).id);
      const sight = sightOf(vault, readerOf(request));
      return { visits: await visitsOf(vault, sight, { ...day, practitioners }), practitioners };
    },
  });
}

interface Visit {
  readonly kind: 'encounter' | 'appointment';
  readonly id: string;
  readonly status: string;
  readonly startMs: number | null;
  readonly reason: string | null;
  readonly patient: PatientCard;
}

interface FoundVisit extends Omit<Visit, 'patient'> {
  readonly record: StoredRecord;
  readonly patient: string;
}

async function visitsOf(
  vault: Vault,
  sight: Sight,
  asked: { readonly fromMs: number; readonly untilMs: number; readonly practitioners: readonly string[] },
): Promise<readonly Visit[]> {
  const query = queryOf('Patient/today', { fromMs: String(asked.fromMs), untilMs: String(asked.untilMs) });
  const found = asked.practitioners.length === 0 ? [] : await findVisits(vault, sight, asked);
  const patients = await patientsOf(vault, sight, [...new Set(found.map(({ patient }) => patient))]);
  const shown = await showPatients(vault, sight, { found: patients, query });
  const cards = new Map(shown.map(({ card }) => [card.fhirId, card]));
  const visits = found.flatMap(({ record, patient, ...visit }) => {
    const card = cards.get(patient);
    return card === undefined ? [] : [{ record, visit: { ...visit, patient: card } }];
  });
  await openRecords(vault, sight, { records: visits.map(({ record }) => record), kind: 'search' });
  return visits.map(({ visit }) => visit);
}

async function findVisits(
  vault: Vault,
  sight: Sight,
  {
    fromMs,
    untilMs,
    practitioners,
  }: { readonly fromMs: number; readonly untilMs: number; readonly practitioners: readonly string[] },
): Promise<readonly FoundVisit[]> {
  const dates = [
    ['date', `ge${new Date(fromMs).toISOString()}`],
    ['date', `lt${new Date(untilMs).toISOString()}`],
  ] as const;
  const actors = practitioners.join(',');
  const [encounters, appointments] = [
    await matchesOf(vault, sight, 'Encounter', [['participant', actors], ['status', ENCOUNTERS.join(',')], ...dates]),
    await matchesOf(vault, sight, 'Appointment', [['actor', actors], ['status', APPOINTMENTS.join(',')], ...dates]),
  ];
  const visits = [
    ...encounters.flatMap(({ record, tree }) => visitOf('encounter', record, tree)),
    ...appointments.flatMap(({ record, tree }) => visitOf('appointment', record, tree)),
  ];
  return visits.toSorted((left, right) => (left.startMs ?? 0) - (right.startMs ?? 0)).slice(0, VISITS_MAX);
}

function visitOf(kind: Visit['kind'], record: StoredRecord, tree: FhirTree): readonly FoundVisit[] {
  const patient =
    kind === 'encounter'
      ? subjectOf(tree.subject)
      : treesIn(tree.participant)
          .map(({ actor }) => subjectOf(actor))
          .find(Boolean);
  const [start] =
    kind === 'encounter' ? (isTree(tree.period) ? textsIn('start')(tree.period) : []) : textsIn('start')(tree);
  const reason = [tree.reasonCode, tree.serviceType].flatMap((value) => treesIn(value)).flatMap(wordsOfConcept)[0];
  const [status = ''] = textsIn('status')(tree);
  if (patient === undefined) return [];
  const startMs = start === undefined ? null : (parsePeriod(start)?.startMs ?? null);
  return [{ kind, id: record.meta.id, status, startMs, reason: reason ?? null, record, patient }];
}

function subjectOf(value: unknown): string | undefined {
  const [reference] = isTree(value) ? textsIn('reference')(value) : [];
  return /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(reference ?? '')?.[1];
}

function wordsOfConcept(concept: FhirTree): readonly string[] {
  return [...textsIn('text')(concept), ...treesIn(concept.coding).flatMap(textsIn('display'))];
}

async function patientsOf(
  vault: Vault,
  sight: Sight,
  ids: readonly string[],
): Promise<readonly Pick<FoundPatient, 'record' | 'tree'>[]> {
  return ids.length === 0 ? [] : matchesOf(vault, sight, 'Patient', [['_id', ids.join(',')]]);
}

async function matchesOf(
  { search }: Pick<Vault, 'search'>,
  sight: Sight,
  type: ResourceType,
  parameters: readonly (readonly [name: string, value: string])[],
): Promise<readonly Pick<FoundPatient, 'record' | 'tree'>[]> {
  const parsed = parseSearch(type, parameters, { strict: true });
  if (parsed.kind !== 'search') throw new ServerError('internal', `A search for ${type} is written wrongly.`);
  return search.match(sight, parsed.request, VISITS_MAX);
}
