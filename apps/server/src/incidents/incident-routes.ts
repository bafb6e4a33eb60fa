import type { FastifyInstance, FastifyRequest } from 'fastify';
import { staffOf } from '../http/access.ts';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import {
  HARMS,
  INCIDENT_KINDS,
  INCIDENTS_MAX,
  IncidentBook,
  type IncidentReport,
  MONTHS_MAX,
  NOTES_MAX,
} from './incident-book.ts';

/** Who learns from errors; nobody who decides on a reporter's work. */
const READERS = ['safety-officer', 'privacy-officer'];
/** Of one person; counted in memory only, and forgotten. */
const REPORTS_MAX = 20;
const REPORTS_WINDOW_MS = 3_600_000;
const TEXT_MAX = 8_000;
const STAFF = { kind: 'session', who: ['staff'] } as const;

const { hash, id, list, matching, nullable, object, oneOf, text, timeMs } = schema;

interface InOrganisation {
  readonly org: string;
}
interface InIncident extends InOrganisation {
  readonly incident: string;
}

/** Errors and near misses: reported by anybody on the staff, read by few, and never with the reporter's name. */
export function addIncidentRoutes(app: FastifyInstance, node: Node): void {
  const attempts = new AttemptLimit({ attemptsMax: REPORTS_MAX, windowMs: REPORTS_WINDOW_MS, nowMs: node.nowMs });
  const bookOf = (slug: string): IncidentBook => new IncidentBook(readHosted(node, slug));
  const note = object({ text: text(TEXT_MAX), atMs: timeMs });
  const notes = list(note, NOTES_MAX);
  const report = {
    ...{ kind: oneOf(INCIDENT_KINDS), area: text(100, 1), harm: oneOf(HARMS), text: text(TEXT_MAX, 1) },
    day: nullable(matching('^\\d{4}-\\d{2}-\\d{2}$', 10)),
  };
  const inIncident = object({ org: schema.organisation, incident: id });
  addRoute<InOrganisation, unknown, IncidentReport>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/incidents',
    access: STAFF,
    summary: 'Reports a clinical error or near miss; who reports is kept nowhere, the receipt leads back to it.',
    params: schema.org,
    body: object(report),
    answer: object({ incident: id, receipt: hash }),
    handle: async ({ params, body, request }) => {
      attempts.count(`${params.org}/${staffOf(request).id}`);
      return bookOf(params.org).add(body);
    },
  });
  addRoute<InOrganisation, { readonly month?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/incidents',
    access: { ...STAFF, roles: READERS },
    summary:
      'The organisation’s reports of one month, the newest where none is named, without any reporter; each look is in the audit log.',
    params: schema.org,
    query: object({ month: matching('^\\d{4}-\\d{2}$', 7) }, ['month']),
    answer: object({
      months: list(text(7), MONTHS_MAX),
      incidents: list(object({ incident: id, ...report, month: text(7), notes }), INCIDENTS_MAX),
    }),
    handle: async ({ params, query, request }) => {
      await noteLook(node, params.org, request);
      const book = bookOf(params.org);
      const months = await book.months();
      const month = query.month ?? months[0];
      return { months, incidents: month === undefined ? [] : await book.list(month) };
    },
  });
  addRoute<InIncident, unknown, { readonly text: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/incidents/:incident/notes',
    access: { ...STAFF, roles: READERS },
    summary: 'Adds to a report what was found or done; nothing of it is ever changed.',
    params: inIncident,
    body: object({ text: text(TEXT_MAX, 1) }),
    answer: null,
    handle: async ({ params, body, request }) => {
      await noteLook(node, params.org, request);
      await bookOf(params.org).note(params.incident, body.text);
    },
  });
  addRoute<InIncident, unknown, { readonly receipt: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/incidents/:incident/status',
    access: STAFF,
    summary: 'What became of a report, for whoever has its receipt.',
    params: inIncident,
    body: object({ receipt: hash }),
    answer: object({ notes }),
    handle: async ({ params, body }) => {
      const found = await bookOf(params.org).findByReceipt(params.incident, body.receipt);
      if (found === undefined) throw new ServerError('not-found', 'There is no such report.');
      return { notes: found.notes };
    },
  });
}

async function noteLook(node: Node, slug: string, request: FastifyRequest): Promise<void> {
  const { vault } = readHosted(node, slug);
  await vault.audit.append({
    ...{ kind: 'search', atMs: vault.clock(), pid: null, who: memberOf(request), purpose: 'HOPERAT', grant: null },
    ...{ session: null, records: [], outcome: 'ok', request: null, query: 'incidents' },
  });
}
