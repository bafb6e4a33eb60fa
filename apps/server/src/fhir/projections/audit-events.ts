import type { FhirTree } from '@salus/fhir';
import { AUDIT_PAGE_MAX, type AuditLine, RecordsError, type Vault, type VaultCaller } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendTree } from '../fhir-answer.ts';
import { openPage, sealPage } from '../operations/page-token.ts';
import { auditEventOf } from './audit-event-of.ts';
import { matches, type ProjectionSearch, patientIn, projectionSearch, searchset } from './projection-search.ts';

/** Who reviews the whole log; a patient sees their own. Care of a patient is no reason to see who else reads. */
const REVIEWER = 'privacy-officer';
/** Lines that one request looks at. */
const SCANNED_MAX = 2_000;
export const AUDIT_PARAMETERS = ['_id', 'patient', 'date', 'agent', 'entity', 'type', 'action', 'outcome'] as const;
const ID = /^audit-(0|[1-9][0-9]{0,14})$/;

/** AuditEvent (IHE BALP): the organisation's audit log, read-only. */
export function addAuditEvents(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/AuditEvent',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('The audit log as AuditEvents, newest first.', IN_BASE),
    handler: async (request, reply) => {
      const search = projectionSearch('AuditEvent', request.url, AUDIT_PARAMETERS);
      const organisation = readHosted(node, request.params.org);
      return sendTree(reply, await auditEvents(organisation, callerOf(node, request), search));
    },
  });
  app.route<{ Params: Pick<InPath, 'org' | 'id'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/AuditEvent/:id',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('One line of the audit log.', { ...IN_BASE, id: schema.fhirId }),
    handler: async (request, reply) => {
      const organisation = readHosted(node, request.params.org);
      const caller = callerOf(node, request);
      const view = viewOf(caller);
      const seq = Number(ID.exec(request.params.id)?.[1] ?? -1);
      const [line] = await organisation.vault.audit.list({ before: seq + 1, limit: 1 });
      const isOwn = view.pid === null || line?.event.pid === view.pid;
      if (line?.seq !== seq || !isOwn) throw new ServerError('not-found', 'There is no such resource.');
      if (view.pid === null) await noteReview(organisation.vault, caller, line.event.pid);
      const [tree] = await treesOf(organisation, [line]);
      return sendTree(reply, tree!);
    },
  });
}

/** Whose events a caller may see; null: everybody's. @throws RecordsError `denied` */
function viewOf(caller: VaultCaller): { readonly pid: string | null } {
  if (caller.narrow === undefined) {
    if (caller.kind === 'patient') return { pid: caller.who.pid };
    const who = caller.kind === 'member' ? caller.who : caller.kind === 'writer' ? caller.writer.who : undefined;
    if (who?.roles.includes(REVIEWER) === true) return { pid: null };
  }
  throw new RecordsError('denied', 'The audit log is for the patient whom it is about, and for the privacy officer.');
}

async function auditEvents(
  organisation: HostedOrganisation,
  caller: VaultCaller,
  search: ProjectionSearch,
): Promise<FhirTree> {
  const { vault, baseUrl } = organisation;
  const view = viewOf(caller);
  const asked = patientIn(search, 'patient');
  const pid = asked === undefined ? view.pid : await pidOf(vault, asked);
  const place = { baseUrl, type: 'AuditEvent' as const, asked: search.asked };
  // Another's log is as empty as nobody's.
  if (pid === undefined || (view.pid !== null && pid !== view.pid)) return searchset(place, [], undefined);
  const context = ['AuditEvent', view.pid ?? REVIEWER, search.asked.map((parameter) => [...parameter])];
  const start = search.page === undefined ? undefined : Number(openPage(vault.masterKey, context, search.page));
  if (view.pid === null) await noteReview(vault, caller, pid);
  const { trees, next } = await gather(organisation, { pid, start, search });
  return searchset(place, trees, next === undefined ? undefined : sealPage(vault.masterKey, context, next));
}

async function pidOf({ patients }: Vault, fhirId: string): Promise<string | undefined> {
  return (await patients.findByFhirId(fhirId))?.pid;
}

/** Whoever reviews stands in the log too. */
async function noteReview({ audit, clock }: Vault, caller: VaultCaller, pid: string | null): Promise<void> {
  const who = caller.kind === 'writer' ? caller.writer.who : caller.kind === 'member' ? caller.who : null;
  const nothing = { grant: null, session: null, records: [], request: null };
  await audit.append({ kind: 'search', atMs: clock(), pid, who, purpose: 'HCOMPL', outcome: 'ok', ...nothing });
}

async function gather(
  organisation: HostedOrganisation,
  {
    pid,
    start,
    search,
  }: { readonly pid: string | null; readonly start: number | undefined; readonly search: ProjectionSearch },
): Promise<{ readonly trees: readonly FhirTree[]; readonly next: number | undefined }> {
  const { audit, clock } = organisation.vault;
  const found: FhirTree[] = [];
  let before = start;
  for (let scanned = 0; scanned < SCANNED_MAX; ) {
    const query = { limit: AUDIT_PAGE_MAX, ...(before === undefined ? {} : { before }) };
    const lines = pid === null ? await audit.list(query) : await audit.listOfPid(pid, query);
    const trees = await treesOf(organisation, lines);
    for (const [at, line] of lines.entries()) {
      const tree = trees[at]!;
      if (matches(tree, search, clock())) found.push(tree);
      before = (pid === null ? line.seq : line.pidSeq) ?? undefined;
      if (found.length === search.count) return { trees: found, next: before };
    }
    if (lines.length < AUDIT_PAGE_MAX) return { trees: found, next: undefined };
    scanned += lines.length;
  }
  return { trees: found, next: before };
}

/** The lines as resources, with the FHIR names of what they are about. */
async function treesOf(
  { vault, slug, baseUrl }: HostedOrganisation,
  lines: readonly AuditLine[],
): Promise<readonly FhirTree[]> {
  const pids = new Set(
    lines.flatMap(({ event: { pid, who } }) => [
      ...(pid === null ? [] : [pid]),
      ...(who?.kind === 'patient' ? [who.pid] : []),
    ]),
  );
  const patients = new Map<string, string>();
  for (const pid of pids) {
    const known = await vault.patients.findByPid(pid);
    if (known !== undefined) patients.set(pid, known.fhirId);
  }
  const records = new Map<string, string>();
  for (const { recordId, version } of lines.flatMap(({ event }) => event.records)) {
    const name = `${recordId}/${version}`;
    if (records.has(name)) continue;
    const found = await vault.rows.findRecord(recordId, version);
    if (found !== undefined) records.set(name, `${found.meta.type}/${found.meta.id}/_history/${version}`);
  }
  return lines.map((line) => auditEventOf(line, { organisation: slug, baseUrl, patients, records }));
}
