import type { OpenedTerms } from '@salus/contracts';
import { sightedOf, sightOf } from '@salus/records';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { readOwnPid } from '../own-pid.ts';
import { ServerError } from '../server-error.ts';
import { noteSearch, queryOf } from './shown-patients.ts';

const REQUESTS_MAX = 200;
const GRANTS_MAX = 200;
const { anything, category, fhirId, hash, id, list, nullable, object, oneOf, organisation, text, timeMs } = schema;

interface Asked {
  readonly request: string;
  readonly requester: string;
  readonly status: 'open' | 'granted' | 'partly' | 'declined';
  readonly createdMs: number;
  readonly categories: readonly string[];
  readonly purposes: readonly string[];
  readonly notAfterMs: number | null;
  readonly text: string;
}

interface Answered extends OpenedTerms {
  readonly request: string;
  readonly authorOrganisation: string;
}

interface Answer {
  readonly pid: string;
  readonly requests: readonly Asked[];
  readonly grants: readonly Answered[];
}

/** What the organisation asked of a patient in care, and what was granted in answer: the patient's own answer says who is who. */
export function addPatientAccess(app: FastifyInstance, node: Node): void {
  const asked = object({
    request: id,
    requester: id,
    status: oneOf(['open', 'granted', 'partly', 'declined']),
    createdMs: timeMs,
    categories: list(category, 100),
    purposes: list(text(32), 64),
    notAfterMs: nullable(timeMs),
    text: text(4_000),
  });
  const answered = object({ request: id, authorOrganisation: organisation, terms: anything, salt: hash });
  addRoute<{ org: string; fhirId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patients/:fhirId/access',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'Requests to a patient in the caller’s care and the grants that answered them, which the caller may use now; audited.',
    params: object({ org: organisation, fhirId }),
    answer: object({ pid: id, requests: list(asked, REQUESTS_MAX), grants: list(answered, GRANTS_MAX) }),
    handle: ({ params, request }) => accessOf(node, params, request),
  });
}

async function accessOf(
  node: Node,
  { org, fhirId: patient }: { readonly org: string; readonly fhirId: string },
  request: FastifyRequest,
): Promise<Answer> {
  const { vault, exchange } = readHosted(node, org);
  const sight = sightOf(vault, readerOf(request));
  const pid = await readOwnPid(vault, readerOf(request), patient);
  const record = await vault.rows.findResource('Patient', patient);
  const decision = record === undefined ? undefined : await sight.decide(sightedOf(record));
  // To know a patient by name is no reason to know what they consented to.
  if (decision?.reason === 'registrar') throw new ServerError('not-found', 'You have no such patient in care.');
  await noteSearch(vault, sight, { pid, query: queryOf(`Patient/${patient}/access`, {}) });
  const kept = await exchange.requests.listOfPid(pid, { limit: REQUESTS_MAX });
  const usable = new Map(
    (await exchange.tokens.listUsable(memberOf(request))).map((token) => [token.terms.grant, token]),
  );
  const grants: Answered[] = [];
  for (const { asked, status } of kept) {
    if (status !== 'granted' && status !== 'partly') continue;
    for (const { terms } of await exchange.tokens.listOfRequest(pid, asked.request)) {
      const token = usable.get(terms.grant);
      if (token !== undefined && grants.length < GRANTS_MAX) grants.push({ ...token, request: asked.request });
    }
  }
  const requests = kept.map(({ asked, requester, status, createdMs }): Asked => {
    const { request: name, categories, purposes, notAfterMs, text: words } = asked;
    return { request: name, requester, status, createdMs, categories, purposes, notAfterMs, text: words };
  });
  return { pid, requests, grants };
}
