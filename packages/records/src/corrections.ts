import type { Json, SignedCall } from '@salus/contracts';
import type { Ledger } from '@salus/ledger';
import type { Attachments } from './attachments.ts';
import type { BundleWorkers } from './bundle-workers.ts';
import { signWriterCall } from './calls.ts';
import type { HomeAccess } from './care.ts';
import type { RecordWriter } from './commit.ts';
import type { LeafStates } from './erase.ts';
import { findOwners } from './find-owners.ts';
import { leafReference } from './leaf-reference.ts';
import { auditsOf, removePrepared, versionOf } from './new-versions.ts';
import type { Patients } from './patients.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { refusedWrite, type VaultTransactionResult, type WritingCaller } from './repository.ts';
import type { AuditLog, Clock, RecordRows, StoredRecord } from './vault-types.ts';

/** Versions that one tombstone call hides. */
export const TOMBSTONES_MAX = 500;

type Parts = {
  readonly ledger: Ledger;
  readonly organisation: string;
  readonly baseUrl: string | null;
  readonly attachmentsDirectory: string;
  readonly attachments: Attachments;
  readonly workers: BundleWorkers;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly patients: Patients;
  readonly access: HomeAccess;
  readonly leafStates: LeafStates;
  readonly audit: AuditLog;
  readonly clock: Clock;
};

/** Nothing is overwritten (DESIGN §5): a correction is a new version that supersedes, a tombstone hides and keeps. */
export class Corrections {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Writes `text` as the next version of a resource. `versionId` names the version that it was made from: when that is
   * not the current one any more the result is refused with `conflict`.
   */
  async correct(
    caller: WritingCaller,
    resource: { readonly type: string; readonly id: string; readonly versionId: string },
    text: Uint8Array,
  ): Promise<VaultTransactionResult> {
    try {
      return await this.#correct(caller, resource, text);
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      const isLedgers = error.code === 'ledger-refused' && error.detail !== undefined;
      return refusedWrite(isLedgers ? error.detail : error.code, error.message);
    }
  }

  /** Hides current versions, which stay provable. Throws `denied`, `conflict`, or `ledger-refused` with its code. */
  async tombstone(caller: WritingCaller, recordIds: readonly string[]): Promise<{ readonly callId: string }> {
    if (recordIds.length === 0 || recordIds.length > TOMBSTONES_MAX) {
      throw new RecordsError('bad-input', `a tombstone names 1 to ${TOMBSTONES_MAX} records`);
    }
    const { rows, ledger, clock, leafStates } = this.#parts;
    const records = await Promise.all([...new Set(recordIds)].map((recordId) => rows.findRecord(recordId)));
    const leaves: Json[] = [];
    for (const record of records) {
      if (record === undefined) throw new RecordsError('not-found', 'no such record');
      await this.#demandAccess(caller, record);
      leaves.push(await leafReference(rows, record));
    }
    const nowMs = clock();
    const { network } = ledger;
    const call = await signWriterCall(caller.writer, {
      network,
      contract: 'record',
      transaction: 'tombstone',
      args: { leaves },
      nowMs,
    });
    const callId = await this.#submit(call);
    await this.#logTombstones(
      caller,
      records.filter((record) => record !== undefined),
      nowMs,
    );
    await leafStates.applyCall(callId);
    return { callId };
  }

  async #correct(
    caller: WritingCaller,
    { type, id, versionId }: { readonly type: string; readonly id: string; readonly versionId: string },
    text: Uint8Array,
  ): Promise<VaultTransactionResult> {
    const { rows, workers, clock, baseUrl, attachmentsDirectory } = this.#parts;
    const current = await rows.findResource(type, id);
    if (current === undefined) throw new RecordsError('not-found', 'no such resource');
    await this.#demandAccess(caller, current);
    if (current.status !== 'current' || String(current.version) !== versionId) {
      throw new RecordsError('conflict', 'the version is not the current one any more');
    }
    const nowMs = clock();
    const correction = { type, id, version: current.version + 1 };
    const prepared = await workers.prepare(
      { bytes: text, nowMs, matchDirectory: false, baseUrl, attachmentsDirectory, correction },
      {
        begin: async () => {},
        // A new version is no conditional create: nothing is to be recognised.
        findByIdentifier: async () => [],
        findOwners: (references) => findOwners(this.#parts, references),
      },
    );
    if (prepared.kind === 'refused') return prepared;
    const [entry] = prepared.entries;
    if (entry?.kind !== 'create') throw new Error('broken invariant: a correction creates one version');
    await this.#demandSameOwner(current, entry.subject, `${type}/${id}`).catch(async (error: unknown) => {
      await removePrepared(this.#parts.attachments, [entry]);
      throw error;
    });
    const version = versionOf(entry, current.meta.owner, nowMs, current);
    const receipt = await this.#parts.writer.write({
      writer: caller.writer,
      versions: [version],
      patients: [],
      bundleToken: null,
      audits: auditsOf(caller.writer.who, caller.purpose, [version], nowMs),
    });
    const outcome = {
      kind: 'created',
      type: entry.type,
      id,
      versionId: String(version.version),
      lastUpdatedMs: nowMs,
    } as const;
    return { kind: 'committed', outcomes: [outcome], callId: receipt.callId };
  }

  /** A record stays with its owner: to move it is to tombstone it here and to write it there. */
  async #demandSameOwner(current: StoredRecord, subject: string | null, self: string): Promise<void> {
    const pid = pidOf(current.meta.owner);
    if (subject === self && current.meta.type === 'Patient') return;
    const patient = pid === undefined ? undefined : await this.#parts.patients.findByPid(pid);
    const expected = patient === undefined ? null : `Patient/${patient.fhirId}`;
    if (subject !== expected)
      throw new RecordsError('bad-input', 'a new version has the owner of the one that it replaces');
  }

  async #demandAccess(caller: WritingCaller, record: StoredRecord): Promise<void> {
    const decision = await this.#parts.access.decide(caller.writer.who, record.meta);
    if (decision.kind === 'allowed') return;
    const { audit, clock } = this.#parts;
    const { recordId, version, meta } = record;
    const event = {
      kind: 'refusal',
      atMs: clock(),
      pid: pidOf(meta.owner) ?? null,
      records: [{ recordId, version }],
    } as const;
    const { who } = caller.writer;
    const { purpose } = caller;
    await audit.append({ ...event, who, purpose, outcome: decision.reason, grant: null, session: null, request: null });
    throw new RecordsError('denied', `home access is not allowed: ${decision.reason}`);
  }

  async #submit(call: SignedCall): Promise<string> {
    const result = await this.#parts.ledger.submit(call);
    if (result.kind === 'committed') return result.callId;
    const { code } = result;
    if (code === 'leaf-ended')
      throw new RecordsError('conflict', 'a version was ended by another call', { detail: code });
    throw new RecordsError('ledger-refused', `the ledger refused the tombstone: ${code}`, { detail: code });
  }

  async #logTombstones(caller: WritingCaller, records: readonly StoredRecord[], atMs: number): Promise<void> {
    for (const [owner, owned] of Map.groupBy(records, (record) => record.meta.owner)) {
      await this.#parts.audit.append({
        kind: 'tombstone',
        atMs,
        pid: pidOf(owner) ?? null,
        who: caller.writer.who,
        purpose: caller.purpose,
        grant: null,
        session: null,
        records: owned.map(({ recordId, version }) => ({ recordId, version })),
        outcome: 'ok',
        request: null,
      });
    }
  }
}
