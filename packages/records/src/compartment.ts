import { fromUtf8 } from '@salus/crypto';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import { logLook } from './audit-by-owner.ts';
import type { DataKeys } from './data-keys.ts';
import { IDS_AT_ONCE } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import type { RollbackGuard } from './rollback-guard.ts';
import { type Sight, type SightDecision, sightedOf } from './sight.ts';
import type { AuditKind, AuditLog, CiphertextReader, Clock, Owner, RecordRows, StoredRecord } from './vault-types.ts';

/** Rows that are read at once. */
export const COMPARTMENT_ROWS_MAX = 500;

/** A place in an owner's records. It names a key of the ledger, and so the owner: no client may see it unsealed. */
export interface CompartmentPlace {
  readonly keyId: string;
  readonly recordId: string;
}

/** Which of an owner's current records; what is undefined restricts nothing. */
export interface CompartmentFilter {
  readonly types?: ReadonlySet<string>;
  readonly sinceMs?: number;
  /** Time of the data; a record without one belongs to every time. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** A record with its own JSON text, whose release is logged; null where its attachments are too large to stand in a text. */
export interface OpenedRecord {
  readonly record: StoredRecord;
  readonly text: string | null;
}

export type CompartmentParts = {
  readonly keys: DataKeys;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly guard: RollbackGuard;
};

/**
 * An owner's current records by pages of at most `COMPARTMENT_ROWS_MAX`, in an order that stays while others write. Nothing is
 * decided here: what a page holds must not be shown or counted before `visible`.
 */
export async function* listCompartment(
  { keys, rows }: Pick<CompartmentParts, 'keys' | 'rows'>,
  owner: Owner,
  after?: CompartmentPlace,
): AsyncGenerator<readonly StoredRecord[]> {
  // A patient has dozens of keys with a few records each: a page takes from many.
  const keyIds = (await keys.listKeyIds(owner)).filter((keyId) => after === undefined || keyId >= after.keyId);
  for (let at = 0; at < keyIds.length; at += IDS_AT_ONCE) {
    const some = keyIds.slice(at, at + IDS_AT_ONCE);
    let last = after;
    for (;;) {
      const found = await rows.listRecordsOf(some, {
        limit: COMPARTMENT_ROWS_MAX,
        ...(last === undefined ? {} : { after: last }),
      });
      if (found.length > 0) yield found;
      if (found.length < COMPARTMENT_ROWS_MAX) break;
      last = placeOf(found.at(-1)!);
    }
  }
}

export function placeOf({ keyId, recordId }: StoredRecord): CompartmentPlace {
  return { keyId, recordId };
}

export function isInFilter({ meta }: StoredRecord, { types, sinceMs, fromMs, toMs }: CompartmentFilter): boolean {
  if (types !== undefined && !types.has(meta.type)) return false;
  if (sinceMs !== undefined && meta.lastUpdatedMs < sinceMs) return false;
  if (fromMs !== undefined && meta.dataToMs !== null && meta.dataToMs < fromMs) return false;
  return toMs === undefined || meta.dataFromMs === null || meta.dataFromMs <= toMs;
}

/** Those that may be shown now, and by what `isEnough` takes for a reason. Throws `rollback-unnamed` while nothing may be released. */
export async function visible(
  { guard }: Pick<CompartmentParts, 'guard'>,
  sight: Sight,
  records: readonly StoredRecord[],
  isEnough: (reason: string) => boolean = () => true,
): Promise<readonly StoredRecord[]> {
  guard.demandReleasing();
  const seen: StoredRecord[] = [];
  const decide = decisionsOf(sight);
  for (const record of records) {
    const { kind, reason } = await decide(record);
    if (kind === 'allowed' && isEnough(reason) && record.status !== 'tombstoned') seen.push(record);
  }
  return seen;
}

/** Decisions of one page: where they rest on owner and pair alone, each is taken once. */
function decisionsOf(sight: Sight): (record: StoredRecord) => Promise<SightDecision> {
  const known = new Map<string, Promise<SightDecision>>();
  return (record) => {
    if (sight.isByPair !== true) return sight.decide(sightedOf(record), 'r');
    const name = `${record.meta.owner} ${record.meta.pair}`;
    const decision = known.get(name) ?? sight.decide(sightedOf(record), 'r');
    known.set(name, decision);
    return decision;
  };
}

/**
 * The texts of records that may be shown, once their events, one for each owner, are durable. Throws `rollback-unnamed` while
 * nothing may be released.
 */
export async function openRecords(
  parts: CompartmentParts,
  sight: Sight,
  {
    records,
    kind,
  }: { readonly records: readonly StoredRecord[]; readonly kind: Extract<AuditKind, 'read' | 'search' | 'export'> },
): Promise<readonly OpenedRecord[]> {
  parts.guard.demandReleasing();
  const logged = logLook(parts.audit, { sight, kind, records, atMs: parts.clock() });
  // Nothing leaves before both are done.
  const [opened] = await Promise.all([openAll(parts, records), logged]);
  return opened;
}

async function openAll(
  { ciphertext, attachments }: CompartmentParts,
  records: readonly StoredRecord[],
): Promise<readonly OpenedRecord[]> {
  const opened: OpenedRecord[] = [];
  for (const record of records) {
    const plaintext = fromUtf8(await ciphertext.readPlaintext(record));
    opened.push({ record, text: await inlineAttachments(attachments, plaintext).catch(nullWhenTooLarge) });
  }
  return opened;
}

function nullWhenTooLarge(error: unknown): null {
  if (error instanceof RecordsError && error.code === 'too-large') return null;
  throw error;
}
