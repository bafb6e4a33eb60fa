import { proveRecord, RecordsError, type SealedProof } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import { type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, type InPath, RESOURCE_IN_PATH } from '../describe.ts';
import { knownType } from '../reads.ts';

/** `GET [base]/{type}/{id}/$proof`, of the current or of one version: what a stranger verifies (docs/record-proof.md). */
export function addProof(app: FastifyInstance, node: Node): void {
  for (const version of ['', '/_history/:vid']) {
    app.route<{ Params: Omit<InPath, 'vid'> & { readonly vid?: string } }>({
      method: 'GET',
      url: `/:org/fhir/R4/:type/:id${version}/$proof`,
      config: { access: FHIR_ACCESS, fhir: true },
      schema: describe(
        'What proves that the ledger holds a version of a resource, to whoever has a checkpoint.',
        version === '' ? RESOURCE_IN_PATH : { ...RESOURCE_IN_PATH, vid: schema.digits },
      ),
      handler: async (request, reply) => {
        const { org, type, id, vid } = request.params;
        const { vault } = readHosted(node, org);
        const record = await vault.rows.findResource(knownType(type), id, vid === undefined ? undefined : Number(vid));
        if (record === undefined) throw new ServerError('not-found', 'There is no such resource.');
        const release = await vault.repository.release(callerOf(node, request), record);
        if (release.kind === 'gone') throw new RecordsError('tombstoned', 'The resource is hidden or erased.');
        if (release.kind === 'refused') {
          throw new RecordsError('denied', 'Your role, care relationship or the patient’s denial does not allow this.');
        }
        const proof = await proveRecord(vault, record);
        if (request.app !== null && !namesOnly(proof, record.meta.owner)) {
          throw new ServerError('not-permitted', 'The proof names other patients, whom an app is not told of.');
        }
        return reply.type('application/json; charset=utf-8').send(JSON.stringify(proof));
      },
    });
  }
}

/** As an owner, as a member, and in the ledger's keys. */
const PIDS = /(?:pid:|"pid":"|patient\/(?:pid|device)\/)([\w-]{22})/g;

/** Whether the committing call, which a proof holds as it was signed, is about no patient but the record's own. */
export function namesOnly({ transaction }: Pick<SealedProof, 'transaction'>, owner: string): boolean {
  return [...JSON.stringify(transaction).matchAll(PIDS)].every(([, pid]) => `pid:${pid}` === owner);
}
