import { REGISTERING_ROLES } from '@salus/contracts';
import { MOVED_MAX, type PatientsCall } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted, writerOf } from '../node.ts';

const { count, fhirId, hash, list, nullable, object, org } = schema;
const MERGED_MAX = 20_000;

interface InOrganisation {
  readonly org: string;
}

/** Wrong patient, and one patient twice: what the desk puts right (ADR 0011). */
export function addMergeRoutes(app: FastifyInstance, node: Node): void {
  const desk = { kind: 'session', who: ['staff'], roles: REGISTERING_ROLES } as const;
  const inPath = object({ org: schema.organisation, fhirId });
  addRoute<InOrganisation, unknown, { resources: readonly { type: string; id: string }[]; to: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/moves',
    access: desk,
    summary:
      'Moves records that stand at the wrong patient: they are hidden there, stay provable, and go on at the right one; both patients see it in their logs.',
    params: org,
    body: object({ resources: list(object({ type: schema.resourceType, id: fhirId }), MOVED_MAX, 1), to: fhirId }),
    answer: object({ move: schema.id, callId: nullable(hash), records: count }),
    handle: async ({ params, body: { resources, to }, request }) => {
      const { moves } = readHosted(node, params.org).vault;
      const { id, callId, records } = await moves.move(writerOf(node, request), resources, to);
      return { move: id, callId, records: records.length };
    },
  });
  const call = { call: schema.signedCall, privateArgs: schema.privateArgs };
  const merged = object({ fhirId, into: fhirId, records: schema.count });
  addRoute<InOrganisation & { fhirId: string }, unknown, { into: string } & Partial<PatientsCall>>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patients/:fhirId/merge',
    access: desk,
    summary:
      'Merges a second registration of a patient into the one that goes on; once the pid is claimed only with the patient’s own signed patient.merge.',
    params: inPath,
    body: object({ into: fhirId, ...call }, ['call', 'privateArgs']),
    answer: merged,
    handle: async ({ params, body: { into, ...given }, request }) => {
      const { merges } = readHosted(node, params.org).vault;
      const facts = await merges.merge(writerOf(node, request), { fhirId: params.fhirId, into, ...signedOf(given) });
      return { fhirId: facts.fhirId, into: facts.survivorFhirId, records: Math.min(facts.records.length, MERGED_MAX) };
    },
  });
  addRoute<InOrganisation & { fhirId: string }, unknown, Partial<PatientsCall>>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patients/:fhirId/unmerge',
    access: desk,
    summary:
      'Takes a merge back: what came with it goes back; once the pid is claimed with the patient’s own signed call.',
    params: inPath,
    body: object(call, ['call', 'privateArgs']),
    answer: merged,
    handle: async ({ params, body, request }) => {
      const { merges } = readHosted(node, params.org).vault;
      const facts = await merges.unmerge(writerOf(node, request), { fhirId: params.fhirId, ...signedOf(body) });
      return { fhirId: facts.fhirId, into: facts.survivorFhirId, records: Math.min(facts.records.length, MERGED_MAX) };
    },
  });
}

function signedOf({ call, privateArgs }: Partial<PatientsCall>): { readonly signed?: PatientsCall } {
  if (call === undefined) return {};
  return { signed: { call, ...(privateArgs === undefined ? {} : { privateArgs }) } };
}
