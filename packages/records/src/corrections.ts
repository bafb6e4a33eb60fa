import type { HomeAccess } from './care.ts';
import type { RecordWriter } from './commit.ts';
import { hidingAuditsOf } from './new-versions.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import type { WritingCaller } from './repository.ts';
import { sightedOf, sightOf } from './sight.ts';
import type { AuditLog, Clock, RecordRows, StoredRecord } from './vault-types.ts';

/** Versions that one tombstone call hides. */
export const TOMBSTONES_MAX = 500;

type Parts = {
  readonly organisation: string;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly access: HomeAccess;
  readonly audit: AuditLog;
  readonly clock: Clock;
};

/** Nothing is overwritten (DESIGN §5): a tombstone hides and keeps. A new version is an update of the repository. */
export class Corrections {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Hides current versions, which stay provable. Throws `denied`, `conflict`, or `ledger-refused` with its code. */
  async tombstone(caller: WritingCaller, recordIds: readonly string[]): Promise<{ readonly callId: string }> {
    if (recordIds.length === 0 || recordIds.length > TOMBSTONES_MAX) {
      throw new RecordsError('bad-input', `a tombstone names 1 to ${TOMBSTONES_MAX} records`);
    }
    const { rows, writer, clock } = this.#parts;
    const records: StoredRecord[] = [];
    for (const recordId of new Set(recordIds)) {
      const record = await rows.findRecord(recordId);
      if (record === undefined) throw new RecordsError('not-found', 'no such record');
      await this.#demandAccess(caller, record);
      records.push(record);
    }
    const audits = hidingAuditsOf(caller.writer.who, caller.purpose, records, clock());
    const order = { writer: caller.writer, versions: [], patients: [], bundleToken: null, audits, hides: records };
    const { callId } = await writer.write(order);
    return { callId };
  }

  async #demandAccess(caller: WritingCaller, record: StoredRecord): Promise<void> {
    const decision = await sightOf(this.#parts, caller).decide(sightedOf(record), 'd');
    if (decision.kind === 'allowed') return;
    const { audit, clock } = this.#parts;
    const { recordId, version, meta } = record;
    const pid = pidOf(meta.owner) ?? null;
    const event = { kind: 'refusal', atMs: clock(), pid, records: [{ recordId, version }] } as const;
    const { who } = caller.writer;
    const { purpose } = caller;
    await audit.append({ ...event, who, purpose, outcome: decision.reason, grant: null, session: null, request: null });
    throw new RecordsError('denied', `home access is not allowed: ${decision.reason}`);
  }
}
