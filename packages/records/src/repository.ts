import { fromUtf8 } from '@salus/crypto';
import type {
  EntryOutcome,
  ReadResult,
  Repository,
  ResourceType,
  TransactionOptions,
  TransactionResult,
} from '@salus/fhir';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import type { BundleWorkers } from './bundle-workers.ts';
import type { HomeAccess } from './care.ts';
import type { RecordWriter } from './commit.ts';
import { findOwners } from './find-owners.ts';
import { identifierToken } from './index-rows.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { MasterKey } from './master-key.ts';
import { auditsOf, removePrepared, versionOf } from './new-versions.ts';
import { newPatient, type Patients } from './patients.ts';
import { FIRST_VERSION, type PreparedCreate, type PreparedEntry, type TypedIdentifier } from './prepare-bundle.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { type Narrowing, type Sight, sightedOf, sightOf } from './sight.ts';
import type { Store } from './store/database.ts';
import type {
  AuditEvent,
  AuditKind,
  AuditLog,
  CiphertextReader,
  Clock,
  Owner,
  RecordRows,
  StoredRecord,
  Who,
  Writer,
} from './vault-types.ts';
import type { NewPatient, NewVersion } from './write-order.ts';

/** Who asks: a member of staff through the node, with purpose; a patient whose device logged in; or a patient's app. */
export type VaultCaller = (
  | { readonly kind: 'member'; readonly who: Who & { readonly kind: 'member' }; readonly purpose: string }
  | { readonly kind: 'writer'; readonly writer: Writer; readonly purpose: string }
  | { readonly kind: 'patient'; readonly who: Who & { readonly kind: 'patient' } }
  | {
      readonly kind: 'app';
      readonly who: Who & { readonly kind: 'member' };
      readonly purpose: string;
      /** A patient's app sees as grantee, not as member of staff. */
      readonly sight: Sight;
      readonly grant: string;
    }
) & {
  /** What is left of it: every door asks it too. */
  readonly narrow?: Narrowing;
};

export type WritingCaller = Extract<VaultCaller, { readonly kind: 'writer' }>;

export interface VaultTransactionOptions extends TransactionOptions {
  /** Take a bundle that was imported before. */
  readonly again?: boolean;
  /** What the bundle is recognised by, instead of its content: made by `importToken`. */
  readonly importToken?: string;
}

export type VaultTransactionResult = TransactionResult & {
  /** The call that committed it; absent when nothing had to be written. */
  readonly callId?: string;
};

export type Release =
  | { readonly kind: 'released' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly code: string };

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly organisation: string;
  readonly baseUrl: string | null;
  readonly attachmentsDirectory: string;
  readonly workers: BundleWorkers;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly patients: Patients;
  readonly access: HomeAccess;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** Throws while nothing may be released (`rollback-unnamed`). */
  readonly demandReleasing: () => void;
};

/** The vault as a FHIR repository: home reads with their decision and audit, and transactions. */
export class VaultRepository implements Repository<VaultCaller> {
  readonly #parts: Parts;
  readonly #locks = new KeyedLocks();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async transaction(
    caller: VaultCaller,
    bundle: Uint8Array | string,
    options: VaultTransactionOptions = {},
  ): Promise<VaultTransactionResult> {
    if (caller.kind !== 'writer') return refusedWrite('denied', 'only a signed-in writer may write');
    const bytes = typeof bundle === 'string' ? new TextEncoder().encode(bundle) : bundle;
    const held: (() => void)[] = [];
    try {
      return await this.#transaction(caller, bytes, options, held);
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      const code = error.detail ?? error.code;
      if (error.code === 'ledger-refused') await this.#logRefusedWrite(caller, code);
      return refusedWrite(code, error.message);
    } finally {
      for (const release of held) release();
    }
  }

  read(caller: VaultCaller, type: ResourceType, id: string): Promise<ReadResult> {
    return this.#read(caller, () => this.#parts.rows.findResource(type, id));
  }

  async vread(caller: VaultCaller, type: ResourceType, id: string, versionId: string): Promise<ReadResult> {
    const version = Number(versionId);
    if (!Number.isSafeInteger(version) || version < FIRST_VERSION || String(version) !== versionId) {
      return { kind: 'not-found' };
    }
    return this.#read(caller, () => this.#parts.rows.findResource(type, id, version));
  }

  /** As `read`, by record id: for a patient's own list. */
  readRecord(caller: VaultCaller, recordId: string): Promise<ReadResult> {
    return this.#read(caller, () => this.#parts.rows.findRecord(recordId));
  }

  async #transaction(
    caller: WritingCaller,
    bytes: Uint8Array,
    options: VaultTransactionOptions,
    held: (() => void)[],
  ): Promise<VaultTransactionResult> {
    const { masterKey, workers, clock, baseUrl, attachmentsDirectory, writer } = this.#parts;
    const nowMs = clock();
    let bundleToken: string | null = null;
    const matchDirectory = options.matchDirectoryByIdentifier === true;
    const prepared = await workers.prepare(
      { bytes, nowMs, matchDirectory, baseUrl, attachmentsDirectory, correction: null },
      {
        begin: async ({ digest, identifiers }) => {
          bundleToken = options.importToken ?? masterKey.token('bundle', digest);
          held.push(await this.#lock(bundleToken, identifiers));
          if (options.again !== true) await this.#demandNewBundle(bundleToken);
        },
        findByIdentifier: (type, query) => this.#findByIdentifier(type, identifierToken(masterKey, type, query)),
        findOwners: (references) => findOwners(this.#parts, references),
      },
    );
    if (prepared.kind === 'refused') return prepared;
    const creates = prepared.entries.filter((entry) => entry.kind === 'create');
    const outcomes = await this.#outcomes(prepared.entries, nowMs);
    if (creates.length === 0) return { kind: 'committed', outcomes };
    const { versions, patients } = await this.#versionsOf(creates, nowMs).catch(async (error: unknown) => {
      await removePrepared(this.#parts.attachments, creates);
      throw error;
    });
    const audits = auditsOf(caller.writer.who, caller.purpose, versions, nowMs);
    const receipt = await writer.write({ writer: caller.writer, versions, patients, bundleToken, audits });
    return { kind: 'committed', outcomes, callId: receipt.callId };
  }

  async #logRefusedWrite(caller: WritingCaller, outcome: string): Promise<void> {
    const { audit, clock } = this.#parts;
    const { who } = caller.writer;
    const { purpose } = caller;
    const event = { kind: 'refusal', atMs: clock(), pid: null, who, purpose, records: [], outcome } as const;
    await audit.append({ ...event, grant: null, session: null, request: null });
  }

  #lock(bundleToken: string, identifiers: readonly TypedIdentifier[]): Promise<() => void> {
    const names = identifiers.map(({ type, query }) => identifierToken(this.#parts.masterKey, type, query));
    return this.#locks.acquire([bundleToken, ...names]);
  }

  async #demandNewBundle(bundleToken: string): Promise<void> {
    const known = await this.#parts.store.read
      .selectFrom('bundle')
      .innerJoin('batch', 'batch.batchId', 'bundle.batchId')
      .select(['batch.state'])
      .where('bundle.bundleToken', '=', bundleToken)
      .execute();
    if (known.some(({ state }) => state === 'committed')) {
      throw new RecordsError('already-imported', 'the same bundle was imported before');
    }
    // Its lock is free, so nobody is writing it: a call without an answer, which may still be committed.
    if (known.length > 0) throw new RecordsError('ledger-unavailable', 'the same bundle is being settled: try again');
  }

  /** Ids of current resources, at most two: two are enough to refuse. */
  async #findByIdentifier(type: ResourceType, token: string): Promise<readonly string[]> {
    const { store, masterKey } = this.#parts;
    const rows = await store.read
      .selectFrom('identifier')
      .innerJoin('batch', 'batch.batchId', 'identifier.batchId')
      .select(['identifier.resourceToken', 'identifier.sealed'])
      .where('identifier.token', '=', token)
      .where('batch.state', '=', 'committed')
      .execute();
    const ids: string[] = [];
    for (const { resourceToken, sealed } of rows) {
      const { id } = masterKey.openJson('identifier', [token, resourceToken], sealed) as { readonly id: string };
      const record = await this.#parts.rows.findResource(type, id);
      if (record?.status === 'current') ids.push(id);
      if (ids.length === 2) break;
    }
    return ids;
  }

  async #versionsOf(
    creates: readonly PreparedCreate[],
    nowMs: number,
  ): Promise<{ readonly versions: readonly NewVersion[]; readonly patients: readonly NewPatient[] }> {
    const patients = creates.filter(({ type }) => type === 'Patient').map(({ id }) => newPatient(id, nowMs));
    const pids = new Map(patients.map(({ fhirId, registration }) => [`Patient/${fhirId}`, registration.pid]));
    const versions: NewVersion[] = [];
    for (const create of creates) versions.push(versionOf(create, await this.#ownerOf(create, pids), nowMs));
    return { versions, patients };
  }

  async #ownerOf({ subject }: PreparedCreate, pids: Map<string, string>): Promise<Owner> {
    if (subject === null) return `org:${this.#parts.organisation}`;
    const known = pids.get(subject);
    if (known !== undefined) return `pid:${known}`;
    const id = subject.startsWith('Patient/') ? subject.slice('Patient/'.length) : undefined;
    const patient = id === undefined ? undefined : await this.#parts.patients.findByFhirId(id);
    if (patient === undefined) {
      throw new RecordsError('not-found', 'a resource names a patient who is not registered here', {
        detail: 'owner-unknown',
      });
    }
    pids.set(subject, patient.pid);
    return `pid:${patient.pid}`;
  }

  async #outcomes(entries: readonly PreparedEntry[], nowMs: number): Promise<readonly EntryOutcome[]> {
    const outcomes: EntryOutcome[] = [];
    for (const { kind, type, id } of entries) {
      if (kind === 'create') {
        outcomes.push({ kind: 'created', type, id, versionId: String(FIRST_VERSION), lastUpdatedMs: nowMs });
        continue;
      }
      // Matched to an earlier entry of the same bundle, it is not in the store yet.
      const record = await this.#parts.rows.findResource(type, id);
      const version = record?.version ?? FIRST_VERSION;
      const lastUpdatedMs = record?.meta.lastUpdatedMs ?? nowMs;
      outcomes.push({ kind: 'matched', type, id, versionId: String(version), lastUpdatedMs });
    }
    return outcomes;
  }

  /**
   * Decides about one record and logs the decision; `released` once the event is durable. Whoever calls this may show
   * the record then, and not before.
   */
  async release(caller: VaultCaller, record: StoredRecord): Promise<Release> {
    const decision = await this.#decide(caller, record);
    if (decision.kind === 'released') await this.#log(caller, record, 'read', 'ok');
    return decision;
  }

  async #read(caller: VaultCaller, find: () => Promise<StoredRecord | undefined>): Promise<ReadResult> {
    try {
      const record = await find();
      if (record === undefined) return { kind: 'not-found' };
      const decision = await this.#decide(caller, record);
      if (decision.kind !== 'released') return decision;
      // The event becomes durable while the record is decrypted; nothing leaves before both are done.
      const [text] = await Promise.all([this.#textOf(record), this.#log(caller, record, 'read', 'ok')]);
      return { kind: 'found', text, versionId: String(record.version), lastUpdatedMs: record.meta.lastUpdatedMs };
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      return { kind: 'refused', code: error.code };
    }
  }

  async #decide(caller: VaultCaller, record: StoredRecord): Promise<Release> {
    this.#parts.demandReleasing();
    const refusal = await this.#refusalOf(caller, record);
    if (refusal !== undefined) {
      await this.#log(caller, record, 'refusal', refusal);
      return { kind: 'refused', code: 'denied' };
    }
    return record.status === 'tombstoned' ? { kind: 'gone' } : { kind: 'released' };
  }

  async #log(caller: VaultCaller, record: StoredRecord, kind: 'read' | 'refusal', outcome: string): Promise<void> {
    await this.#parts.audit.append(readEvent(caller, record, kind, outcome, this.#parts.clock()));
  }

  async #textOf(record: StoredRecord): Promise<string> {
    const text = fromUtf8(await this.#parts.ciphertext.readPlaintext(record));
    return inlineAttachments(this.#parts.attachments, text);
  }

  async #refusalOf(caller: VaultCaller, record: StoredRecord): Promise<string | undefined> {
    const decision = await sightOf(this.#parts, caller).decide(sightedOf(record));
    return decision.kind === 'denied' ? decision.reason : undefined;
  }
}

function whoOf(caller: Exclude<VaultCaller, { readonly kind: 'patient' }>): Who & { readonly kind: 'member' } {
  return caller.kind === 'writer' ? caller.writer.who : caller.who;
}

function readEvent(
  caller: VaultCaller,
  { recordId, version, meta }: StoredRecord,
  kind: Extract<AuditKind, 'read' | 'refusal'>,
  outcome: string,
  atMs: number,
): AuditEvent {
  return {
    kind,
    atMs,
    pid: pidOf(meta.owner) ?? null,
    who: caller.kind === 'patient' ? caller.who : whoOf(caller),
    purpose: caller.kind === 'patient' ? 'PATRQT' : caller.purpose,
    grant: caller.kind === 'app' ? caller.grant : null,
    session: null,
    records: [{ recordId, version }],
    outcome,
    request: null,
  };
}

export function refusedWrite(code: string, text: string): VaultTransactionResult {
  return { kind: 'refused', code, issues: [{ severity: 'error', code: 'business-rule', text }] };
}
