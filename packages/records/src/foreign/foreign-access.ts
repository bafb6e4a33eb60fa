import { FhirError } from '@salus/fhir';
import { LedgerError } from '@salus/ledger';
import type { AppUse } from '../exchange/app-reading.ts';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import type { ReadRecord } from '../exchange/reading.ts';
import { RecordsError, type RecordsErrorCode } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import type { Interaction } from '../sight.ts';
import type { Who } from '../vault-types.ts';
import type { ForeignSource } from './foreign-resource.ts';

/** Records of others that one search reads: each is decided and logged at its author's. Who lists more takes nobody's own away. */
export const FOREIGN_RECORDS_MAX = 1_000;
/** Failures of this node, which are told as they are. */
const OWN_FAILURES: ReadonlySet<RecordsErrorCode> = new Set([
  ...(['closed', 'corrupt', 'master-key', 'overloaded', 'rollback-unnamed', 'too-costly'] as const),
  ...(['store-refused', 'store-unavailable'] as const),
]);

export type Member = Who & { readonly kind: 'member' };

/** Who looks at what others' patients granted. */
export interface Asker {
  readonly who: Member;
  /** A patient's app, which reads as grantee: of that one patient, in sessions that the node opens for it. */
  readonly use: AppUse | undefined;
}

/** Members of staff, and apps that a patient has let in; not the organisation's patients, nor services under roles of their own. */
export function askerOf(caller: VaultCaller, organisation: string): Asker | undefined {
  if (caller.kind === 'app') {
    const { who, elsewhere: use } = caller;
    return use === undefined || who.organisation !== organisation ? undefined : { who, use };
  }
  const who = caller.kind === 'member' ? caller.who : caller.kind === 'writer' ? caller.writer.who : undefined;
  return who?.organisation === organisation ? { who, use: undefined } : undefined;
}

/** Scopes narrow what was granted, as they narrow everything; those of one patient by the pid that the patient has here. */
export function allows(
  { narrow }: VaultCaller,
  { pid, ownPid, id }: { readonly pid: string; readonly ownPid: string | null; readonly id: string },
  { recordId, type, pair, dataFromMs, dataToMs }: ChartRecord,
  interaction: Interaction,
): boolean {
  const owner = `pid:${ownPid ?? pid}` as const;
  return narrow?.({ owner, pair, type, id, dataFromMs, dataToMs, recordId }, interaction) ?? true;
}

export function sourceOf(
  { author, pid, patient }: { readonly author: string; readonly pid: string; readonly patient: string | null },
  session: string | null,
  records: ReadonlyMap<string, ChartRecord>,
): ForeignSource {
  return { author, pid, patient, session, pairOf: (recordId) => records.get(recordId)?.pair };
}

/** Large content of a copy stands as references, which its text keeps. */
export function copyOf({ recordId, version, text }: Pick<ReadRecord, 'recordId' | 'version' | 'text'>): ReadRecord {
  return { recordId, version, text, attachments: [] };
}

/** What a list names is no longer as it says. */
export function isStale(error: unknown): boolean {
  return error instanceof RecordsError && /^not-found$|-served$/.test(error.code);
}

export function isOver(error: unknown): error is RecordsError {
  return error instanceof RecordsError && (error.code === 'session-ended' || error.code === 'ledger-refused');
}

/**
 * What another organisation's node does not answer, or proves wrongly, takes nobody's own records away; nor does a fact on the
 * ledger about what lies there that cannot be trusted, which anybody who signs wrongly there could bring about.
 */
export function isTheirs(error: unknown): boolean {
  if (error instanceof FhirError || error instanceof LedgerError) return true;
  return error instanceof RecordsError && !OWN_FAILURES.has(error.code);
}

/** A client has sessions of several patients; as the app of one it reads in that one's alone. */
export function isSessionOf({ use }: Asker, { ownPid }: { readonly ownPid: string | null }): boolean {
  return use === undefined || use.pid === ownPid;
}

export function patientsFirst(a: ChartRecord, b: ChartRecord): number {
  const order = Number(b.type === 'Patient') - Number(a.type === 'Patient');
  return order === 0 ? Number(a.recordId > b.recordId) - Number(a.recordId < b.recordId) : order;
}
