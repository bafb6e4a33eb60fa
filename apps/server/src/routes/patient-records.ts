import { type DeviceFact, deviceKey, type LogRootFact, logRootKey } from '@salus/contracts';
import { kidOf } from '@salus/crypto';
import { AUDIT_PAGE_MAX, type StoredEnvelope, type StoredRecord } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { patientOf } from '../http/access.ts';
import { problem } from '../http/problem.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { FHIR_TYPE, sendProblem } from '../http/server.ts';
import { type HostedOrganisation, type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { pageSize } from './ledger.ts';
import { addPatientJoinRoutes } from './patient-joins.ts';
import { addPatientProof } from './patient-proof.ts';
import { addPatientSealedRoutes } from './patient-sealed.ts';

const KEYS_MAX = 100_000;
const RECORDS_PAGE_MAX = 500;
const VERSIONS_MAX = 1_000;
const PROOF_MAX = 64;
const READING = { kind: 'session', who: ['patient'], guardian: ['read'] } as const;

const { count, hash, id, list, nullable, object, timeMs } = schema;
const label = { category: schema.category, labelClass: schema.labelClass };
const inRecord = object({ org: schema.organisation, recordId: id });

interface InOrganisation {
  readonly org: string;
}
interface InRecord extends InOrganisation {
  readonly recordId: string;
}

/** A patient's own view, per pid: keys, records, and who read them. */
export function addPatientRecordRoutes(app: FastifyInstance, node: Node): void {
  addKeys(app, node);
  addRecords(app, node);
  addLeaves(app, node);
  addPatientProof(app, node);
  addPatientSealedRoutes(app, node);
  addPatientJoinRoutes(app, node);
  addAudit(app, node);
}

function addKeys(app: FastifyInstance, node: Node): void {
  const key = object({
    keyId: id,
    owner: schema.text(30),
    epoch: count,
    ...label,
    recipientKid: id,
    grant: nullable(id),
    envelope: schema.anything,
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/keys',
    access: { ...READING, guardian: ['read', 'consent'] },
    summary: 'The keys of the patient’s records, each sealed to this device: what a grant is made from.',
    params: schema.org,
    answer: object({ keys: list(key, KEYS_MAX) }),
    handle: async ({ params, request }) => ({ keys: await envelopesOf(readHosted(node, params.org), request) }),
  });
}

function addRecords(app: FastifyInstance, node: Node): void {
  const record = object({
    recordId: id,
    version: count,
    type: schema.resourceType,
    ...label,
    dataFromMs: nullable(schema.anything),
    dataToMs: nullable(schema.anything),
    lastUpdatedMs: timeMs,
  });
  const cursor = schema.matching('^[A-Za-z0-9_-]{22}/[A-Za-z0-9_-]{22}$', 45);
  addRoute<InOrganisation, { after?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/records',
    access: READING,
    summary: 'The patient’s current records: what there is, without content.',
    params: schema.org,
    query: object({ after: cursor, limit: schema.digits }, ['after', 'limit']),
    answer: object({ records: list(record, RECORDS_PAGE_MAX), next: nullable(cursor) }),
    handle: async ({ params, query, request }) => {
      const organisation = readHosted(node, params.org);
      const keys = await envelopesOf(organisation, request);
      return listRecords(organisation, keys, query.after, pageSize(query.limit, 100, RECORDS_PAGE_MAX));
    },
  });
  addRoute<InRecord>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/records/:recordId',
    access: READING,
    summary: 'One of the patient’s records, the JSON text that its author wrote.',
    params: inRecord,
    answer: 'fhir',
    handle: async ({ params, request, reply }) => {
      const { repository } = readHosted(node, params.org).vault;
      const result = await repository.readRecord(patientReaderOf(request), params.recordId);
      if (result.kind === 'found') return reply.type(FHIR_TYPE).send(result.text);
      return refuse(reply, result);
    },
  });
}

/** A record of somebody else is as unknown as none. */
function refuse(
  reply: FastifyReply,
  result: { readonly kind: 'gone' | 'not-found' } | { readonly kind: 'refused'; readonly code: string },
): FastifyReply {
  switch (result.kind) {
    case 'gone':
      return sendProblem(reply, problem('tombstoned', 'The record is hidden or erased.'));
    case 'not-found':
      return sendProblem(reply, problem('not-found', 'There is no such record.'));
    case 'refused':
      return sendProblem(
        reply,
        result.code === 'denied' ? problem('not-found', 'There is no such record.') : problem(result.code),
      );
  }
}

function addLeaves(app: FastifyInstance, node: Node): void {
  const leaf = object({
    version: count,
    leafHash: hash,
    keyId: id,
    batch: hash,
    index: count,
    proof: list(hash, PROOF_MAX),
  });
  addRoute<InRecord>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/records/:recordId/leaves',
    access: { ...READING, guardian: ['read', 'dispute'] },
    summary: 'Where each version of a record stands on the ledger, with its proof: what record.erase names.',
    params: inRecord,
    answer: object({ leaves: list(leaf, VERSIONS_MAX) }),
    handle: async ({ params, request }) => {
      const { rows } = readHosted(node, params.org).vault;
      const { pid } = patientOf(request);
      const current = await rows.findRecord(params.recordId);
      if (current?.meta.owner !== `pid:${pid}`) throw new ServerError('not-found', 'There is no such record.');
      const versions: StoredRecord[] = [];
      for (let version = 1; version <= Math.min(current.version, VERSIONS_MAX); version += 1) {
        const found = await rows.findRecord(params.recordId, version);
        if (found !== undefined) versions.push(found);
      }
      const leaves = await Promise.all(
        versions.map(async (record) => {
          const { version, leafHash, keyId, callId: batch, leafIndex: index } = record;
          return { version, leafHash, keyId, batch, index, proof: await rows.inclusionProof(record) };
        }),
      );
      return { leaves };
    },
  });
}

function addAudit(app: FastifyInstance, node: Node): void {
  const proof = object({ index: count, size: count, root: hash, proof: list(hash, PROOF_MAX) });
  const line = object({
    seq: count,
    previous: nullable(hash),
    pidToken: nullable(id),
    pidSeq: nullable(count),
    sealedHash: hash,
    text: schema.text(2_000_000),
    event: schema.anything,
    /** null until the next root stands on the ledger, at most a second. */
    proof: nullable(proof),
  });
  const root = nullable(object({ size: count, root: hash, call: hash }));
  addRoute<InOrganisation, { before?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/audit',
    access: READING,
    summary:
      'Who read, wrote or was refused what of the patient, newest first, each line proven against the ledger’s root.',
    params: schema.org,
    query: object({ before: schema.digits, limit: schema.digits }, ['before', 'limit']),
    answer: object({ root, lines: list(line, AUDIT_PAGE_MAX) }),
    handle: async ({ params, query, request }) => {
      const { audit } = readHosted(node, params.org).vault;
      const fact = (await node.ledger.get(logRootKey(params.org, 'audit'))) as LogRootFact | undefined;
      const page = {
        limit: pageSize(query.limit, 50, AUDIT_PAGE_MAX),
        ...(query.before === undefined ? {} : { before: Number(query.before) }),
      };
      const found = await audit.listOfPid(patientOf(request).pid, page);
      const size = fact?.size ?? 0;
      const lines = await Promise.all(
        found.map(async (entry) => ({ ...entry, proof: entry.seq < size ? await audit.prove(entry.seq, size) : null })),
      );
      return { root: fact ?? null, lines };
    },
  });
}

/** The keys of all epochs, sealed to the device that is logged in. */
async function envelopesOf({ vault }: HostedOrganisation, request: FastifyRequest): Promise<readonly StoredEnvelope[]> {
  const { pid, kid } = patientOf(request);
  const device = (await vault.ledger.get(deviceKey(pid, kid))) as DeviceFact | undefined;
  if (device?.status !== 'active') throw new ServerError('not-permitted', 'This device was removed.');
  return vault.keys.envelopesFor(`pid:${pid}`, { kid: kidOf(device.hpke), publicKey: device.hpke, grant: null });
}

async function listRecords(
  { vault }: HostedOrganisation,
  keys: readonly StoredEnvelope[],
  after: string | undefined,
  limit: number,
) {
  const [afterKey = '', afterRecord] = after?.split('/') ?? [];
  const records = [];
  const sorted = [...keys].sort((left, right) => (left.keyId < right.keyId ? -1 : 1));
  for (const { keyId, category, labelClass } of sorted) {
    if (keyId < afterKey) continue;
    const start = keyId === afterKey && afterRecord !== undefined ? { after: afterRecord } : {};
    const page = await vault.rows.listRecords(keyId, { limit: limit - records.length, ...start });
    for (const { recordId, version, meta } of page) {
      const { type, dataFromMs, dataToMs, lastUpdatedMs } = meta;
      records.push({ recordId, version, type, category, labelClass, dataFromMs, dataToMs, lastUpdatedMs });
    }
    const last = page.at(-1);
    if (records.length >= limit && last !== undefined) return { records, next: `${keyId}/${last.recordId}` };
  }
  return { records, next: null };
}
