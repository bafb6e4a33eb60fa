import type { SignedDelegation } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { checkDelegation } from '../delegations.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { readLiveIdentity } from '../identities.ts';
import { memberOf, type Node } from '../node.ts';
import { delegation } from '../routes/auth.ts';
import { ServerError } from '../server-error.ts';
import { noteAdministration } from '../steward/note-administration.ts';
import type { SmartServers } from './smart-server.ts';

interface InClient {
  readonly org: string;
  readonly client: string;
}

/** What lets a clinician's app write: the person's own signed delegation to it. */
export function addDelegationRoutes(app: FastifyInstance, node: Node, servers: SmartServers): void {
  const access = { kind: 'session', who: ['staff'] } as const;
  const url = '/api/v1/orgs/:org/clients/:client/delegation';
  const params = schema.object({ org: schema.organisation, client: schema.id });
  addRoute<InClient, unknown, { delegation: SignedDelegation }>(app, {
    method: 'PUT',
    url,
    access,
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
    access,
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
