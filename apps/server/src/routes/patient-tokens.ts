import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** What a patient hands over in a session of their own: grants at other organisations whose grantee is an app here. */
export function addPatientTokens(app: FastifyInstance, node: Node): void {
  addRoute<{ readonly org: string }, unknown, { token: SealedEnvelope }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/tokens',
    access: { kind: 'session', who: ['patient'], guardian: ['consent'] },
    summary: 'Takes the token of a grant elsewhere to an app here, and that it is of the same person as this pid.',
    params: schema.org,
    body: schema.object({ token: schema.hpkeEnvelope }),
    answer: schema.object({ grant: schema.id }),
    handle: async ({ params, body, request }) => {
      const { pid: ownPid } = patientOf(request);
      const { exchange, vault } = readHosted(node, params.org);
      const token = await exchange.tokens.receive(parseSealedEnvelope(body.token as unknown as Json), null);
      const { authorOrganisation: author, terms } = token;
      if (terms.grantee.kind !== 'client' || author === params.org) {
        throw new ServerError(
          'bad-request',
          'The grant is of another organisation, and its grantee an app of this one.',
        );
      }
      // The one person who has both pids says that they are one.
      await vault.foreignLinks.link({ ownPid, author, pid: terms.pid });
      await exchange.foreignSessions.handOver(ownPid, { author, pid: terms.pid, grant: terms.grant });
      return { grant: terms.grant };
    },
  });
}
