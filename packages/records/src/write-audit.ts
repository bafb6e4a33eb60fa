import { type IdentifierQuery, type ResourceType, rowOf } from '@salus/fhir';
import { logLook } from './audit-by-owner.ts';
import { logSearch } from './search/search-audit.ts';
import type { Sight } from './sight.ts';
import type { AuditLog, StoredRecord } from './vault-types.ts';

/** Conditions whose events are appended together. */
const LOOKS_AT_ONCE = 100;

/** What a condition of a write asked, and what it found of what the caller sees. */
export interface ConditionLook {
  readonly query: string;
  readonly records: readonly StoredRecord[];
}

/** A condition by one identifier as a search; undefined for the directory's, by which imports recognise what is nobody's. */
export function identifierLook(
  type: ResourceType,
  { system, value }: IdentifierQuery,
  records: readonly StoredRecord[],
): ConditionLook | undefined {
  if (rowOf(type).category === 'directory') return undefined;
  const token = system === undefined ? value : `${system ?? ''}|${value}`;
  return { query: `${type}?${new URLSearchParams({ identifier: token }).toString()}`, records };
}

/** As searches: the answer to a conditional request tells whether something matches, whatever becomes of the request. */
export async function logLooks(
  audit: AuditLog,
  { sight, looks, atMs }: { readonly sight: Sight; readonly looks: readonly ConditionLook[]; readonly atMs: number },
): Promise<void> {
  for (let at = 0; at < looks.length; at += LOOKS_AT_ONCE) {
    const together = looks.slice(at, at + LOOKS_AT_ONCE);
    await Promise.all(together.map((look) => logSearch(audit, { sight, ...look, atMs })));
  }
}

/** As reads: a patch that was not written has all the same told what it was compared with. */
export async function logCompared(
  audit: AuditLog,
  compared: { readonly sight: Sight; readonly records: readonly StoredRecord[]; readonly atMs: number },
): Promise<void> {
  await logLook(audit, { ...compared, kind: 'read' });
}
