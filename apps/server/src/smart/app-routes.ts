import { ADMINISTRATOR_ROLE, PURPOSES } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { AUTHENTICATIONS, CLIENTS_MAX, type ClientRegistration } from './clients.ts';
import { SCOPE_CHARACTERS_MAX, SCOPES_MAX } from './scopes.ts';
import type { SmartServers } from './smart-server.ts';

const NAME_MAX = 100;
const URI_MAX = 500;
const URIS_MAX = 10;
const KEYS_MAX = 10;
const ROLES_MAX = 8;
/** Wrong ones, for each patient: a code has 40 bits and lives ten minutes. */
const CODES_PER_MINUTE = 10;
const MINUTE_MS = 60_000;

const { fhirId, id, list, nullable, object, oneOf, organisation, text } = schema;
const scope = text(SCOPE_CHARACTERS_MAX, 1);
const uri = text(URI_MAX, 1);
const purpose = oneOf(PURPOSES);
const code = schema.matching('^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$', 9);
const registration = {
  name: text(NAME_MAX, 1),
  authentication: oneOf(AUTHENTICATIONS),
  redirectUris: list(uri, URIS_MAX),
  launchUri: nullable(uri),
  scope,
  jwks: nullable(object({ keys: list(schema.anyObject, KEYS_MAX, 1) })),
  roles: list(schema.role, ROLES_MAX),
  purpose,
};

interface InOrganisation {
  readonly org: string;
}

/** Apps as administrators register them, clinicians launch them and patients let them in. */
export function addAppRoutes(app: FastifyInstance, node: Node, servers: SmartServers): void {
  addRegistration(app, servers);
  addLaunch(app, servers);
  addApproval(app, node, servers);
}

function addRegistration(app: FastifyInstance, servers: SmartServers): void {
  const access = { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] } as const;
  const url = '/api/v1/orgs/:org/clients';
  addRoute<InOrganisation, unknown, ClientRegistration>(app, {
    method: 'POST',
    url,
    access,
    summary:
      'Registers an app or back-end service with a key and certificate of its own; it may act once the administrator’s signed membership.enrol with this chain is committed. The secret is shown once.',
    params: schema.org,
    body: object(registration),
    answer: object({ clientId: id, chain: schema.chain, secret: nullable(schema.hash) }),
    handle: async ({ params, body }) => {
      const client = await (await servers.read(params.org)).clients.register(body);
      return { clientId: client.id, chain: client.chain, secret: client.secret };
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url,
    access,
    summary:
      'The registered clients; `live` says whether the ledger lets each act. A signed membership.revoke ends one.',
    params: schema.org,
    answer: object({
      clients: list(object({ ...registration, clientId: id, live: schema.flag }), CLIENTS_MAX),
    }),
    handle: async ({ params }) => {
      const { clients } = await servers.read(params.org);
      const listed = await clients.list();
      return {
        clients: await Promise.all(
          listed.map(
            async ({ id: clientId, secret: _secret, kid: _kid, chain: _chain, registeredMs: _ms, ...rest }) => ({
              ...rest,
              clientId,
              live: await clients.isLive(clientId),
            }),
          ),
        ),
      };
    },
  });
}

function addLaunch(app: FastifyInstance, servers: SmartServers): void {
  addRoute<InOrganisation, unknown, { client: string; patient: string; encounter: string | null }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/launches',
    access: { kind: 'session', who: ['staff'] },
    summary: 'Begins an EHR launch: the address to open in the browser, with the patient in context for five minutes.',
    params: schema.org,
    body: object({ client: id, patient: fhirId, encounter: nullable(fhirId) }),
    answer: object({ launch: schema.hash, url: nullable(text(2_000)) }),
    handle: async ({ params, body, request }) => {
      const server = await servers.read(params.org);
      const client = await server.clients.findLive(body.client);
      if (client === undefined) throw new ServerError('not-found', 'No such app is enrolled here.');
      const launch = await server.launches.begin(memberOf(request), body);
      const url = client.launchUri === null ? null : new URL(client.launchUri);
      url?.searchParams.set('iss', server.audience);
      url?.searchParams.set('launch', launch);
      return { launch, url: url?.href ?? null };
    },
  });
}

function addApproval(app: FastifyInstance, node: Node, servers: SmartServers): void {
  const attempts = new AttemptLimit({ attemptsMax: CODES_PER_MINUTE, windowMs: MINUTE_MS, nowMs: node.nowMs });
  const access = { kind: 'session', who: ['patient'] } as const;
  const url = '/api/v1/orgs/:org/patient/apps/:code';
  const params = object({ org: organisation, code });
  addRoute<InOrganisation & { code: string }>(app, {
    method: 'GET',
    url,
    access,
    summary: 'The app that waits with this code, for the wallet to show what a grant to it would open.',
    params,
    answer: object({
      client: id,
      clientName: registration.name,
      returnsTo: uri,
      scopes: list(scope, SCOPES_MAX),
      purpose,
      categories: list(schema.category, 64),
      resourceTypes: nullable(list(schema.resourceType, SCOPES_MAX + 1)),
    }),
    handle: async ({ params: { org, code: given }, request }) => {
      const { pid } = patientOf(request);
      attempts.count(pid);
      const { uid: _uid, code: _code, state: _state, ...shown } = await (await servers.read(org)).approvals.read(given);
      attempts.clear(pid);
      return shown;
    },
  });
  addRoute<InOrganisation & { code: string }, unknown, { grant: string | null }>(app, {
    method: 'POST',
    url,
    access,
    summary: 'Lets the waiting app in by a committed grant that names it, or declines with null.',
    params,
    body: object({ grant: nullable(id) }),
    answer: null,
    handle: async ({ params: { org, code: given }, body: { grant }, request }) => {
      const { pid } = patientOf(request);
      attempts.count(pid);
      const { approvals } = await servers.read(org);
      await (grant === null ? approvals.decline(given) : approvals.approve(given, { pid, grant }));
    },
  });
}
