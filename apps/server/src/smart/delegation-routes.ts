import type { SignedDelegation } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { checkDelegation } from '../delegations.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { readLiveIdentity } from '../identities.ts';
import { memberOf, type Node } from '../node.ts';
import { delegatedScope, delegation } from '../routes/auth.ts';
import { ServerError } from '../server-error.ts';
import { noteAdministration } from '../steward/note-administration.ts';
import { CLIENTS_MAX } from './clients.ts';
import { mayWriteForStaff, parseScopes, SCOPE_CHARACTERS_MAX, SCOPES_MAX, usersOf } from './scopes.ts';
import type { SmartServers } from './smart-server.ts';

const NAME_MAX = 100;
const ACCESS = { kind: 'session', who: ['staff'] } as const;

interface InOrganisation {
  readonly org: string;
}
interface InClient extends InOrganisation {
  readonly client: string;
}

/** What lets a clinician's app write: the person's own signed delegation to it. */
export function addDelegationRoutes(app: FastifyInstance, node: Node, servers: SmartServers): void {
  addList(app, servers);
  addLending(app, node, servers);
}

/** Only what the person has lent: whom colleagues trust is theirs. */
function addList(app: FastifyInstance, servers: SmartServers): void {
  const { flag, id, list, nullable, object, oneOf, text, timeMs } = schema;
  const lent = object({ scope: delegatedScope, fromMs: timeMs, untilMs: timeMs });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/apps',
    access: ACCESS,
    summary:
      'The apps and services that the ledger lets act here, whose hands each is in, whether it could write for staff, and what this person has lent it until when.',
    params: schema.org,
    answer: object({
      apps: list(
        object({
          client: id,
          name: text(NAME_MAX),
          scopes: list(text(SCOPE_CHARACTERS_MAX), SCOPES_MAX),
          usedBy: oneOf(['staff', 'patient', 'service']),
          mayWrite: flag,
          lent: nullable(lent),
        }),
        CLIENTS_MAX,
      ),
    }),
    handle: async ({ params, request }) => {
      const { clients, delegations } = await servers.read(params.org);
      const { id: person } = memberOf(request);
      const listed = await clients.list();
      const apps = listed.map(async ({ id: client, name, scope }) => {
        if (!(await clients.isLive(client))) return [];
        const scopes = parseScopes(scope);
        const payload = delegations.find({ person, client })?.payload;
        return {
          ...{ client, name, usedBy: usersOf(scopes), mayWrite: mayWriteForStaff(scopes) },
          scopes: [...scopes.words, ...scopes.resources.map(({ text: word }) => word)],
          lent:
            payload === undefined
              ? null
              : { scope: payload.scope, fromMs: payload.notBeforeMs, untilMs: payload.notAfterMs },
        };
      });
      return { apps: (await Promise.all(apps)).flat() };
    },
  });
}

function addLending(app: FastifyInstance, node: Node, servers: SmartServers): void {
  const url = '/api/v1/orgs/:org/clients/:client/delegation';
  const params = schema.object({ org: schema.organisation, client: schema.id });
  addRoute<InClient, unknown, { delegation: SignedDelegation }>(app, {
    method: 'PUT',
    url,
    access: ACCESS,
    summary: 'Lets an app write under the person’s name, within its scopes: the person’s key has signed so.',
    params,
    body: schema.object({ delegation }),
    answer: schema.object({ untilMs: schema.timeMs }),
    handle: async ({ params: { org, client: clientId }, body, request }) => {
      const { clients, delegations } = await servers.read(org);
      const client = await clients.findLive(clientId);
      if (client === undefined) throw new ServerError('not-found', 'No such app is enrolled here.');
      const { id: person } = memberOf(request);
      const nowMs = node.nowMs();
      const user = await readLiveIdentity(node.ledger, { id: person, organisation: org, nowMs });
      checkDelegation(body.delegation, { network: node.network, user, delegate: client.id, nowMs });
      // A session that was stolen lends the name unseen, else, until the app writes.
      await noteAdministration(node, { org, request, what: `delegation.put ${client.id}` });
      delegations.put({ person, client: client.id }, body.delegation);
      return { untilMs: body.delegation.payload.notAfterMs };
    },
  });
  addRoute<InClient>(app, {
    method: 'DELETE',
    url,
    access: ACCESS,
    summary: 'Takes it back: the app’s next write is refused.',
    params,
    answer: null,
    handle: async ({ params: { org, client }, request }) => {
      const { delegations } = await servers.read(org);
      delegations.delete({ person: memberOf(request).id, client });
      await noteAdministration(node, { org, request, what: `delegation.delete ${client}` });
    },
  });
}
