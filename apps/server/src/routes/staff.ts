import { ADMINISTRATOR_ROLE, REGISTERING_ROLES } from '@salus/contracts';
import { isPublicKey, issueCertificate } from '@salus/crypto';
import type { Who } from '@salus/records';
import { formatSlip } from '@salus/wallet';
import type { FastifyInstance } from 'fastify';
import { createAccount } from '../accounts.ts';
import { CLOCK_SLACK_MS, newId, STAFF_CERTIFICATE_DAYS } from '../founding.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readHosted, writerOf } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { pageSize } from './ledger.ts';

const DAY_MS = 86_400_000;
const ROLES_MAX = 16;
const PATIENTS_PAGE_MAX = 500;

const { fhirId, id, list, nullable, object, org, timeMs } = schema;

interface InOrganisation {
  readonly org: string;
}

/** What staff do at home besides reading and writing FHIR: the desk's slips and assignments, the administrator's enrolments. */
export function addStaffRoutes(app: FastifyInstance, node: Node): void {
  addDesk(app, node);
  addEnrolment(app, node);
}

function addDesk(app: FastifyInstance, node: Node): void {
  const desk = { kind: 'session', who: ['staff'], roles: REGISTERING_ROLES } as const;
  const patient = object({ pid: id, fhirId, registeredMs: timeMs });
  addRoute<InOrganisation, { after?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patients',
    access: desk,
    summary: 'The organisation’s patients: pid and Patient resource, in an order that says nothing.',
    params: org,
    query: object({ after: id, limit: schema.digits }, ['after', 'limit']),
    answer: object({ patients: list(patient, PATIENTS_PAGE_MAX), next: nullable(id) }),
    handle: async ({ params, query: { after, limit }, request }) => {
      const size = pageSize(limit, 100, PATIENTS_PAGE_MAX);
      const page = { limit: size, ...(after === undefined ? {} : { after }) };
      const { vault } = readHosted(node, params.org);
      const patients = await vault.patients.list(page);
      if (patients.length > 0) await noteLookUp(vault, memberOf(request), null);
      return { patients, next: patients.length < size ? null : (patients.at(-1)?.pid ?? null) };
    },
  });
  addRoute<InOrganisation & { fhirId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patients/:fhirId',
    access: desk,
    summary: 'The pid of one Patient resource.',
    params: object({ org: schema.organisation, fhirId }),
    answer: patient,
    handle: async ({ params, request }) => {
      const { vault } = readHosted(node, params.org);
      const found = await vault.patients.findByFhirId(params.fhirId);
      if (found === undefined) throw new ServerError('not-found', 'No such patient is registered here.');
      await noteLookUp(vault, memberOf(request), found.pid);
      return found;
    },
  });
  addRoute<InOrganisation & { fhirId: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patients/:fhirId/slip',
    access: desk,
    summary: 'Makes the slip with which the patient claims the pid, shown once; every earlier slip ends.',
    params: object({ org: schema.organisation, fhirId }),
    answer: object({ slip: schema.text(200), pid: id, notAfterMs: timeMs }),
    handle: async ({ params, request }) => {
      const { writer } = writerOf(node, request);
      const { patients } = readHosted(node, params.org).vault;
      const { pid, seed, notAfterMs } = await patients.issueSlip(writer, params.fhirId);
      return { slip: formatSlip({ network: node.network, organisation: params.org, pid, seed }), pid, notAfterMs };
    },
  });
  addRoute<InOrganisation, unknown, { pid: string; person: string; untilMs: number }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/assignments',
    access: desk,
    summary: 'Puts a patient into a colleague’s care until a time; audited, and seen by the patient.',
    params: org,
    body: object({ pid: id, person: id, untilMs: timeMs }),
    answer: null,
    handle: async ({ params, body: { pid, person, untilMs }, request }) => {
      const { vault } = readHosted(node, params.org);
      if ((await vault.patients.findByPid(pid)) === undefined)
        throw new ServerError('not-found', 'No such patient is registered here.');
      await vault.access.assign(memberOf(request), { pid, actor: person, fromMs: node.nowMs(), untilMs });
    },
  });
}

/** A hit is an event before it is shown (DESIGN §5): in the patient's log where one was looked for. */
async function noteLookUp({ audit, clock }: HostedOrganisation['vault'], who: Who, pid: string | null): Promise<void> {
  const nothing = { purpose: null, grant: null, session: null, records: [], request: null };
  await audit.append({ kind: 'search', atMs: clock(), pid, who, outcome: 'ok', ...nothing });
}

function addEnrolment(app: FastifyInstance, node: Node): void {
  const administrator = { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] } as const;
  addRoute<InOrganisation, unknown, { account: string; password: string; publicKey: string; roles: readonly string[] }>(
    app,
    {
      method: 'POST',
      url: '/api/v1/orgs/:org/staff',
      access: administrator,
      summary:
        'Certifies a colleague’s public key and opens an account; it logs in once the administrator’s own signed membership.enrol with this chain is committed.',
      params: org,
      body: object({
        account: schema.account,
        password: schema.password,
        publicKey: schema.publicKey,
        roles: list(schema.role, ROLES_MAX, 1),
      }),
      answer: object({ id, chain: schema.chain }),
      handle: async ({ params, body: { account, password, publicKey, roles } }) => {
        const organisation = readHosted(node, params.org);
        const person = newId();
        const nowMs = node.nowMs();
        if (!isPublicKey(publicKey)) throw new ServerError('bad-request', 'The public key is no point on P-256.');
        await createAccount(organisation.accounts, { name: account, id: person, password, nowMs });
        const certificate = await issueCertificate({
          ca: await organisation.openAuthority(),
          id: person,
          organisation: params.org,
          kind: 'staff',
          roles,
          publicKey,
          notBeforeMs: nowMs - CLOCK_SLACK_MS,
          notAfterMs: nowMs + STAFF_CERTIFICATE_DAYS * DAY_MS,
        });
        return { id: person, chain: [certificate] };
      },
    },
  );
  addRoute<InOrganisation & { account: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/staff/:account',
    access: administrator,
    summary: 'Closes an account and its sessions; the person’s certificate is revoked by a signed membership.revoke.',
    params: object({ org: schema.organisation, account: schema.account }),
    answer: null,
    handle: async ({ params }) => {
      const { accounts } = readHosted(node, params.org);
      const found = await accounts.find(params.account);
      if (found === undefined) throw new ServerError('not-found', 'There is no such account.');
      await accounts.put({ ...found, disabledMs: node.nowMs() });
      node.sessions.closeWhere(
        (principal) =>
          principal.kind === 'staff' && principal.organisation === params.org && principal.account === params.account,
      );
    },
  });
  addRoute<InOrganisation, unknown, { practitioner: string; person: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/practitioners',
    access: administrator,
    summary: 'Says which Practitioner resource a member of staff is, so that encounters and orders name the person.',
    params: org,
    body: object({ practitioner: fhirId, person: id }),
    answer: null,
    handle: async ({ params, body }) => {
      await readHosted(node, params.org).vault.access.linkPractitioner(
        body.person,
        `Practitioner/${body.practitioner}`,
      );
    },
  });
}
