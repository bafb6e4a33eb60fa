import { type DeviceFact, deviceKey } from '@salus/contracts';
import { type Json, parseSealedEnvelope } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

const JOIN_BYTES_MAX = 1_400_000;
const PATIENT = { kind: 'session', who: ['patient'] } as const;

const { anything, id, object } = schema;
/** Who sealed it; the device that takes it checks that, by a key that this node did not tell it. */
const seal = object({ publicKey: schema.publicKey, signature: schema.signature });

interface InOrganisation {
  readonly org: string;
}

interface LeftJoin {
  readonly join: Json;
  readonly by: { readonly publicKey: string; readonly signature: string };
}

/**
 * How a wallet's content comes from the old device to a new one: sealed to the new one and signed by the old one. It stays
 * until the new one says that it keeps it: an answer that is lost on the way loses nothing.
 */
export function addPatientJoinRoutes(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation & { readonly kid: string }, unknown, LeftJoin>(app, {
    method: 'PUT',
    url: '/api/v1/orgs/:org/patient/joins/:kid',
    access: PATIENT,
    summary: 'Leaves the wallet’s content for another device of the pid, sealed to that device and signed by this one.',
    params: object({ org: schema.organisation, kid: id }),
    body: object({ join: schema.hpkeEnvelope, by: seal }),
    bodyBytesMax: JOIN_BYTES_MAX,
    answer: null,
    handle: async ({ params, body, request }) => {
      const { pid } = patientOf(request);
      const device = (await node.ledger.get(deviceKey(pid, params.kid))) as DeviceFact | undefined;
      if (device?.status !== 'active') throw new ServerError('not-found', 'The pid has no such device.');
      const { publicKey, signature } = body.by;
      const left = { join: parseSealedEnvelope(body.join), by: { publicKey, signature } };
      const { documents } = readHosted(node, params.org).vault;
      await documents.put('device-join', `${pid}/${params.kid}`, left as unknown as Json);
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/join',
    access: PATIENT,
    summary: 'What another device of the pid has left for this one; it stays until it is deleted.',
    params: schema.org,
    answer: object({ join: anything, by: seal }),
    handle: async ({ params, request }) => {
      const { pid, kid } = patientOf(request);
      const { documents } = readHosted(node, params.org).vault;
      const left = await documents.find('device-join', `${pid}/${kid}`);
      if (left === undefined) throw new ServerError('not-found', 'Nothing was left for this device.');
      return left;
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/patient/join',
    access: PATIENT,
    summary: 'Forgets what was left for this device, which keeps it now.',
    params: schema.org,
    answer: null,
    handle: async ({ params, request }) => {
      const { pid, kid } = patientOf(request);
      const { documents } = readHosted(node, params.org).vault;
      await documents.delete('device-join', `${pid}/${kid}`);
    },
  });
}
