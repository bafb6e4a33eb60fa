import { ADMINISTRATOR_ROLE, identityKey } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { Gate } from '../gate.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';
import {
  type Claim,
  certifyInvitation,
  claimInvitation,
  INVITATIONS_MAX,
  type Invitation,
  type InvitationPlace,
  invite,
  listInvitations,
  readInvitation,
  refOf,
  withdrawInvitation,
} from './invitations.ts';
import { noteAdministration } from './note-administration.ts';

const ROLES_MAX = 16;
/** For each address: a waiting device asks every few seconds. */
const ASKED_PER_MINUTE = 120;
/** Argon2 takes 19 MiB and about 31 ms of a core each. */
const PASSWORDS_AT_ONCE = 2;
const PASSWORDS_WAITING = 16;

const { account, chain, hash, id, list, nullable, object, oneOf, publicKey, role, timeMs } = schema;
const roles = list(role, ROLES_MAX, 1);
const state = oneOf(['open', 'claimed', 'certified', 'enrolled']);
const code = schema.matching('^[A-Za-z0-9_-]{22}$', 22);
const inPath = object({ org: schema.organisation, ref: hash });

interface InOrganisation {
  readonly org: string;
}
interface OfInvitation extends InOrganisation {
  readonly ref: string;
}

/**
 * Enrolment with a one-time code: the administrator invites, the colleague's browser makes the key and sends only its
 * public half, the administrator confirms that key and signs membership.enrol. No private key is ever here.
 */
export function addInvitationRoutes(app: FastifyInstance, node: Node): void {
  const placeOf = ({ org }: InOrganisation): InvitationPlace => ({
    organisation: readHosted(node, org),
    network: node.network,
    nowMs: node.nowMs(),
  });
  addAdministratorsRoutes(app, node, placeOf);
  addColleaguesRoutes(app, node, placeOf);
}

type PlaceOf = (params: InOrganisation) => InvitationPlace;

function addAdministratorsRoutes(app: FastifyInstance, node: Node, placeOf: PlaceOf): void {
  const access = { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] } as const;
  addRoute<InOrganisation, unknown, { ref: string; account: string; roles: readonly string[] }>(app, {
    ...{ method: 'POST', url: '/api/v1/orgs/:org/invitations', access, params: schema.org },
    summary:
      'Invites a colleague. The administrator’s device draws the code and sends `ref`, its salted name: the node learns the code when it is used.',
    body: object({ ref: hash, account, roles }),
    answer: object({ ref: hash, expiresMs: timeMs }),
    handle: async ({ params, body, request }) => {
      const { ref, expiresMs } = await invite(placeOf(params), { ...body, by: memberOf(request).id });
      await noteAdministration(node, { org: params.org, request, what: `invitation ${ref}` });
      return { ref, expiresMs };
    },
  });
  const shown = object({
    ...{ ref: hash, account, roles, state, by: id, expiresMs: timeMs },
    ...{ publicKey: nullable(publicKey), claimedMs: nullable(timeMs) },
  });
  addRoute<InOrganisation>(app, {
    ...{ method: 'GET', url: '/api/v1/orgs/:org/invitations', access, params: schema.org },
    summary: 'Open invitations, with the public key of the device that used the code.',
    answer: object({ invitations: list(shown, INVITATIONS_MAX) }),
    handle: async ({ params }) => {
      const invitations = await listInvitations(placeOf(params));
      return { invitations: await Promise.all(invitations.map((invitation) => describe(node, invitation))) };
    },
  });
  addRoute<OfInvitation, unknown, { publicKey: string }>(app, {
    ...{ method: 'POST', url: '/api/v1/orgs/:org/invitations/:ref/certificate', access, params: inPath },
    summary:
      'Certifies the key that the administrator compared with the colleague’s screen, and opens the account; it counts once the administrator’s own signed membership.enrol with this chain is committed.',
    body: object({ publicKey }),
    answer: object({ id, chain }),
    handle: async ({ params, body, request }) => {
      const certified = await certifyInvitation(placeOf(params), { ref: params.ref, publicKey: body.publicKey });
      const what = `certificate of ${certified.id} for invitation ${params.ref}`;
      await noteAdministration(node, { org: params.org, request, what });
      return certified;
    },
  });
  addRoute<OfInvitation>(app, {
    ...{ method: 'DELETE', url: '/api/v1/orgs/:org/invitations/:ref', access, params: inPath },
    summary: 'Withdraws an invitation; what the code opened ends with it.',
    answer: null,
    handle: async ({ params, request }) => {
      await withdrawInvitation(placeOf(params), params.ref);
      await noteAdministration(node, { org: params.org, request, what: `withdrawal of invitation ${params.ref}` });
    },
  });
}

async function describe(node: Node, invitation: Invitation): Promise<object> {
  const { ref, account: name, roles: given, by, expiresMs, claim } = invitation;
  const claimed = { publicKey: claim?.publicKey ?? null, claimedMs: claim?.atMs ?? null };
  return { ref, account: name, roles: given, by, expiresMs, ...claimed, state: await stateOf(node, invitation) };
}

async function stateOf({ ledger }: Node, { claim, certified }: Invitation): Promise<string> {
  if (certified !== null) return (await ledger.get(identityKey(certified.id))) === undefined ? 'certified' : 'enrolled';
  return claim === null ? 'open' : 'claimed';
}

function addColleaguesRoutes(app: FastifyInstance, node: Node, placeOf: PlaceOf): void {
  const gate = new Gate({ running: PASSWORDS_AT_ONCE, waiting: PASSWORDS_WAITING });
  const access = { kind: 'public' } as const;
  addRoute<InOrganisation, unknown, Claim>(app, {
    ...{ method: 'POST', url: '/api/v1/orgs/:org/invitations/claim', access, params: schema.org },
    summary:
      'Shows a one-time code and the public key that the colleague’s device made, signed by it, with the password for later log-ins.',
    perMinute: ASKED_PER_MINUTE,
    body: object({ code, publicKey, signature: schema.signature, password: schema.password }),
    answer: object({ account, roles, expiresMs: timeMs }),
    handle: async ({ params, body }) => {
      const { account: name, roles: given, expiresMs } = await gate.run(() => claimInvitation(placeOf(params), body));
      return { account: name, roles: given, expiresMs };
    },
  });
  addRoute<InOrganisation, unknown, { code: string }>(app, {
    ...{ method: 'POST', url: '/api/v1/orgs/:org/invitations/state', access, params: schema.org },
    summary: 'Where an invitation stands, for the device that has its code; with the certificate once it is enrolled.',
    perMinute: ASKED_PER_MINUTE,
    body: object({ code }),
    answer: object({ account, roles, state, id: nullable(id), chain: nullable(chain) }),
    handle: async ({ params, body }) => {
      const place = placeOf(params);
      const invitation = await readInvitation(place, refOf(node.network, params.org, body.code));
      const stands = await stateOf(node, invitation);
      const certified = stands === 'enrolled' ? invitation.certified : null;
      return {
        ...{ account: invitation.account, roles: invitation.roles, state: stands },
        ...{ id: certified?.id ?? null, chain: certified?.chain ?? null },
      };
    },
  });
}
