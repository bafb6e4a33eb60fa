import { type GrantFact, grantKey, type Terms } from '@salus/contracts';
import { AUDIT_PAGE_MAX, type AuditKind, type Vault } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import type { Node } from '../node.ts';
import { entriesUnder } from '../routes/entries-under.ts';
import { SCOPE_CHARACTERS_MAX, SCOPES_MAX } from './scopes.ts';
import type { SmartServer, SmartServers } from './smart-server.ts';

/** As many as the list of grants has. */
const LISTED_MAX = 1_000;
/** Lines of the patient's log, from the newest, among which an app's last reading is looked for. */
export const LOG_LINES_MAX = 1_000;
const NAME_MAX = 100;
const READINGS: ReadonlySet<AuditKind> = new Set(['read', 'search', 'export']);

const { flag, id, list, nullable, object, text, timeMs } = schema;

interface AppGrant {
  readonly grant: string;
  readonly grantee: Extract<Terms['grantee'], { kind: 'client' }>;
  readonly lastMs: number;
}

/** Which apps a patient has let in, in words that the ledger does not have. */
export function addLetInRoutes(app: FastifyInstance, node: Node, servers: SmartServers): void {
  const letIn = object({
    grant: id,
    /** null of an app of another organisation, and of one that was forgotten after its end. */
    name: nullable(text(NAME_MAX)),
    /** Does the ledger let the app act? null of one that this organisation does not know. */
    live: nullable(flag),
    /** With which it was let in at the authorisation page; null where no log-in of it lasts. */
    scopes: nullable(list(text(SCOPE_CHARACTERS_MAX), SCOPES_MAX)),
    lastReadMs: nullable(timeMs),
  });
  addRoute<{ readonly org: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/apps',
    access: { kind: 'session', who: ['patient'] },
    summary:
      'The apps to which this pid’s active grants are: name, scopes, and when each last read. `lookedBackToMs` says how far back the log was looked through for that; null: to its beginning.',
    params: schema.org,
    answer: object({ apps: list(letIn, LISTED_MAX), lookedBackToMs: nullable(timeMs) }),
    handle: async ({ params, request }) => {
      const { pid } = patientOf(request);
      const server = await servers.read(params.org);
      const { vault } = server.organisation;
      const grants = await appGrantsOf(vault, pid);
      const { lastReadMs, lookedBackToMs } = await readingsOf(vault, pid, new Set(grants.map(({ grant }) => grant)));
      const apps = grants.map(async ({ grant, grantee }) => ({
        grant,
        ...(await registeredAs(server, grantee)),
        scopes: (await server.admissions.findScopes({ pid, grant })) ?? null,
        lastReadMs: lastReadMs.get(grant) ?? null,
      }));
      return { apps: await Promise.all(apps), lookedBackToMs };
    },
  });

  async function appGrantsOf({ grants }: Vault, pid: string): Promise<readonly AppGrant[]> {
    const found: AppGrant[] = [];
    const prefix = grantKey(pid, '');
    for await (const { key, value } of entriesUnder(node.ledger, prefix)) {
      const { status, lastMs } = value as unknown as GrantFact;
      if (status !== 'active') continue;
      const grant = key.slice(prefix.length);
      const grantee = (await grants.find(pid, grant))?.terms.grantee;
      if (grantee?.kind === 'client') found.push({ grant, grantee, lastMs });
    }
    return found.sort((left, right) => right.lastMs - left.lastMs).slice(0, LISTED_MAX);
  }
}

async function registeredAs(
  { clients, organisation }: SmartServer,
  grantee: AppGrant['grantee'],
): Promise<{ readonly name: string | null; readonly live: boolean | null }> {
  if (grantee.organisation !== organisation.slug) return { name: null, live: null };
  const known = await clients.find(grantee.id);
  return { name: known?.name ?? null, live: await clients.isLive(grantee.id) };
}

/** When each of the grants was last read by, from the newest line of the patient's log back until all are found. */
async function readingsOf(
  { audit }: Vault,
  pid: string,
  grants: ReadonlySet<string>,
): Promise<{ readonly lastReadMs: ReadonlyMap<string, number>; readonly lookedBackToMs: number | null }> {
  const lastReadMs = new Map<string, number>();
  let before: number | undefined;
  for (let lines = 0; lastReadMs.size < grants.size; lines += AUDIT_PAGE_MAX) {
    const page = await audit.listOfPid(pid, { limit: AUDIT_PAGE_MAX, ...(before === undefined ? {} : { before }) });
    for (const { event } of page) {
      const { grant, kind, outcome, atMs } = event;
      if (grant === null || !grants.has(grant) || !READINGS.has(kind) || outcome !== 'ok') continue;
      lastReadMs.set(grant, Math.max(atMs, lastReadMs.get(grant) ?? 0));
    }
    const oldest = page.at(-1);
    if (oldest === undefined || page.length < AUDIT_PAGE_MAX) break;
    if (lines + AUDIT_PAGE_MAX >= LOG_LINES_MAX) return { lastReadMs, lookedBackToMs: oldest.event.atMs };
    before = oldest.pidSeq ?? 0;
  }
  return { lastReadMs, lookedBackToMs: null };
}
