import { sightOf } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readerOf, readHosted } from '../node.ts';
import { type DescribedPerson, describedPerson, soughtOf } from './described-person.ts';
import { findPatients } from './find-patients.ts';
import { type PatientCard, patientCard } from './patient-card.ts';
import { type FitGrade, gradeOf, type SoughtPerson } from './patient-likeness.ts';
import { queryOf, showPatients } from './shown-patients.ts';

/** People shown for one question: whoever gets more says the birth date as well. */
const SHOWN_MAX = 10;
/** For each address: a hospital behind one gateway types much. */
const SEARCHES_PER_MINUTE = 600;
const { flag, id, list, object, oneOf } = schema;

interface Asked extends DescribedPerson {
  readonly pid?: string;
}

interface Answer {
  readonly patients: readonly { readonly card: PatientCard; readonly grade: FitGrade }[];
  readonly more: boolean;
}

/**
 * *Is this one of my patients?* What may be found is what the asker may open: a person who is not in the asker's care gets the
 * answer of one who was never here.
 */
export function addPatientSearch(app: FastifyInstance, node: Node): void {
  addRoute<{ org: string }, unknown, Asked>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patients/search',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'Patients whom the caller may see: by name (misspelt, without accents, in any order), birth date, telephone, identifier or pid; audited.',
    params: schema.org,
    body: object({ ...describedPerson, pid: id }, ['name', 'birthDate', 'phone', 'identifier', 'pid']),
    answer: object({
      patients: list(object({ card: patientCard, grade: oneOf(['exact', 'alike', 'remote']) }), SHOWN_MAX),
      more: flag,
    }),
    perMinute: SEARCHES_PER_MINUTE,
    handle: ({ params, body, request }) => search(node, params.org, body, request),
  });
}

async function search(node: Node, org: string, asked: Asked, request: FastifyRequest): Promise<Answer> {
  const { vault } = readHosted(node, org);
  const sight = sightOf(vault, readerOf(request));
  const found = await findPatients(vault.search, sight, await soughtBy(vault.patients, asked));
  const shown = await showPatients(vault, sight, {
    found: found.slice(0, SHOWN_MAX),
    query: queryOf('Patient/search', { ...asked }),
  });
  const patients = shown.map(({ found: { fit }, card }) => ({ card, grade: gradeOf(fit) }));
  return { patients, more: found.length > SHOWN_MAX };
}

interface Pids {
  findByPid(pid: string): Promise<{ readonly fhirId: string } | undefined>;
}

/** A pid that nobody has here leads to nobody, as one of somebody who may not be seen. */
async function soughtBy(patients: Pids, { pid, ...described }: Asked): Promise<SoughtPerson> {
  if (pid === undefined) return soughtOf(described);
  return { words: [], fhirId: (await patients.findByPid(pid))?.fhirId ?? pid };
}
