import { openRecords, type Sight, type Vault } from '@salus/records';
import type { FoundPatient } from './find-patients.ts';
import { cardOf, type PatientCard } from './patient-card.ts';

/**
 * The cards of people who were found, once who looked stands in the log of each of them, and how they asked in the
 * organisation's own (sealed; a question may name others). Throws `rollback-unnamed` while nothing may be released.
 */
export async function showPatients<Found extends Pick<FoundPatient, 'record' | 'tree'>>(
  vault: Vault,
  sight: Sight,
  { found, query }: { readonly found: readonly Found[]; readonly query: string },
): Promise<readonly { readonly found: Found; readonly card: PatientCard }[]> {
  await noteSearch(vault, sight, { pid: null, query });
  await openRecords(vault, sight, { records: found.map(({ record }) => record), kind: 'search' });
  const shown: { readonly found: Found; readonly card: PatientCard }[] = [];
  for (const each of found) {
    const known = await vault.patients.findByFhirId(each.record.meta.id);
    if (known !== undefined) shown.push({ found: each, card: cardOf(each.tree, known) });
  }
  return shown;
}

/** Durable before anything is told; `pid`: in whose log it stands besides. */
export async function noteSearch(
  { audit, clock }: Pick<Vault, 'audit' | 'clock'>,
  { who, purpose, grant }: Pick<Sight, 'who' | 'purpose' | 'grant'>,
  { pid, query }: { readonly pid: string | null; readonly query: string },
): Promise<void> {
  const nothing = { session: null, records: [], request: null, outcome: 'ok' } as const;
  await audit.append({ kind: 'search', atMs: clock(), who, purpose, grant, pid, query, ...nothing });
}

/** A question as it was asked, for the sealed event. */
export function queryOf(path: string, asked: { readonly [name: string]: string | undefined }): string {
  const pairs = Object.entries(asked).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  return `${path}?${new URLSearchParams(pairs).toString()}`;
}
