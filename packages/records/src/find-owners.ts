import type { Owner as FhirOwner } from '@salus/fhir';
import type { Patients } from './patients.ts';
import { pidOf } from './recipients.ts';
import type { RecordRows } from './vault-types.ts';

/** Owners of resources that are here already, by `Type/id`: records without a patient of their own follow them. */
export async function findOwners(
  { rows, patients }: { readonly rows: RecordRows; readonly patients: Patients },
  references: readonly string[],
): Promise<ReadonlyMap<string, FhirOwner>> {
  const owners = new Map<string, FhirOwner>();
  for (const reference of references) {
    const [type = '', id = ''] = reference.split('/');
    const record = await rows.findResource(type, id);
    if (record === undefined) continue;
    const pid = pidOf(record.meta.owner);
    const patient = pid === undefined ? undefined : await patients.findByPid(pid);
    if (pid === undefined) owners.set(reference, { kind: 'organisation' });
    else if (patient !== undefined) owners.set(reference, { kind: 'patient', subject: `Patient/${patient.fhirId}` });
  }
  return owners;
}
