import {
  type DisputeAnswer,
  type DisputeStatement,
  FEED_ROLE,
  parseSigner,
  type SignedCall,
  WRITING_ROLES,
} from '@salus/contracts';
import { type KnownDispute, sightedOf, sightOf } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type GivenCall, isRefusal } from '../consent.ts';
import { patientOf, staffOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { committed, takeSigned } from './calls.ts';

const LISTED_MAX = 500;
/** Open statements of one answer, and those that are looked through for it. */
const OPEN_MAX = 200;
const OPEN_LOOKED_MAX = 2_000;
const CURSOR_MAX = 100;
const DISPUTING = { kind: 'session', who: ['patient'], guardian: ['dispute'] } as const;
const STAFF = { kind: 'session', who: ['staff'], roles: WRITING_ROLES.filter((role) => role !== FEED_ROLE) } as const;

const { anything, count, hash, id, list, nullable, object, oneOf, text, timeMs } = schema;
const shape = {
  ...{ dispute: id, pid: id, recordId: id, version: count, type: text(64), id: text(64), atMs: timeMs },
  status: oneOf(['open', 'amended', 'declined', 'withdrawn']),
  ...{ text: text(4_000), statement: anything, salt: hash, call: anything },
  answer: nullable(object({ text: text(4_000), by: id, atMs: nullable(timeMs), answer: anything, salt: hash })),
};
/** A patient's statement about a version of a record, with what opens its commitment. */
export const shownDispute = object(shape);

interface InOrganisation {
  readonly org: string;
}
type GivenDispute = GivenCall & { readonly recordId?: string };

/** What patients state about records, and what their authors answer. */
export function addDisputeRoutes(app: FastifyInstance, node: Node): void {
  addStating(app, node);
  addAnswering(app, node);
}

function addStating(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, unknown, GivenDispute>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/disputes',
    access: DISPUTING,
    summary:
      'Commits a signed record.dispute or record.withdrawDispute and keeps the patient’s words beside the record.',
    params: schema.org,
    body: object({ call: schema.signedCall, privateArgs: schema.privateArgs, recordId: id }, [
      'privateArgs',
      'recordId',
    ]),
    answer: committed,
    handle: async ({ params, body, request }) => {
      const { pid } = patientOf(request);
      if (!body.call.payload.signer.startsWith(`pid:${pid}/`)) {
        throw new ServerError('not-permitted', 'The call is signed for another pid than the one that is logged in.');
      }
      switch (nameOf(body.call)) {
        case 'record.dispute':
          return takeDispute(node, params.org, body);
        case 'record.withdrawDispute':
          return takeWithdrawal(node, params.org, body);
        default:
          throw new ServerError('bad-request', 'The call here is record.dispute or record.withdrawDispute.');
      }
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/disputes',
    access: { ...DISPUTING, guardian: ['dispute', 'read'] },
    summary: 'What the patient states about records here, and what was answered.',
    params: schema.org,
    answer: object({ disputes: list(shownDispute, LISTED_MAX) }),
    handle: async ({ params, request }) => {
      const { disputes } = readHosted(node, params.org).exchange;
      return { disputes: (await disputes.listOfPid(patientOf(request).pid)).map(showDispute) };
    },
  });
}

async function takeDispute(node: Node, slug: string, { recordId, ...given }: GivenDispute) {
  const { disputes } = readHosted(node, slug).exchange;
  const { statement, salt } = (given.privateArgs?.values ?? {}) as { statement?: DisputeStatement; salt?: string };
  if (recordId === undefined || typeof statement?.leafHash !== 'string' || typeof salt !== 'string') {
    throw new ServerError('bad-request', 'A dispute comes with its record, statement and salt.');
  }
  const { subject: pid } = parseSigner(given.call.payload.signer);
  const { version, meta } = await disputes.findDisputed(recordId, pid, statement.leafHash);
  const reference = `${meta.type}/${meta.id}`;
  const { dispute } = statement;
  // First the words: a commitment without them would stand for ever.
  await disputes.keep({ dispute, pid, recordId, version, reference, statement, salt, call: given.call, answer: null });
  try {
    return await takeSigned(node, slug, given);
  } catch (error) {
    if (isRefusal(error)) await disputes.forget(pid, dispute);
    throw error;
  }
}

async function takeWithdrawal(node: Node, slug: string, given: GivenCall) {
  const done = await takeSigned(node, slug, given);
  const { subject: pid } = parseSigner(given.call.payload.signer);
  const { dispute } = given.call.payload.args as { readonly dispute: string };
  await readHosted(node, slug).exchange.disputes.settle(pid, dispute);
  return done;
}

function addAnswering(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, { state?: 'open'; after?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/disputes',
    access: STAFF,
    summary:
      'Open statements of patients about records that this person sees, oldest first; `next` goes on. Each look is in the patients’ logs.',
    params: schema.org,
    query: object({ state: oneOf(['open']), after: text(CURSOR_MAX) }, ['state', 'after']),
    answer: object({
      disputes: list(object({ ...shape, patient: nullable(schema.fhirId) }), OPEN_MAX),
      next: nullable(text(CURSOR_MAX)),
    }),
    handle: async ({ params, query, request }) => {
      const { vault, exchange } = readHosted(node, params.org);
      const sight = sightOf(vault, readerOf(request));
      const disputes = [];
      let looked = 0;
      let last: string | undefined;
      for await (const known of exchange.disputes.listOpen(query.after)) {
        if (disputes.length >= OPEN_MAX || looked >= OPEN_LOOKED_MAX) return { disputes, next: last ?? null };
        looked += 1;
        last = `${known.pid}/${known.dispute}`;
        const record = await vault.rows.findRecord(known.recordId);
        if (record === undefined || (await sight.decide(sightedOf(record))).kind !== 'allowed') continue;
        const { recordId, version, pid } = known;
        const about = { kind: 'read', atMs: vault.clock(), pid, who: memberOf(request), purpose: 'TREAT' } as const;
        await vault.audit.append({
          ...{ ...about, grant: null, session: null, records: [{ recordId, version }], outcome: 'ok', request: null },
        });
        const patient = await vault.patients.findByPid(pid);
        disputes.push({ ...showDispute(known), patient: patient?.fhirId ?? null });
      }
      return { disputes, next: null };
    },
  });
  addRoute<InOrganisation & { readonly dispute: string }, unknown, GivenCall>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/disputes/:dispute/answers',
    access: STAFF,
    summary: 'Commits a signed record.answerDispute and keeps the author’s words for the patient.',
    params: object({ org: schema.organisation, dispute: id }),
    body: object({ call: schema.signedCall, privateArgs: schema.privateArgs }),
    answer: committed,
    handle: async ({ params, body, request }) => {
      const { id: by } = staffOf(request);
      const { answer, salt } = (body.privateArgs?.values ?? {}) as { answer?: DisputeAnswer; salt?: string };
      if (nameOf(body.call) !== 'record.answerDispute' || body.call.payload.signer !== `id:${by}`) {
        throw new ServerError('bad-request', 'The call here is your own record.answerDispute.');
      }
      if (answer?.dispute !== params.dispute || typeof salt !== 'string') {
        throw new ServerError('bad-request', 'An answer names its dispute and comes with its salt.');
      }
      const { disputes } = readHosted(node, params.org).exchange;
      const { pid, dispute } = answer;
      await demandSeen(node, params.org, { request, pid, dispute });
      // First the words, as with the statement; and again, since a colleague's may have come in between.
      const words = { answer, salt, by, call: body.call };
      await disputes.answer(pid, dispute, words);
      const done = await takeSigned(node, params.org, body);
      await disputes.answer(pid, dispute, words);
      await disputes.settle(pid, dispute);
      return done;
    },
  });
}

/** Who may not see the record learns nothing of what is said about it, and has no say in it: `not-found`. */
async function demandSeen(
  node: Node,
  slug: string,
  asked: { readonly request: FastifyRequest; readonly pid: string; readonly dispute: string },
): Promise<void> {
  const { vault, exchange } = readHosted(node, slug);
  const known = await exchange.disputes.find(asked.pid, asked.dispute);
  const record = known === undefined ? undefined : await vault.rows.findRecord(known.recordId);
  const decision = record && (await sightOf(vault, readerOf(asked.request)).decide(sightedOf(record)));
  if (decision?.kind !== 'allowed') throw new ServerError('not-found', 'You see no such statement here.');
}

/** As `shownDispute` has it. */
export function showDispute(known: KnownDispute) {
  const { dispute, pid, recordId, version, reference, statement, salt, call, status, atMs, answeredMs } = known;
  const [type = '', resourceId = ''] = reference.split('/');
  const { answer } = known;
  return {
    ...{
      dispute,
      pid,
      recordId,
      version,
      type,
      id: resourceId,
      status,
      atMs,
      text: statement.text,
      statement,
      salt,
      call,
    },
    answer: answer === null ? null : showAnswer(answer, answeredMs),
  };
}

function showAnswer({ answer, salt, by }: NonNullable<KnownDispute['answer']>, atMs: number | null) {
  return { text: answer.text, by, atMs, answer, salt };
}

function nameOf({ payload }: SignedCall): string {
  return `${payload.contract}.${payload.transaction}`;
}
