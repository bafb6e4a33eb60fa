import {
  type ActFact,
  APPOINTING_ROLES,
  actKey,
  type DeviceFact,
  deviceKey,
  GUARDIAN_SCOPES,
  hasRole,
  REGISTERING_ROLES,
} from '@salus/contracts';
import { type CallPayload, callId } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import {
  beginAppointment,
  forgetAppointment,
  type KeptAppointment,
  mayAppoint,
  settleAppointment,
} from '../appointments.ts';
import { type Committed, type GivenCall, isRefusal } from '../consent.ts';
import { patientOf, staffOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readerOf, readHosted } from '../node.ts';
import { readOwnPid } from '../own-pid.ts';
import { ServerError } from '../server-error.ts';
import { committed, takeSigned } from './calls.ts';
import { entriesUnder } from './entries-under.ts';

/** Of one pid: those who are, and those who were. */
const LISTED_MAX = 200;
/** Of one page. */
const ACTS_MAX = 200;
/** For each address: a signature is dear to check. */
const APPOINTED_PER_MINUTE = 60;

const { anything, hash, id, list, nullable, object, oneOf, timeMs } = schema;
const guardian = object({
  ...{ kid: id, scope: list(oneOf(GUARDIAN_SCOPES), GUARDIAN_SCOPES.length), untilMs: timeMs, addedMs: timeMs },
  ...{ by: oneOf(['patient', 'organisation']), state: oneOf(['active', 'ended', 'removed']) },
  appointed: nullable(anything),
});
/** Where a page of acts ends: the time of its last act, and its call. */
const ACT_PLACE = '^[0-9]{1,16}\\.[A-Za-z0-9_-]{43}$';
const act = object({ callId: hash, guardian: id, transaction: schema.text(98), atMs: timeMs, args: anything });

interface InOrganisation {
  readonly org: string;
}

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
      return takeAppointment(node, params.org, body);
    },
  });
  addRoute<InOrganisation, { readonly before?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/guardians',
    access: { kind: 'session', who: ['patient'] },
    summary:
      'Who acts for the patient, who did, and each act, newest first; `next` is the `before` of the page that follows.',
    params: schema.org,
    query: object({ before: schema.matching(ACT_PLACE, 60) }, ['before']),
    answer: object({
      ...{ guardians: list(guardian, LISTED_MAX), acts: list(act, ACTS_MAX), next: nullable(schema.text(60)) },
    }),
    handle: async ({ params, query, request }) => {
      const { pid } = patientOf(request);
      const [guardians, page] = await Promise.all([
        listGuardians(node, readHosted(node, params.org), pid),
        listActs(node, pid, query.before),
      ]);
      return { guardians, ...page };
    },
  });
  addRoute<InOrganisation, { patient: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/guardians',
    access: { kind: 'session', who: ['staff'], roles: REGISTERING_ROLES },
    summary:
      'Who acts for a patient of this organisation whom the person sees, for those who ask at the desk; what the evidence says is for registrars. Each look is in the audit log.',
    params: schema.org,
    query: object({ patient: schema.fhirId }),
    answer: object({ pid: id, guardians: list(guardian, LISTED_MAX) }),
    handle: async ({ params, query, request }) => {
      const organisation = readHosted(node, params.org);
      const { vault } = organisation;
      const pid = await readOwnPid(vault, readerOf(request), query.patient);
      const about = { kind: 'read', atMs: vault.clock(), pid, who: memberOf(request), purpose: 'PATADMIN' } as const;
      await vault.audit.append({
        ...{ ...about, grant: null, session: null, records: [], outcome: 'ok', request: null, query: 'guardians' },
      });
      const guardians = await listGuardians(node, organisation, pid);
      const { roles } = staffOf(request);
      return { pid, guardians: hasRole(roles, APPOINTING_ROLES) ? guardians : guardians.map(withoutEvidence) };
    },
  });
}

/** First the words: a commitment without them would stand for ever. Who may not appoint is refused by the contract alone. */
async function takeAppointment(node: Node, slug: string, given: GivenCall): Promise<Committed> {
  const { vault } = readHosted(node, slug);
  let isBegun = false;
  const done = await takeSigned(node, slug, given, async ({ who }) => {
    if (mayAppoint(who, given)) isBegun = await beginAppointment(vault, given);
  }).catch(async (error: unknown) => {
    if (isBegun && isRefusal(error)) await forgetAppointment(vault, callId(given.call.payload as CallPayload));
    throw error;
  });
  // The signer was given the role in between.
  if (!isBegun) await beginAppointment(vault, given);
  await settleAppointment(vault, done.callId);
  return done;
}

type Listed = Pick<DeviceFact, 'kid' | 'addedMs'> &
  Pick<NonNullable<DeviceFact['guardian']>, 'scope' | 'untilMs' | 'by'> & {
    readonly state: 'active' | 'ended' | 'removed';
  };

/** Whoever acts now comes first, then the newest of those who did. */
async function listGuardians({ ledger, nowMs }: Node, { vault }: HostedOrganisation, pid: string) {
  const shown: Listed[] = [];
  for await (const { value } of entriesUnder(ledger, deviceKey(pid, ''))) {
    const { kid, addedMs, status, removedMs, guardian: held } = value as unknown as DeviceFact;
    if (held === undefined) continue;
    const { scope, untilMs, by } = held;
    const isOver = untilMs <= (removedMs ?? nowMs());
    const state = isOver ? 'ended' : status === 'removed' ? 'removed' : 'active';
    shown.push({ kid, scope, untilMs, addedMs, by, state });
  }
  const isPast = ({ state }: Listed): number => (state === 'active' ? 0 : 1);
  shown.sort((left, right) => isPast(left) - isPast(right) || right.addedMs - left.addedMs);
  return Promise.all(
    shown.slice(0, LISTED_MAX).map(async (one) => ({ ...one, appointed: await findAppointed(vault, pid, one.kid) })),
  );
}

type Shown = Awaited<ReturnType<typeof listGuardians>>[number];

function withoutEvidence({ appointed, ...rest }: Shown) {
  if (appointed === null) return { ...rest, appointed };
  const { kind } = appointed.evidence;
  return { ...rest, appointed: { ...appointed, evidence: { kind, text: '', digest: null } } };
}

async function findAppointed({ documents }: HostedOrganisation['vault'], pid: string, kid: string) {
  const kept = (await documents.find('guardian', `${pid}/${kid}`)) as unknown as KeptAppointment | undefined;
  if (kept === undefined) return null;
  const { guardian: who, evidence, ends } = kept.appointed;
  return { guardian: who, evidence, ends };
}

/** A page of acts, newest first: calls have no order on the ledger, so all of them are looked at, and the newest kept. */
async function listActs({ ledger }: Node, pid: string, before: string | undefined) {
  const start = actKey(pid, '');
  const last = placeOf(before);
  let newest: { readonly callId: string; readonly fact: ActFact }[] = [];
  const trim = (): void => {
    newest = newest.sort(byAge).slice(0, ACTS_MAX + 1);
  };
  for await (const { key, value } of entriesUnder(ledger, start)) {
    const one = { callId: key.slice(start.length), fact: value as unknown as ActFact };
    if (last !== undefined && byAge(last, one) >= 0) continue;
    newest.push(one);
    if (newest.length > 2 * ACTS_MAX) trim();
  }
  trim();
  const page = newest.slice(0, ACTS_MAX);
  const end = page.at(-1);
  const acts = await Promise.all(
    page.map(async ({ callId, fact: { guardian: kid, transaction, ms } }) => {
      const view = await ledger.transaction(callId);
      return { callId, guardian: kid, transaction, atMs: ms, args: view?.call.payload.args ?? null };
    }),
  );
  return { acts, next: newest.length > page.length && end !== undefined ? `${end.fact.ms}.${end.callId}` : null };
}

interface ActPlace {
  readonly callId: string;
  readonly fact: Pick<ActFact, 'ms'>;
}

function byAge(left: ActPlace, right: ActPlace): number {
  return right.fact.ms - left.fact.ms || (left.callId < right.callId ? 1 : left.callId > right.callId ? -1 : 0);
}

function placeOf(before: string | undefined): ActPlace | undefined {
  if (before === undefined) return undefined;
  const [ms = '', callId = ''] = before.split('.');
  return { callId, fact: { ms: Number(ms) } };
}
