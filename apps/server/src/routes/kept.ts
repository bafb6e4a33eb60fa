import { FETCH_RECORDS_MAX } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { staffOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { readOwnPid } from '../own-pid.ts';
import { ServerError } from '../server-error.ts';

const STAFF = { kind: 'session', who: ['staff'] } as const;
const KEPT_MAX = 10_000;
const PROOF_MAX = 64;
/** A kept text is at most a document of the vault. */
const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

const { count, hash, id, list, object, organisation, text, timeMs } = schema;
const facts = {
  ...{ pid: id, author: organisation, recordId: id, version: count },
  ...{ type: schema.resourceType, grant: id, keptMs: timeMs, by: id },
};

interface InOrganisation {
  readonly org: string;
}

/** Copies in the reader's own chart: an explicit act that the terms of the grant must allow, logged on both sides. */
export function addKeptRoutes(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation & { session: string }, unknown, { records: readonly string[] }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/reads/:session/kept',
    access: STAFF,
    summary:
      'Keeps copies of records of this session with the proofs that let them stand alone; the grant must allow it.',
    params: object({ org: organisation, session: hash }),
    body: object({ records: list(id, FETCH_RECORDS_MAX, 1) }),
    answer: object({ kept: list(object(facts), KEPT_MAX) }),
    handle: async ({ params, body, request }) => {
      const { exchange, vault } = readHosted(node, params.org);
      if (exchange.reader.findReader(params.session)?.id !== staffOf(request).id) {
        throw new ServerError('not-found', 'No such session is open for you.');
      }
      const { ownPid } =
        exchange.reader.listOpen(staffOf(request).id).find(({ session }) => session === params.session) ?? {};
      const { author, terms, keepings } = await exchange.reader.readToKeep(params.session, body.records);
      const kept = await exchange.kept.keep({ author, terms, who: memberOf(request) }, keepings);
      // Copies outlive the session, and whom they are about goes with them.
      if (typeof ownPid === 'string') await vault.foreignLinks.link({ ownPid, author, pid: terms.pid });
      return { kept };
    },
  });
  addRoute<InOrganisation & { pid: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/kept/:pid',
    access: STAFF,
    summary: 'What was kept of a patient of another organisation, as far as this person might use the grant.',
    params: object({ org: organisation, pid: id }),
    answer: object({ kept: list(object(facts), KEPT_MAX) }),
    handle: async ({ params, request }) => ({
      kept: await readHosted(node, params.org).exchange.kept.list(params.pid, memberOf(request)),
    }),
  });
  addRoute<InOrganisation & { fhirId: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/patients/:fhirId/links',
    access: STAFF,
    summary: 'Takes back that a patient here is the same person as patients of other organisations.',
    params: object({ org: organisation, fhirId: schema.fhirId }),
    answer: object({ unlinked: count }),
    handle: async ({ params, request }) => {
      const { vault, exchange } = readHosted(node, params.org);
      const pid = await readOwnPid(vault, readerOf(request), params.fhirId);
      const unlinked = await vault.foreignLinks.unlink(pid);
      await exchange.foreignSessions.forget(pid);
      await vault.audit.append({
        ...{ kind: 'registration', atMs: node.nowMs(), pid, who: memberOf(request), purpose: null, outcome: 'ok' },
        ...{ grant: null, session: null, records: [], request: null },
      });
      return { unlinked };
    },
  });
  const proof = object({
    ...{ keyId: id, callId: hash, leafIndex: count, ciphertextHash: hash, contentHash: hash },
    ...{ proof: list(hash, PROOF_MAX), salt: hash },
  });
  addRoute<InOrganisation & { pid: string; recordId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/kept/:pid/:recordId',
    access: STAFF,
    summary:
      'One kept copy, its text as its author wrote it, and the proof that the author committed it; verified again.',
    params: object({ org: organisation, pid: id, recordId: id }),
    answer: object({
      ...facts,
      text: text(TEXT_LENGTH_MAX),
      proof,
      status: schema.oneOf(['current', 'superseded', 'tombstoned', 'erased']),
    }),
    handle: ({ params, request }) =>
      readHosted(node, params.org).exchange.kept.read(params.pid, params.recordId, memberOf(request)),
  });
}
