import type { Json } from '@salus/crypto';
import { isResourceType, parseFhirJson, parseReference, type ResourceType, referencesAt } from '@salus/fhir';
import { EXPORT_LIFETIME_MS, type ExportJob, type ExportQuestion, RecordsError, sightOf } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../../http/problem.ts';
import * as schema from '../../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { requesterOf } from '../../subscriptions/requester.ts';
import { appOf, callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendProblem } from '../fhir-answer.ts';
import { demandKnown, type OperationQuery, oneOf, periodIn, typesIn } from './query.ts';
import { parseTypeFilters, type TypeFilter } from './type-filter.ts';

const PARAMETERS = ['_outputFormat', '_since', '_type', '_typeFilter'] as const;
const FORMATS: ReadonlySet<string> = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);
/** Members of a group that one export follows. */
const MEMBERS_MAX = 10_000;
const RETRY_AFTER_S = 1;
const JOB = { ...IN_BASE, job: schema.id };

interface InJob {
  readonly org: string;
  readonly job: string;
}

/** Bulk Data Access 2 (hl7.org/fhir/uv/bulkdata): kick-off at patient and group level, status and delete. */
export function addExport(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org'>; Querystring: OperationQuery }>({
    method: 'GET',
    url: '/:org/fhir/R4/Patient/$export',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('Starts an export of all patients’ records that the caller may see.', IN_BASE),
    handler: async (request, reply) => kickOff(node, request, reply, null),
  });
  app.route<{ Params: Pick<InPath, 'org' | 'id'>; Querystring: OperationQuery }>({
    method: 'GET',
    url: '/:org/fhir/R4/Group/:id/$export',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('Starts an export of the records of a group’s members.', { ...IN_BASE, id: schema.fhirId }),
    handler: async (request, reply) => kickOff(node, request, reply, await membersOf(node, request)),
  });
  app.route<{ Params: InJob }>({
    method: 'GET',
    url: '/:org/fhir/R4/$export-status/:job',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('How far an export is, and its files once it is done.', JOB),
    handler: async (request, reply) => {
      const { organisation, job } = await jobOf(node, request);
      return sendStatus(reply, organisation, job);
    },
  });
  app.route<{ Params: InJob }>({
    method: 'DELETE',
    url: '/:org/fhir/R4/$export-status/:job',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('Ends an export and removes its files.', JOB),
    handler: async (request, reply) => {
      const { organisation, job } = await jobOf(node, request);
      await organisation.exports.remove(job);
      return reply.code(202).send();
    },
  });
}

async function kickOff(
  node: Node,
  request: FastifyRequest<{ Params: Pick<InPath, 'org'>; Querystring: OperationQuery }>,
  reply: FastifyReply,
  patients: readonly string[] | null,
): Promise<FastifyReply> {
  if (!/(?:^|[\s,;])respond-async(?:$|[\s,;])/i.test(String(request.headers.prefer ?? ''))) {
    throw new ServerError('bad-request', 'An export is asynchronous: send Prefer: respond-async.');
  }
  const organisation = readHosted(node, request.params.org);
  const sight = sightOf(organisation.vault, callerOf(node, request));
  const { question, filters } = questionOf(request.query, patients);
  const asked = `${organisation.baseUrl}${request.url.slice(`/${organisation.slug}/fhir/R4`.length)}`;
  const job = await organisation.exports.start(sight, {
    request: asked,
    question,
    binding: appOf(request),
    requester: requesterOf(request) as unknown as Json,
    filters: parseTypeFilters(filters),
  });
  return reply.code(202).header('content-location', `${organisation.baseUrl}/$export-status/${job.jobId}`).send();
}

function questionOf(
  query: OperationQuery,
  patients: readonly string[] | null,
): { readonly question: ExportQuestion; readonly filters: readonly TypeFilter[] } {
  demandKnown(query, PARAMETERS);
  if (!FORMATS.has(oneOf(query, '_outputFormat')?.replace('fhir ', 'fhir+') ?? 'ndjson')) {
    throw new ServerError('bad-request', 'Exports are written as application/fhir+ndjson.');
  }
  const types = typesIn(query, '_type');
  const since = periodIn(query, '_since');
  const given = query._typeFilter ?? [];
  const filters = (typeof given === 'string' ? [given] : given).map(typeFilterOf);
  return {
    question: {
      patients,
      types: types === undefined ? null : [...types],
      sinceMs: since?.startMs ?? null,
      typeFilters: filters,
    },
    filters,
  };
}

function typeFilterOf(text: string): TypeFilter {
  const at = text.indexOf('?');
  const type = text.slice(0, Math.max(0, at));
  if (!isResourceType(type))
    throw new ServerError('bad-request', '_typeFilter is a type, a question mark and a query.');
  return { type, query: text.slice(at + 1) };
}

/** FHIR ids of a group's members, to whoever may read the group; who they see of it is decided by record. */
async function membersOf(
  node: Node,
  request: FastifyRequest<{ Params: Pick<InPath, 'org' | 'id'> }>,
): Promise<readonly string[]> {
  const { vault } = readHosted(node, request.params.org);
  const read = await vault.repository.read(callerOf(node, request), 'Group', request.params.id);
  switch (read.kind) {
    case 'refused':
      throw new RecordsError('denied', 'Your role, care relationship or the patient’s denial does not allow this.');
    case 'gone':
      throw new RecordsError('tombstoned', 'The resource is hidden or erased.');
    case 'not-found':
      throw new ServerError('not-found', 'There is no such group.');
    case 'found': {
      const group = parseFhirJson(read.text);
      const active = { member: listOfMembers(group.member) };
      const members = referencesAt(active as never, 'member.entity').flatMap((reference) => {
        const parsed = parseReference(reference);
        return parsed.kind === 'local' && parsed.type === 'Patient' ? [parsed.id] : [];
      });
      if (members.length > MEMBERS_MAX)
        throw new ServerError('bad-request', `A group has at most ${MEMBERS_MAX} members.`);
      return [...new Set(members)];
    }
  }
}

function listOfMembers(member: unknown): readonly unknown[] {
  return (Array.isArray(member) ? member : []).filter((entry) => (entry as { inactive?: unknown }).inactive !== true);
}

async function jobOf(
  node: Node,
  request: FastifyRequest<{ Params: InJob }>,
): Promise<{ readonly organisation: HostedOrganisation; readonly job: ExportJob }> {
  const organisation = readHosted(node, request.params.org);
  const { who } = sightOf(organisation.vault, callerOf(node, request));
  const job = await organisation.exports.find(who, request.params.job, appOf(request));
  if (job === undefined) throw new ServerError('not-found', 'You have no such export.');
  return { organisation, job };
}

function sendStatus(reply: FastifyReply, { baseUrl }: HostedOrganisation, job: ExportJob): FastifyReply {
  const { state, jobId, request, createdMs, transactionMs } = job;
  switch (state.kind) {
    case 'running':
      return reply.code(202).header('x-progress', 'in progress').header('retry-after', String(RETRY_AFTER_S)).send();
    case 'stopped':
      return sendProblem(
        reply,
        problem('denied', 'What you may see changed while the export ran; nothing of it is kept.'),
      );
    case 'failed':
      return sendProblem(reply, problem('export-failed', whyFailed(state.code)));
    case 'complete': {
      const output = state.files.map(({ type, name, count }) => ({
        type: type as ResourceType,
        url: `${baseUrl}/$export-file/${jobId}/${name}`,
        count,
      }));
      return reply
        .type('application/json; charset=utf-8')
        .header('expires', new Date(createdMs + EXPORT_LIFETIME_MS).toUTCString())
        .send(
          JSON.stringify({
            transactionTime: new Date(transactionMs).toISOString(),
            request,
            requiresAccessToken: true,
            output,
            error: [],
            // Attachments above what a line may hold: read such a resource, or its Binary, alone.
            extension: { skipped: state.skipped },
          }),
        );
    }
  }
}

function whyFailed(code: Extract<ExportJob['state'], { readonly kind: 'failed' }>['code']): string {
  if (code === 'damaged') return 'What was written of the export is missing or damaged: start it again.';
  if (code === 'interrupted') return 'The export was cut off and does not go on: start it again.';
  return 'The export broke: start it again.';
}
