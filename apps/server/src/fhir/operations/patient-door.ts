import type { KnownPatient, Sight, StoredRecord, VaultCaller } from '@salus/records';
import { RecordsError, sightOf } from '@salus/records';
import type { FastifyRequest } from 'fastify';
import { type HostedOrganisation, type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf } from '../caller.ts';

/** A patient at whose record a caller has been let in. */
export interface PatientDoor {
  readonly organisation: HostedOrganisation;
  readonly caller: VaultCaller;
  readonly sight: Sight;
  readonly patient: KnownPatient;
  /** The Patient resource, whose release is logged. */
  readonly record: StoredRecord;
}

/**
 * Lets a caller in who may read the Patient resource itself; what else they see is decided record by record.
 *
 * @throws ServerError `not-found`; RecordsError `denied`, `tombstoned`
 */
export async function openPatientDoor(
  node: Node,
  request: FastifyRequest,
  { org, id }: { readonly org: string; readonly id: string },
): Promise<PatientDoor> {
  const organisation = readHosted(node, org);
  const { vault } = organisation;
  const caller = callerOf(node, request);
  const [patient, record] = await Promise.all([
    vault.patients.findByFhirId(id),
    vault.rows.findResource('Patient', id),
  ]);
  if (patient === undefined || record === undefined) throw new ServerError('not-found', 'There is no such patient.');
  const release = await vault.repository.release(caller, record);
  switch (release.kind) {
    case 'released':
      return { organisation, caller, sight: sightOf(vault, caller), patient, record };
    case 'gone':
      throw new RecordsError('tombstoned', 'The resource is hidden or erased.');
    case 'refused':
      throw new RecordsError('denied', 'Your role, care relationship or the patient’s denial does not allow this.');
  }
}
