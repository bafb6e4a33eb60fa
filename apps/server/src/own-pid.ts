import { sightedOf, sightOf, type Vault, type VaultCaller } from '@salus/records';
import { ServerError } from './server-error.ts';

/**
 * The pid of a Patient of this organisation whom the caller sees: nobody says of others who they are elsewhere.
 *
 * @throws ServerError `not-found`
 */
export async function readOwnPid(vault: Vault, caller: VaultCaller, fhirId: string): Promise<string> {
  const [known, record] = await Promise.all([
    vault.patients.findByFhirId(fhirId),
    vault.rows.findResource('Patient', fhirId),
  ]);
  const isSeen =
    record?.status === 'current' && (await sightOf(vault, caller).decide(sightedOf(record))).kind === 'allowed';
  if (known === undefined || !isSeen) throw new ServerError('not-found', 'You see no such Patient here.');
  return known.pid;
}
