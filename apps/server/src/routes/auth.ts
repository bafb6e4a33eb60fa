import { GUARDIAN_SCOPES, type SignedDelegation } from '@salus/contracts';
import { fromBase64url, hashTuple, utf8, verifyEs256 } from '@salus/crypto';
import type { Who } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { authenticate, changePassword } from '../accounts.ts';
import { Challenges } from '../challenges.ts';
import { checkDelegation } from '../delegations.ts';
import { Gate } from '../gate.ts';
import { sessionOf, staffOf } from '../http/access.ts';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { findPatientKey, readLiveIdentity } from '../identities.ts';
import { type HostedOrganisation, type Node, patientWho, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** For each address. One address may be a whole hospital behind a gateway. */
const LOGINS_PER_MINUTE = 120;
/** For each account, from any address: who guesses passwords gets 10 tries a minute. */
const LOGINS_PER_ACCOUNT = 10;
const LOGIN_WINDOW_MS = 60_000;
/** Argon2 takes 19 MiB and about 31 ms of a core each. */
const PASSWORDS_AT_ONCE = 4;
const PASSWORDS_WAITING = 64;
const SCOPE_MAX = 32;

const { hash, id, object, timeMs } = schema;
/** Transactions that a delegation names. */
export const delegatedScope = schema.list(schema.matching('^[a-z]{1,32}[.][a-z][A-Za-z0-9]{0,63}$', 97), SCOPE_MAX, 1);
/** `salus:delegation:v1`, as the contract parses it. */
export const delegation = object({
  payload: object({
    version: schema.oneOf(['salus:delegation:v1']),
    alg: schema.oneOf(['ES256']),
    network: id,
    user: id,
    delegate: id,
    scope: delegatedScope,
    notBeforeMs: timeMs,
    notAfterMs: timeMs,
    nonce: id,
  }),
  signature: schema.signature,
});

interface InOrganisation {
  readonly org: string;
}

/** Opening and ending sessions. A session signs nothing: whatever changes the ledger is signed by a key of its own. */
export function addAuthRoutes(app: FastifyInstance, node: Node): void {
  const gate = new Gate({ running: PASSWORDS_AT_ONCE, waiting: PASSWORDS_WAITING });
  addStaffLogin(app, node, gate);
  addPasswordChange(app, node, gate);
  addPatientLogin(app, node);
  addDelegation(app, node);
  const everybody = { kind: 'session', who: ['staff', 'patient', 'recovery'], guardian: 'any' } as const;
  addRoute(app, {
    method: 'POST',
    url: '/api/v1/logout',
    access: everybody,
    summary: 'Ends this session.',
    answer: null,
    handle: async ({ request }) => node.sessions.close(sessionOf(request).token),
  });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/session',
    access: everybody,
    summary: 'Who is logged in with this token, and until when.',
    answer: object({ principal: schema.anything, expiresMs: timeMs, delegatedUntilMs: schema.nullable(timeMs) }),
    handle: async ({ request }) => {
      const { principal, expiresMs, delegation: given } = sessionOf(request);
      return { principal, expiresMs, delegatedUntilMs: given?.payload.notAfterMs ?? null };
    },
  });
}

function addStaffLogin(app: FastifyInstance, node: Node, gate: Gate): void {
  const attempts = new AttemptLimit({ attemptsMax: LOGINS_PER_ACCOUNT, windowMs: LOGIN_WINDOW_MS, nowMs: node.nowMs });
  addRoute<InOrganisation, unknown, { account: string; password: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/login',
    access: { kind: 'public' },
    summary: 'Opens a session for a member of staff.',
    params: schema.org,
    body: object({ account: schema.account, password: schema.password }),
    answer: object({ token: hash, expiresMs: timeMs, id, roles: schema.list(schema.role, 16), node: id }),
    perMinute: LOGINS_PER_MINUTE,
    handle: async ({ params, body }) => {
      const organisation = readHosted(node, params.org);
      const key = `${params.org}/${body.account}`;
      attempts.count(key);
      const account = await gate.run(() => authenticate(organisation.accounts, body.account, body.password));
      attempts.clear(key);
      const person = { id: account.id, organisation: params.org, nowMs: node.nowMs() };
      const { roles, notAfterMs } = await readLiveIdentity(node.ledger, person);
      await noteLogin(organisation, { kind: 'member', id: account.id, organisation: params.org, roles }, null);
      const session = node.sessions.open(
        { kind: 'staff', organisation: params.org, id: account.id, roles, account: account.name },
        notAfterMs,
      );
      await demandStill(node, session.token, async () => {
        await readLiveIdentity(node.ledger, person);
        const { disabledMs, passwordHash } = (await organisation.accounts.find(account.name)) ?? {};
        return disabledMs === null && passwordHash === account.passwordHash;
      });
      return { ...session, id: account.id, roles, node: organisation.node.id };
    },
  });
}

/**
 * What was taken back while somebody logged in found no session to end: it is asked again once there is one.
 *
 * @throws ServerError `wrong-credentials`, and what `ask` throws; the session is closed then
 */
async function demandStill({ sessions }: Node, token: string, ask: () => Promise<boolean>): Promise<void> {
  let still = false;
  try {
    still = await ask();
  } finally {
    if (!still) sessions.close(token);
  }
  if (!still) throw new ServerError('wrong-credentials', 'What was shown counts no more.');
}

/** Who logged in stands in the audit log, and a patient's log-in in the patient's. */
async function noteLogin({ vault }: HostedOrganisation, who: Who | null, pid: string | null): Promise<void> {
  const nothing = { purpose: null, grant: null, session: null, records: [], request: null };
  await vault.audit.append({ kind: 'login', atMs: vault.clock(), pid, who, outcome: 'ok', ...nothing });
}

function addPasswordChange(app: FastifyInstance, node: Node, gate: Gate): void {
  addRoute<InOrganisation, unknown, { current: string; next: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/password',
    access: { kind: 'session', who: ['staff'] },
    summary: 'Changes one’s own password and ends one’s other sessions.',
    params: schema.org,
    body: object({ current: schema.password, next: schema.password }),
    answer: null,
    perMinute: LOGINS_PER_ACCOUNT,
    handle: async ({ params, body, request }) => {
      const person = staffOf(request);
      await gate.run(() => changePassword(readHosted(node, params.org).accounts, person.account, body));
      node.sessions.closeWhere((principal) => principal.kind === 'staff' && principal.id === person.id);
    },
  });
}

function addPatientLogin(app: FastifyInstance, node: Node): void {
  const challenges = new Challenges(node.nowMs);
  addRoute<InOrganisation, unknown, { pid: string; kid: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/challenge',
    access: { kind: 'public' },
    summary: 'Draws what a device (or the recovery key) signs to log in; whether the pid exists is not said.',
    params: schema.org,
    body: object({ pid: id, kid: id }),
    answer: object({ challenge: hash, expiresMs: timeMs }),
    perMinute: LOGINS_PER_MINUTE,
    handle: async ({ params, body }) => {
      readHosted(node, params.org);
      return challenges.draw(params.org, body.pid, body.kid);
    },
  });
  addRoute<InOrganisation, unknown, { pid: string; kid: string; challenge: string; signature: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/login',
    access: { kind: 'public' },
    summary:
      'Opens a patient’s session by a signature over hashTuple("login", network, organisation, pid, kid, challenge).',
    params: schema.org,
    body: object({ pid: id, kid: id, challenge: hash, signature: schema.signature }),
    answer: object({
      ...{ token: hash, expiresMs: timeMs, kind: schema.oneOf(['patient', 'recovery']) },
      guardian: schema.nullable(object({ scope: schema.list(schema.oneOf(GUARDIAN_SCOPES), 8), untilMs: timeMs })),
    }),
    perMinute: LOGINS_PER_MINUTE,
    handle: async ({ params, body: { pid, kid, challenge, signature } }) => {
      const organisation = readHosted(node, params.org);
      const drawn = challenges.spend(challenge, params.org, pid, kid);
      const named = { organisation: params.org, pid, kid };
      const key = await findPatientKey(node.ledger, { ...named, nowMs: node.nowMs() });
      const statement = utf8(hashTuple('login', node.network, params.org, pid, kid, challenge));
      if (
        !drawn ||
        key === undefined ||
        !/[AQgw]$/.test(signature) ||
        !verifyEs256(key.publicKey, statement, fromBase64url(signature))
      ) {
        throw new ServerError('wrong-credentials', 'The challenge is over, or not signed by a key of this pid.');
      }
      await noteLogin(organisation, key.kind === 'patient' ? patientWho(pid, kid, key.guardian) : null, pid);
      const { guardian = null } = key;
      const session =
        key.kind === 'patient' && guardian !== null
          ? node.sessions.open({ kind: 'patient', ...named, guardian }, guardian.untilMs)
          : node.sessions.open({ kind: key.kind, ...named });
      await demandStill(node, session.token, async () => {
        const now = await findPatientKey(node.ledger, { ...named, nowMs: node.nowMs() });
        return now?.kind === key.kind;
      });
      return { ...session, kind: key.kind, guardian };
    },
  });
}

function addDelegation(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, unknown, { delegation: SignedDelegation }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/delegations',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'Lets this organisation’s node write under the person’s name in this session: the person’s key has signed so.',
    params: schema.org,
    body: object({ delegation }),
    answer: object({ untilMs: timeMs }),
    handle: async ({ params, body, request }) => {
      const { id: person } = staffOf(request);
      const nowMs = node.nowMs();
      const user = await readLiveIdentity(node.ledger, { id: person, organisation: params.org, nowMs });
      const delegate = readHosted(node, params.org).node.id;
      checkDelegation(body.delegation, { network: node.network, user, delegate, nowMs });
      node.sessions.delegate(sessionOf(request).token, body.delegation);
      return { untilMs: body.delegation.payload.notAfterMs };
    },
  });
}
