import type { HomeAccess } from '../care.ts';
import { sightedOf, sightOf } from '../sight.ts';
import type { RecordRows } from '../vault-types.ts';
import type { Look } from './foreign-reading.ts';

/** Of a patient whom somebody names the asker must be allowed to see: else it would tell who is a patient elsewhere. */
export async function maySeePatient(
  parts: { readonly organisation: string; readonly access: HomeAccess; readonly rows: RecordRows },
  { caller, asker }: Pick<Look, 'caller' | 'asker'>,
  { fhirId, pid }: { readonly fhirId: string; readonly pid: string },
): Promise<boolean> {
  // The token of an app names its one patient.
  if (asker.use?.pid === pid) return true;
  const record = await parts.rows.findResource('Patient', fhirId);
  if (record?.status !== 'current') return false;
  return (await sightOf(parts, caller).decide(sightedOf(record), 's')).kind === 'allowed';
}
