import { CLINICAL_ROLES, EMERGENCY_REASONS } from '@salus/contracts';
import type { Sight, Who } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { type DescribedPerson, describedPerson, soughtOf } from './described-person.ts';
import { findPatients } from './find-patients.ts';
import { gradeOf } from './patient-likeness.ts';
import { noteSearch, queryOf } from './shown-patients.ts';

/** For each clinician: an emergency is rare, and every one of these is reviewed. */
const LOCATES_MAX = 10;
const WINDOW_MS = 3_600_000;
const WHOLE_DATE = 'YYYY-MM-DD'.length;
const { id, object, oneOf, org } = schema;

interface Asked extends DescribedPerson {
  readonly reason: (typeof EMERGENCY_REASONS)[number];
}

/**
 * Before the glass is broken: which pid does an unconscious person have here? It takes all that names the person, answers with
 * a pid and nothing else, and stands in the log of whoever was found; nobody and several get one answer.
 */
export function addEmergencyLocate(app: FastifyInstance, node: Node): void {
  const attempts = new AttemptLimit({ attemptsMax: LOCATES_MAX, windowMs: WINDOW_MS, nowMs: node.nowMs });
  addRoute<{ org: string }, unknown, Asked>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/emergencies/locate',
    access: { kind: 'session', who: ['staff'], roles: CLINICAL_ROLES },
    summary:
      'The pid of the one patient with this identifier, or this name and whole birth date, for an emergency; audited, seen by the patient.',
    params: org,
    body: object({ ...describedPerson, reason: oneOf(EMERGENCY_REASONS) }, [
      'name',
      'birthDate',
      'phone',
      'identifier',
    ]),
    answer: object({ pid: id }),
    handle: async ({ params, body: { reason, ...described }, request }) => {
      const { vault } = readHosted(node, params.org);
      const who = memberOf(request);
      attempts.count(`${params.org}/${who.id}`);
      const sought = soughtOf(described);
      if (sought.identifier === undefined && (sought.words.length < 2 || sought.birthDate?.length !== WHOLE_DATE)) {
        throw new ServerError('bad-request', 'Say an identifier, or family and given name with the whole birth date.');
      }
      const sight = locating(who);
      const query = queryOf('Patient/locate', { ...described, reason });
      const fits = (await findPatients(vault.search, sight, sought)).filter(({ fit }) => gradeOf(fit) !== 'remote');
      const [only] = fits;
      const known =
        only === undefined || fits.length > 1 ? undefined : await vault.patients.findByFhirId(only.record.meta.id);
      await noteSearch(vault, sight, { pid: known?.pid ?? null, query });
      if (known === undefined) throw new ServerError('not-found', 'This describes nobody here, or several.');
      return { pid: known.pid };
    },
  });
}

/** Sees who people are, of all, for as long as one question takes; shows none of it. */
function locating(who: Who & { readonly kind: 'member' }): Sight {
  return {
    who,
    purpose: 'ETREAT',
    grant: null,
    decide: async ({ type }) =>
      type === 'Patient' ? { kind: 'allowed', reason: 'emergency' } : { kind: 'denied', reason: 'role' },
    owners: async () => 'all',
    isByPair: true,
  };
}
