import { proveSealed, RecordsError } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { namesOnly } from '../fhir/operations/proof.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

const { anything, id, object } = schema;

/**
 * What proves one of the patient's records, without its text: the node opens nothing, the patient's device puts in what it
 * opened itself (docs/record-proof.md).
 */
export function addPatientProof(app: FastifyInstance, node: Node): void {
  addRoute<{ readonly org: string; readonly recordId: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/records/:recordId/proof',
    access: { kind: 'session', who: ['patient'], guardian: ['read'] },
    summary: 'What proves that the ledger holds the current version of a record; the text stays sealed.',
    params: object({ org: schema.organisation, recordId: id }),
    answer: object({ proof: anything }),
    handle: async ({ params, request }) => {
      const { vault } = readHosted(node, params.org);
      const record = await vault.rows.findRecord(params.recordId);
      const unknown = new ServerError('not-found', 'There is no such record.');
      if (record === undefined) throw unknown;
      const release = await vault.repository.release(patientReaderOf(request), record);
      if (release.kind === 'gone') throw new RecordsError('tombstoned', 'The record is hidden or erased.');
      // A record of somebody else is as unknown as none.
      if (release.kind === 'refused') throw unknown;
      const proof = await proveSealed(vault, record);
      if (!namesOnly(proof, record.meta.owner)) {
        throw new ServerError('not-permitted', 'The proof names other patients, of whom you are not told.');
      }
      return { proof };
    },
  });
}
