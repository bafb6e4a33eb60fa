import {
  type ActFact,
  type Appointment,
  actKey,
  type DeviceFact,
  deviceKey,
  GUARDIAN_SCOPES,
  REGISTERING_ROLES,
} from '@salus/contracts';
import type { Json } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import type { GivenCall } from '../consent.ts';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { committed, takeSigned } from './calls.ts';

/** Of one pid: those who are, and those who were. */
const LISTED_MAX = 200;
const ACTS_MAX = 200;
/** For each address: a signature is dear to check. */
const APPOINTED_PER_MINUTE = 60;

const { anything, hash, id, list, nullable, object, oneOf, timeMs } = schema;
const guardian = object({
  ...{ kid: id, scope: list(oneOf(GUARDIAN_SCOPES), GUARDIAN_SCOPES.length), untilMs: timeMs, addedMs: timeMs },
  ...{ by: oneOf(['patient', 'organisation']), state: oneOf(['active', 'ended', 'removed']) },
  appointed: nullable(anything),
});
const act = object({ callId: hash, guardian: id, transaction: schema.text(98), atMs: timeMs, args: anything });

interface InOrganisation {
  readonly org: string;
}
type Kept = { readonly appointed: Appointment; readonly salt: string };

/** Who acts for whom: the ledger holds keys, scopes and ends; names and evidence lie sealed at the organisation alone. */
export function addGuardianRoutes(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, unknown, GivenCall>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/guardians',
    access: { kind: 'signature' },
    perMinute: APPOINTED_PER_MINUTE,
    summary: 'Commits a signed patient.appointGuardian and keeps who it is and by what evidence; the contract decides.',
    params: schema.org,
    body: object({ call: schema.signedCall, privateArgs: schema.privateArgs }),
    answer: committed,
    handle: async ({ params, body }) => {
      const { contract, transaction } = body.call.payload;
      if (`${contract}.${transaction}` !== 'patient.appointGuardian') {
        throw new ServerError('bad-request', 'The call here is patient.appointGuardian.');
      }
      const done = await takeSigned(node, params.org, body);
      // The contract has parsed them and found that they open the commitment.
      const kept = body.privateArgs?.values as unknown as Kept;
      const { pid, kid } = kept.appointed;
      await readHosted(node, params.org).vault.documents.put('guardian', `${pid}/${kid}`, kept as unknown as Json);
      return done;
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/guardians',
    access: { kind: 'session', who: ['patient'] },
    summary: 'Who acts for the patient, who did, and each act, newest first.',
    params: schema.org,
    answer: object({ guardians: list(guardian, LISTED_MAX), acts: list(act, ACTS_MAX) }),
    handle: async ({ params, request }) => {
      const { pid } = patientOf(request);
      const [guardians, acts] = await Promise.all([
        listGuardians(node, readHosted(node, params.org), pid),
        listActs(node, pid),
      ]);
      return { guardians, acts };
    },
  });
  addRoute<InOrganisation, { patient: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/guardians',
    access: { kind: 'session', who: ['staff'], roles: REGISTERING_ROLES },
    summary:
      'Who acts for a patient of this organisation, for those who ask at the desk; each look is in the audit log.',
    params: schema.org,
    query: object({ patient: schema.fhirId }),
    answer: object({ pid: id, guardians: list(guardian, LISTED_MAX) }),
    handle: async ({ params, query, request }) => {
      const organisation = readHosted(node, params.org);
      const { vault } = organisation;
      const known = await vault.patients.findByFhirId(query.patient);
      if (known === undefined) throw new ServerError('not-found', 'No such patient is registered here.');
      const { pid } = known;
      const about = { kind: 'read', atMs: vault.clock(), pid, who: memberOf(request), purpose: 'PATADMIN' } as const;
      await vault.audit.append({
        ...{ ...about, grant: null, session: null, records: [], outcome: 'ok', request: null, query: 'guardians' },
      });
      return { pid, guardians: await listGuardians(node, organisation, pid) };
    },
  });
}

async function listGuardians({ ledger, nowMs }: Node, { vault }: HostedOrganisation, pid: string) {
  const start = deviceKey(pid, '');
  const devices = await ledger.range(start, `${start.slice(0, -1)}0`, LISTED_MAX);
  const facts = devices.map(({ value }) => value as unknown as DeviceFact);
  return Promise.all(
    facts.flatMap((fact) => {
      const { kid, addedMs, status, guardian: held } = fact;
      if (held === undefined) return [];
      const { scope, untilMs, by } = held;
      const state = status === 'removed' ? 'removed' : nowMs() < untilMs ? 'active' : 'ended';
      return [
        findAppointed(vault, pid, kid).then((appointed) => ({ kid, scope, untilMs, addedMs, by, state, appointed })),
      ];
    }),
  );
}

async function findAppointed({ documents }: HostedOrganisation['vault'], pid: string, kid: string) {
  const kept = (await documents.find('guardian', `${pid}/${kid}`)) as unknown as Kept | undefined;
  if (kept === undefined) return null;
  const { guardian: who, evidence, ends } = kept.appointed;
  return { guardian: who, evidence, ends };
}

async function listActs({ ledger }: Node, pid: string) {
  const start = actKey(pid, '');
  const entries = await ledger.range(start, `${start.slice(0, -1)}0`, ACTS_MAX);
  const acts = await Promise.all(
    entries.map(async ({ key, value }) => {
      const callId = key.slice(start.length);
      const { guardian: kid, transaction, ms } = value as unknown as ActFact;
      const view = await ledger.transaction(callId);
      return { callId, guardian: kid, transaction, atMs: ms, args: view?.call.payload.args ?? null };
    }),
  );
  return acts.sort((left, right) => right.atMs - left.atMs);
}
