import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import type { ForeignGrant, GrantToken } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, patientReaderOf, readHosted } from '../node.ts';
import type { HostedOrganisation } from '../organisation.ts';
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
      const organisation = readHosted(node, params.org);
      const { tokens } = organisation.exchange;
      const sealed = parseSealedEnvelope(body.token as unknown as Json);
      const { authorOrganisation: author, terms } = await tokens.receive(sealed, null, demandForApp(params.org));
      const { pid, grant } = terms;
      // Whoever says that two pids are one stands in the log before anybody reads by it, a guardian as a guardian.
      await organisation.vault.audit.append({
        ...{ kind: 'registration', atMs: node.nowMs(), pid: ownPid, who: patientReaderOf(request).who, purpose: null },
        ...{ grant, session: null, records: [], outcome: 'ok', request: null, query: 'patient.link' },
      });
      await handOver(organisation, ownPid, { author, pid, grant });
      return { grant };
    },
  });
}

/** For each address: another organisation's node is asked each time. */
const HANDED_ON_PER_MINUTE = 60;
/** The longest terms have a thousand records and two hundred people. */
const HANDED_ON_BYTES_MAX = 256 * 1024;

/** What a patient hands on: grants here whose grantee is at an organisation that the patient's page cannot reach. */
export function addTokensHandedOn(app: FastifyInstance, node: Node): void {
  addRoute<{ readonly org: string }, unknown, { grant: string; token: SealedEnvelope }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/handed-on',
    access: { kind: 'session', who: ['patient'], guardian: ['consent'] },
    perMinute: HANDED_ON_PER_MINUTE,
    bodyBytesMax: HANDED_ON_BYTES_MAX,
    summary: 'Hands the token of an own grant on to the node of its grantee’s organisation.',
    params: schema.org,
    body: schema.object({ grant: schema.id, token: schema.hpkeEnvelope }),
    answer: schema.object({ grant: schema.id }),
    handle: async ({ params, body: { grant, token }, request }) => {
      const { exchange } = readHosted(node, params.org);
      const { pid } = patientOf(request);
      await exchange.handOn({ pid, grant, sealed: parseSealedEnvelope(token as unknown as Json) });
      return { grant };
    },
  });
}

function demandForApp(own: string): (token: GrantToken) => void {
  return ({ authorOrganisation: author, terms }) => {
    if (terms.grantee.kind === 'client' && author !== own) return;
    throw new ServerError('bad-request', 'The grant is of another organisation, and its grantee an app of this one.');
  };
}

/** Both or nothing: a grant without a link leads nowhere, and a link alone shows the patient elsewhere to all who may look there. */
async function handOver({ exchange, vault }: HostedOrganisation, ownPid: string, grant: ForeignGrant): Promise<void> {
  const { author, pid } = grant;
  await exchange.foreignSessions.handOver(ownPid, grant);
  try {
    // The one person who has both pids says that they are one.
    await vault.foreignLinks.link({ ownPid, author, pid });
  } catch (error) {
    await exchange.foreignSessions.takeBack(ownPid, grant);
    throw error;
  }
}
