import { parseReference } from '@salus/fhir';
import { type Sight, type StoredRecord, type Vault, visible } from '@salus/records';

/** Directory resources that one answer brings along. */
const INCLUDED_MAX = 500;

/** Resources of the directory that records name and the caller may see: practitioners, organisations, medications. */
export async function directoryEntries(
  vault: Vault,
  sight: Sight,
  records: readonly StoredRecord[],
): Promise<readonly StoredRecord[]> {
  const names = new Set(records.flatMap(({ meta }) => meta.references));
  const found: StoredRecord[] = [];
  for (const name of names) {
    if (found.length >= INCLUDED_MAX) break;
    const reference = parseReference(name);
    if (reference.kind !== 'local') continue;
    const row = await vault.rows.findResource(reference.type, reference.id);
    // What belongs to a patient is in the compartment, or not to be shown from here.
    if (row?.status !== 'current' || !row.meta.owner.startsWith('org:')) continue;
    found.push(...(await visible(vault, sight, [row])));
  }
  return found;
}
