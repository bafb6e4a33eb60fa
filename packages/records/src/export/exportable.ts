import { type DeviceFact, deviceKey, type IdentityFact, identityKey } from '@salus/contracts';
import type { Ledger } from '@salus/ledger';
import { type CompartmentParts, visible } from '../compartment.ts';
import type { Sight } from '../sight.ts';
import type { StoredRecord } from '../vault-types.ts';

/**
 * Those that may be carried away now: as `visible`, but that a registrar may know patients by name is no reason. Throws
 * `rollback-unnamed` while nothing may be released.
 */
export function exportable(
  parts: Pick<CompartmentParts, 'guard'>,
  sight: Sight,
  records: readonly StoredRecord[],
): Promise<readonly StoredRecord[]> {
  return visible(parts, sight, records, (reason) => reason !== 'registrar');
}

/** Is who asked still enrolled, or their device still the patient's? */
export async function isStanding(ledger: Ledger, { who }: Sight): Promise<boolean> {
  if (who.kind === 'patient') {
    const device = (await ledger.get(deviceKey(who.pid, who.kid))) as DeviceFact | undefined;
    return device?.status === 'active';
  }
  const identity = (await ledger.get(identityKey(who.id))) as IdentityFact | undefined;
  return identity?.status === 'active';
}
