import { Readable } from 'node:stream';
import type { OpenedTerms, SignedCall } from '@salus/contracts';
import { PAIRS } from '@salus/fhir';
import { FETCH_RECORDS_MAX } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { staffOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { FHIR_TYPE } from '../http/server.ts';
import { type HostedOrganisation, memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { readOwnPid } from '../own-pid.ts';
import { ServerError } from '../server-error.ts';
import { showDispute, shownDispute } from './disputes.ts';
import { pageSize } from './ledger.ts';

const RECORDS_PAGE_MAX = 1_000;
const REFERENCE = '^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}$';
const ANCESTORS_MAX = 8;
const DISPUTES_MAX = 500;
const STAFF = { kind: 'session', who: ['staff'] } as const;

const { id, object } = schema;
const session = schema.hash;
const openedTerms = object({ terms: schema.anyObject, salt: schema.hash });
const released = object({
  recordId: id,
  version: schema.count,
  type: schema.resourceType,
  category: schema.category,
  labelClass: schema.labelClass,
  dataFromMs: schema.nullable(schema.anything),
  dataToMs: schema.nullable(schema.anything),
});
const pair = object({
  category: schema.category,
  labelClass: schema.labelClass,
  released: schema.count,
  withheld: schema.count,
  ended: schema.count,
  state: schema.oneOf(['complete', 'narrowed']),
});

interface InOrganisation {
  readonly org: string;
}
interface InSession extends InOrganisation {
  readonly session: string;
}
interface OpenReading {
  readonly author: string;
  readonly call: SignedCall;
  readonly chain: readonly string[];
  readonly token: OpenedTerms | null;
  readonly ancestors?: readonly OpenedTerms[];
  /** FHIR id of the organisation's own Patient who is the same person. */
  readonly patient?: string;
}

/** Reading at another organisation under a patient's grant: one signed request opens one session for one person. */
export function addReadRoutes(app: FastifyInstance, node: Node): void {
  addOpening(app, node);
  addChart(app, node);
  addReleases(app, node);
  addAttachments(app, node);
  addStatements(app, node);
}

function addOpening(app: FastifyInstance, node: Node): void {
  const body = object(
    {
      author: schema.organisation,
      call: schema.signedCall,
      chain: schema.chain,
      token: schema.nullable(openedTerms),
      ancestors: schema.list(openedTerms, ANCESTORS_MAX),
      patient: schema.fhirId,
    },
    ['ancestors', 'patient'],
  );
  const answer = object({ session, untilMs: schema.timeMs });
  const open = async (org: string, given: OpenReading, request: Parameters<typeof staffOf>[0]) => {
    const { author, call, chain, token, ancestors = [] } = given;
    const reader = memberOf(request);
    if (call.payload.signer !== `id:${reader.id}`) {
      throw new ServerError('not-permitted', 'The request is signed by somebody else than who is logged in.');
    }
    const { exchange, vault } = readHosted(node, org);
    const { patient } = given;
    const ownPid = patient === undefined ? null : await readOwnPid(vault, readerOf(request), patient);
    return exchange.reader.open({ author, reader, request: call, chain, token, ancestors, ownPid });
  };
  addRoute<InOrganisation, unknown, OpenReading>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/reads',
    access: STAFF,
    summary: 'Uses a grant: the reader’s signed consent.useRequest opens one session of at most 15 minutes.',
    params: schema.org,
    body,
    answer,
    handle: ({ params, body: given, request }) => open(params.org, given, request),
  });
  addRoute<InOrganisation, unknown, OpenReading>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/emergencies',
    access: STAFF,
    summary:
      'Breaks the glass: the reader’s signed consent.emergencyRequest, shown to the patient at once and reviewed later.',
    params: schema.org,
    body,
    answer,
    handle: ({ params, body: given, request }) => open(params.org, given, request),
  });
}

function addChart(app: FastifyInstance, node: Node): void {
  addRoute<InSession, { category?: string; after?: string; limit?: string; fresh?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/reads/:session/records',
    access: STAFF,
    summary: 'What the session may read, proven complete against the ledger; `pairs` counts what is withheld.',
    params: object({ org: schema.organisation, session }),
    query: object({ category: schema.category, after: id, limit: schema.digits, fresh: schema.oneOf(['1']) }, [
      'category',
      'after',
      'limit',
      'fresh',
    ]),
    answer: object({
      records: schema.list(released, RECORDS_PAGE_MAX),
      pairs: schema.list(pair, 1_000),
      next: schema.nullable(id),
    }),
    handle: async ({ params, query, request }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const chart = await reader.chart(params.session, { fresh: query.fresh === '1' });
      const size = pageSize(query.limit, 200, RECORDS_PAGE_MAX);
      const listed = [...chart.records.values()]
        .map(({ recordId, version, type, dataFromMs, dataToMs, pair: index }) => {
          const { category = '', labelClass = '' } = PAIRS[index] ?? {};
          return { recordId, version, type, category, labelClass, dataFromMs, dataToMs };
        })
        .filter((record) => query.category === undefined || record.category === query.category)
        .sort((left, right) => (left.recordId < right.recordId ? -1 : 1))
        .filter(({ recordId }) => query.after === undefined || recordId > query.after);
      const records = listed.slice(0, size);
      return { records, pairs: chart.pairs, next: listed.length > size ? (records.at(-1)?.recordId ?? null) : null };
    },
  });
}

function addReleases(app: FastifyInstance, node: Node): void {
  addRoute<InSession & { recordId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/reads/:session/records/:recordId',
    access: STAFF,
    summary: 'One record, the JSON text that its author wrote, after all proofs were checked.',
    params: object({ org: schema.organisation, session, recordId: id }),
    answer: 'fhir',
    handle: async ({ params, request, reply }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const [record] = await reader.read(params.session, [params.recordId]);
      if (record === undefined) throw new ServerError('not-found', 'The session may read no such record.');
      return reply.type(FHIR_TYPE).send(record.text);
    },
  });
  addRoute<InSession, unknown, { readonly records: readonly string[] }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/reads/:session/records',
    access: STAFF,
    summary:
      'Several records with one request, in a collection Bundle: each decided, checked and logged as if read alone.',
    params: object({ org: schema.organisation, session }),
    body: object({ records: { ...schema.list(id, FETCH_RECORDS_MAX, 1), uniqueItems: true } }),
    answer: 'fhir',
    handle: async ({ params, body, request, reply }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const records = await reader.read(params.session, body.records);
      // Text beside text: number literals survive.
      const entries = records.map(({ text }) => `{"resource":${text}}`).join(',');
      return reply.type(FHIR_TYPE).send(`{"resourceType":"Bundle","type":"collection","entry":[${entries}]}`);
    },
  });
  addRoute<InSession & { recordId: string }, { reference: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/reads/:session/records/:recordId/reference',
    access: STAFF,
    summary:
      'A resource of the author’s organisation (Practitioner, Medication …) that a record read before references.',
    params: object({ org: schema.organisation, session, recordId: id }),
    query: object({ reference: schema.matching(REFERENCE, 129) }),
    answer: 'fhir',
    handle: async ({ params, query, request, reply }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const found = await reader.readReferences(params.session, params.recordId, [query.reference]);
      const record = found.get(query.reference) ?? null;
      if (record === null) throw new ServerError('not-found', 'The author’s organisation has no such resource.');
      return reply.type(FHIR_TYPE).send(record.text);
    },
  });
}

/** Content that is too large to stand inside its record's text (64 MiB) comes as a stream, each piece checked and logged. */
function addAttachments(app: FastifyInstance, node: Node): void {
  addRoute<InSession & { recordId: string; attachmentId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/reads/:session/records/:recordId/attachments/:attachmentId',
    access: STAFF,
    summary: 'One large attachment that a record of this session names.',
    params: object({ org: schema.organisation, session, recordId: id, attachmentId: id }),
    answer: 'bytes',
    handle: async ({ params, request, reply }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const [record] = await reader.read(params.session, [params.recordId]);
      const attachment = record?.attachments.find(({ attachmentId }) => attachmentId === params.attachmentId);
      if (record === undefined || attachment === undefined) {
        throw new ServerError('not-found', 'The record names no such attachment, or its text holds it already.');
      }
      const content = reader.readAttachment(params.session, record, attachment);
      return reply
        .type('application/octet-stream')
        .header('content-disposition', 'attachment')
        .send(Readable.from(content));
    },
  });
}

/** A patient's statement goes with the record that it is about. */
function addStatements(app: FastifyInstance, node: Node): void {
  addRoute<InSession>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/reads/:session/disputes',
    access: STAFF,
    summary:
      'What the patient states about records of this session, checked against the ledger; `withheld` counts others.',
    params: object({ org: schema.organisation, session }),
    answer: object({ disputes: schema.list(shownDispute, DISPUTES_MAX), withheld: schema.count }),
    handle: async ({ params, request }) => {
      const { reader } = ownReading(node, params, request).exchange;
      const { disputes, withheld } = await reader.readDisputes(params.session);
      return { disputes: disputes.map(showDispute), withheld };
    },
  });
}

/** Only the person whose request opened a session uses it. */
function ownReading(
  node: Node,
  { org, session: open }: InSession,
  request: Parameters<typeof staffOf>[0],
): HostedOrganisation {
  const organisation = readHosted(node, org);
  if (organisation.exchange.reader.findReader(open)?.id !== staffOf(request).id) {
    throw new ServerError('not-found', 'No such session is open for you.');
  }
  return organisation;
}
