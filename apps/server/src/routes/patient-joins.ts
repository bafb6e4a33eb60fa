import { type DeviceFact, deviceKey } from '@salus/contracts';
import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

const JOIN_BYTES_MAX = 1_400_000;
const PATIENT = { kind: 'session', who: ['patient'] } as const;

const { anything, id, object } = schema;

interface InOrganisation {
  readonly org: string;
}

/** How a wallet's content comes from the old device to a new one: sealed to the new one, which takes it once. */
export function addPatientJoinRoutes(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation & { readonly kid: string }, unknown, { readonly join: SealedEnvelope }>(app, {
    method: 'PUT',
    url: '/api/v1/orgs/:org/patient/joins/:kid',
    access: PATIENT,
    summary: 'Leaves the wallet’s content for another device of the pid, sealed to that device.',
    params: object({ org: schema.organisation, kid: id }),
    body: object({ join: schema.hpkeEnvelope }),
    bodyBytesMax: JOIN_BYTES_MAX,
    answer: null,
    handle: async ({ params, body, request }) => {
      const { pid } = patientOf(request);
      const device = (await node.ledger.get(deviceKey(pid, params.kid))) as DeviceFact | undefined;
      if (device?.status !== 'active') throw new ServerError('not-found', 'The pid has no such device.');
      const join = parseSealedEnvelope(body.join as unknown as Json);
      const { documents } = readHosted(node, params.org).vault;
      await documents.put('device-join', `${pid}/${params.kid}`, join as unknown as Json);
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/join',
    access: PATIENT,
    summary: 'Takes what another device of the pid has left for this one; it is there once.',
    params: schema.org,
    body: object({}),
    answer: object({ join: anything }),
    handle: async ({ params, request }) => {
      const { pid, kid } = patientOf(request);
      const { documents } = readHosted(node, params.org).vault;
      const join = await documents.find('device-join', `${pid}/${kid}`);
      if (join === undefined) throw new ServerError('not-found', 'Nothing was left for this device.');
      await documents.delete('device-join', `${pid}/${kid}`);
      return { join };
    },
  });
}
