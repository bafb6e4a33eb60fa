import { fromUtf8 } from '@salus/crypto';
import type { EntryOutcome, ResourceName, ResourceType, TransactionResult } from '@salus/fhir';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import type { BundleWorkers } from './bundle-workers.ts';
import type { HomeAccess } from './care.ts';
import type { RecordWriter } from './commit.ts';
import type { ConditionSearch } from './condition-search.ts';
import { findOwners } from './find-owners.ts';
import type { ForeignIds } from './foreign/foreign-ids.ts';
import { GatheredWrites } from './gathered-writes.ts';
import { identifierToken } from './index-rows.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { MasterKey } from './master-key.ts';
import { auditsOf, hidingAuditsOf, removePrepared, versionOf } from './new-versions.ts';
import type { ObjectPlace } from './objects/object-folder.ts';
import { newPatient, type Patients } from './patients.ts';
import {
  type BundleQuestions,
  FIRST_VERSION,
  isWritten,
  type PreparedBundle,
  type PreparedCreate,
  type PreparedDelete,
  type PreparedEntry,
  type SingleRequest,
  type TypedCondition,
} from './prepared-bundle.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import type { VaultCaller, VaultTransactionOptions, WritingCaller } from './repository.ts';
import { admitsThemselves } from './self-admission.ts';
import { type Interaction, type Sight, type SightDecision, type SightedMeta, sightedOf, sightOf } from './sight.ts';
import type { Store } from './store/index.ts';
import type { AuditLog, CiphertextReader, Clock, Owner, RecordRows, StoredRecord } from './vault-types.ts';
import { type ConditionLook, identifierLook, logCompared, logLooks } from './write-audit.ts';
import type { NewPatient, NewVersion } from './write-order.ts';

/** What reading and writing resources lean on. */
export type RepositoryParts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly organisation: string;
  readonly baseUrl: string | null;
  readonly attachmentPlace: ObjectPlace;
  readonly workers: BundleWorkers;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly patients: Patients;
  readonly access: HomeAccess;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly conditionSearch: ConditionSearch;
  /** Throws while nothing may be released (`rollback-unnamed`). */
  readonly demandReleasing: () => void;
  /** Ids that this base gave to resources of others. */
  readonly foreignIds: ForeignIds;
};

/** A body as it came. */
export interface WriteBody {
  readonly bytes: Uint8Array;
  readonly format: 'json' | 'xml';
}

export type WriteRun = TransactionResult & {
  /** The call that committed it; absent when nothing had to be written. */
  readonly callId?: string;
  /** What a single create or update wrote, where it is whole: without the attachments that lie beside it. */
  readonly text?: string;
};

/** One request or bundle on its way. */
type Run = {
  readonly caller: WritingCaller;
  readonly sight: Sight;
  readonly options: VaultTransactionOptions;
  readonly single: SingleRequest | null;
  readonly nowMs: number;
  readonly held: (() => void)[];
  /** What it changes, by `Type/id`, as it was found and decided. */
  readonly targets: Map<string, StoredRecord>;
  /** What its conditions found. */
  readonly looks: ConditionLook[];
  /** Whose text its patches are compared with. */
  readonly compared: StoredRecord[];
  bundleToken: string | null;
};

/**
 * Writes by FHIR requests: whoever may not write, see or count one of the records that a request names is refused before
 * anything is written, and all that one request or transaction writes is one call on the ledger.
 */
export class Writes {
  readonly #parts: RepositoryParts;
  readonly #locks = new KeyedLocks();
  readonly #gathered: GatheredWrites;

  constructor(parts: RepositoryParts) {
    this.#parts = parts;
    this.#gathered = new GatheredWrites((order) => parts.writer.write(order));
  }

  /** A transaction bundle, or a single request with its body. */
  async run(
    caller: VaultCaller,
    body: WriteBody,
    single: SingleRequest | null,
    options: VaultTransactionOptions = {},
  ): Promise<WriteRun> {
    if (caller.kind !== 'writer') return refusedWrite('denied', 'only a signed-in writer may write');
    const nowMs = this.#parts.clock();
    const sight = sightOf(this.#parts, caller);
    const run: Run = {
      ...{ caller, sight, options, single, nowMs, held: [], targets: new Map(), looks: [], compared: [] },
      bundleToken: null,
    };
    try {
      return await this.#runLogged(run, body);
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      const code = error.detail ?? error.code;
      if (error.code === 'ledger-refused') await this.#logRefusal(run, code, null);
      return refusedWrite(code, error.message);
    } finally {
      for (const release of run.held) release();
    }
  }

  /** What is written is logged with it; here, what was learned without that. */
  async #runLogged(run: Run, body: WriteBody): Promise<WriteRun> {
    let result: WriteRun | undefined;
    try {
      result = await this.#run(run, body);
      return result;
    } finally {
      const { sight, compared: records, nowMs: atMs } = run;
      if (result?.kind !== 'committed') await logCompared(this.#parts.audit, { sight, records, atMs });
    }
  }

  /** What the conditions found is in the log before anything of it is answered. */
  async #prepare(run: Run, { bytes, format }: WriteBody): Promise<PreparedBundle> {
    const { workers, baseUrl, attachmentPlace, audit } = this.#parts;
    const { nowMs, single, options, sight, looks } = run;
    const matchDirectory = options.matchDirectoryByIdentifier === true;
    const input = { bytes, nowMs, matchDirectory, baseUrl, attachmentPlace, format, single };
    try {
      return await workers.prepare(input, this.#questionsOf(run));
    } finally {
      await logLooks(audit, { sight, looks, atMs: nowMs });
    }
  }

  async #run(run: Run, body: WriteBody): Promise<WriteRun> {
    const { attachments } = this.#parts;
    const prepared = await this.#prepare(run, body);
    if (prepared.kind === 'refused') return prepared;
    const written = prepared.entries.filter(isWritten);
    const deletions = prepared.entries.filter((entry) => entry.kind === 'delete');
    await this.#beginPrepared(run, prepared.digest, written);
    try {
      const reads = await this.#demandReadable(run, prepared.entries);
      const { versions, patients } = await this.#versionsOf(run, written);
      const outcomes = await this.#outcomes(run, prepared.entries);
      const done = { kind: 'committed', outcomes, reads, ...textOf(run, written) } as const;
      const callId = await this.#commit(run, { versions, patients, hides: hiddenBy(run, deletions) });
      return callId === undefined ? done : { ...done, callId };
    } catch (error) {
      // Once the writer has the files it removes them itself; what is gone is removed again without harm.
      const isOpen = error instanceof RecordsError && error.code === 'ledger-unavailable';
      if (error instanceof RecordsError && !isOpen) await removePrepared(attachments, written);
      throw error;
    }
  }

  async #commit(
    run: Run,
    order: {
      readonly versions: readonly NewVersion[];
      readonly patients: readonly NewPatient[];
      readonly hides: readonly StoredRecord[];
    },
  ): Promise<string | undefined> {
    const { versions, hides } = order;
    if (versions.length + hides.length === 0) return undefined;
    const { caller, nowMs, bundleToken } = run;
    const { who } = caller.writer;
    const audits = [
      ...auditsOf(who, caller.purpose, versions, nowMs),
      ...hidingAuditsOf(who, caller.purpose, hides, nowMs),
    ];
    const receipt = await this.#gathered.write({ ...order, writer: caller.writer, bundleToken, audits });
    return receipt.callId;
  }

  #questionsOf(run: Run): BundleQuestions {
    const { masterKey } = this.#parts;
    return {
      begin: (facts) => this.#begin(run, facts),
      findByIdentifier: async (type, query) => {
        const records = await this.#findByIdentifier(run, type, identifierToken(masterKey, type, query));
        const look = identifierLook(type, query, records);
        if (look !== undefined) run.looks.push(look);
        return records.map(({ meta }) => meta.id);
      },
      findBySearch: async (type, query) => {
        const records = await this.#parts.conditionSearch(run.sight, type, query);
        run.looks.push({ query: `${type}?${query}`, records });
        return records.map(({ meta }) => meta.id);
      },
      findOwners: (references) => findOwners(this.#parts, references),
      findTargets: (targets) => this.#findTargets(run, targets),
    };
  }

  async #begin(run: Run, { digest, conditions }: Parameters<BundleQuestions['begin']>[0]): Promise<void> {
    const { importToken, again } = run.options;
    if (digest !== null) run.bundleToken = importToken ?? this.#parts.masterKey.token('bundle', digest);
    const names = conditions.map((condition) => this.#lockName(condition));
    if (run.bundleToken !== null) names.push(run.bundleToken);
    if (names.length > 0) run.held.push(await this.#locks.acquire(names));
    if (run.bundleToken !== null && again !== true) await this.#demandNewBundle(run.bundleToken);
  }

  /** Where preparing had nothing to lock, the bundle itself is locked now. */
  async #beginPrepared(run: Run, digest: string | null, written: readonly PreparedCreate[]): Promise<void> {
    if (digest === null) return;
    try {
      await this.#begin(run, { digest, conditions: [] });
    } catch (error) {
      await removePrepared(this.#parts.attachments, written);
      throw error;
    }
  }

  #lockName({ type, query }: TypedCondition): string {
    const { masterKey } = this.#parts;
    return typeof query === 'string' ? `search ${type}?${query}` : identifierToken(masterKey, type, query);
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

  /** Current resources that the caller sees, at most two: two are enough to refuse. Others do not count. */
  async #findByIdentifier(run: Run, type: ResourceType, token: string): Promise<readonly StoredRecord[]> {
    const { store, masterKey } = this.#parts;
    const rows = await store.read
      .selectFrom('identifier')
      .innerJoin('batch', 'batch.batchId', 'identifier.batchId')
      .select(['identifier.resourceToken', 'identifier.sealed'])
      .where('identifier.token', '=', token)
      .where('batch.state', '=', 'committed')
      .execute();
    const found: StoredRecord[] = [];
    for (const { resourceToken, sealed } of rows) {
      const { id } = masterKey.openJson('identifier', [token, resourceToken], sealed) as { readonly id: string };
      const record = await this.#parts.rows.findResource(type, id);
      if (record?.status !== 'current') continue;
      if ((await run.sight.decide(sightedOf(record), 's')).kind === 'allowed') found.push(record);
      if (found.length === 2) break;
    }
    return found;
  }

  /** What is changed stays locked until it is written, so that of two updates at once the later sees the earlier. */
  async #findTargets(
    run: Run,
    targets: Parameters<BundleQuestions['findTargets']>[0],
  ): Promise<Awaited<ReturnType<BundleQuestions['findTargets']>>> {
    run.held.push(await this.#locks.acquire(targets.map(({ type, id }) => `target ${type}/${id}`)));
    const found = [];
    for (const { type, id, method } of targets) {
      const record = await this.#parts.rows.findResource(type, id);
      if (record === undefined) {
        await this.#demandOwn(type, id);
        found.push(undefined);
        continue;
      }
      const meta = sightedOf(record);
      // A patch is compared and answered with the text: else its tests would tell it to whom only writing is allowed.
      if (method === 'PATCH') await this.#demandAllowed(run, meta, { interaction: 'r', record });
      await this.#demandAllowed(run, meta, { interaction: method === 'DELETE' ? 'd' : 'u', record });
      run.targets.set(`${type}/${id}`, record);
      const kind = record.status === 'current' ? ('current' as const) : ('gone' as const);
      const versionId = String(record.version);
      const needsText = method === 'PATCH' && kind === 'current';
      // Attachments belong to the version that brought them: the text is whole with them inside, and brings them anew.
      if (needsText) run.compared.push(record);
      found.push(needsText ? { kind, versionId, text: await this.#textOf(record) } : { kind, versionId });
    }
    return found;
  }

  /** A base takes writes only from its own organisation, of what it wrote itself. */
  async #demandOwn(type: string, id: string): Promise<void> {
    if ((await this.#parts.foreignIds.find(type, id)) === undefined) return;
    throw new RecordsError(
      'foreign-resource',
      'another organisation wrote this resource: it is read here, and changed only at the base that meta.source names',
    );
  }

  async #textOf(record: StoredRecord): Promise<string> {
    this.#parts.demandReleasing();
    return inlineAttachments(this.#parts.attachments, fromUtf8(await this.#parts.ciphertext.readPlaintext(record)));
  }

  /** A transaction's reads are decided before it writes: what cannot be answered refuses it (R4 §3.1.0.11). */
  async #demandReadable(
    run: Run,
    entries: readonly PreparedEntry[],
  ): Promise<readonly { readonly index: number; readonly url: string }[]> {
    const reads: { readonly index: number; readonly url: string }[] = [];
    for (const [index, entry] of entries.entries()) {
      if (entry.kind !== 'read') continue;
      reads.push({ index, url: entry.url });
      const [, type, id] = RESOURCE_URL.exec(entry.url) ?? [];
      if (type === undefined || id === undefined) continue;
      const record = await this.#parts.rows.findResource(type, id);
      if (record === undefined) {
        throw new RecordsError('not-found', 'a read of the transaction names no resource', {
          detail: 'resource-unknown',
        });
      }
      await this.#demandAllowed(run, sightedOf(record), { interaction: 'r', record });
    }
    return reads;
  }

  async #versionsOf(
    run: Run,
    written: readonly PreparedCreate[],
  ): Promise<{ readonly versions: readonly NewVersion[]; readonly patients: readonly NewPatient[] }> {
    const { nowMs } = run;
    const patients = written
      .filter(({ kind, type }) => kind === 'create' && type === 'Patient')
      .map(({ id }) => newPatient(id, nowMs));
    const fresh = new Map(patients.map(({ fhirId, registration }) => [`Patient/${fhirId}`, registration.pid]));
    const known = new Map(fresh);
    const isNew = new Set([...fresh.values()].map((pid): Owner => `pid:${pid}`));
    const versions: NewVersion[] = [];
    for (const entry of written) {
      const owner = await this.#ownerOf(entry, known);
      const replaces = entry.kind === 'update' ? targetOf(run, entry) : null;
      if (replaces !== null && replaces.meta.owner !== owner) {
        throw new RecordsError('bad-input', 'a new version has the owner of the one that it replaces');
      }
      const version = versionOf(entry, owner, nowMs, replaces);
      const interaction = replaces === null ? 'c' : 'u';
      if (isNew.has(owner)) this.#demandNarrow(run, sightedVersion(version));
      else await this.#demandWritable(run, version, interaction);
      versions.push(version);
    }
    return { versions, patients };
  }

  async #ownerOf({ kind, type, id, subject }: PreparedCreate, pids: Map<string, string>): Promise<Owner> {
    if (subject === null) return `org:${this.#parts.organisation}`;
    const known = pids.get(subject);
    if (known !== undefined) return `pid:${known}`;
    const fhirId = subject.startsWith('Patient/') ? subject.slice('Patient/'.length) : undefined;
    const isItself = kind === 'update' && type === 'Patient' && fhirId === id;
    const patient = fhirId === undefined ? undefined : await this.#parts.patients.findByFhirId(fhirId);
    if (patient === undefined) {
      const message = isItself
        ? 'the patient is not registered'
        : 'a resource names a patient who is not registered here';
      throw new RecordsError('not-found', message, { detail: 'owner-unknown' });
    }
    pids.set(subject, patient.pid);
    return `pid:${patient.pid}`;
  }

  async #outcomes(run: Run, entries: readonly PreparedEntry[]): Promise<readonly EntryOutcome[]> {
    const outcomes: EntryOutcome[] = [];
    for (const entry of entries) if (entry.kind !== 'read') outcomes.push(await this.#outcomeOf(run, entry));
    return outcomes;
  }

  async #outcomeOf(run: Run, entry: Exclude<PreparedEntry, { readonly kind: 'read' }>): Promise<EntryOutcome> {
    const { type, id = '' } = entry;
    const lastUpdatedMs = run.nowMs;
    switch (entry.kind) {
      case 'create':
        return { kind: 'created', type, id, versionId: String(FIRST_VERSION), lastUpdatedMs };
      case 'update': {
        const versionId = String(targetOf(run, { type, id }).version + 1);
        return { kind: 'updated', type, id, versionId, lastUpdatedMs };
      }
      case 'delete': {
        const versionId = String(run.targets.get(`${type}/${id}`)?.version ?? 0);
        return { kind: 'deleted', type, id, versionId, lastUpdatedMs };
      }
      case 'matched': {
        // Matched to an earlier entry of the same bundle, it is not in the store yet.
        const record = await this.#parts.rows.findResource(type, id);
        const versionId = String(record?.version ?? FIRST_VERSION);
        return { kind: 'matched', type, id, versionId, lastUpdatedMs: record?.meta.lastUpdatedMs ?? lastUpdatedMs };
      }
    }
  }

  async #demandWritable(run: Run, version: NewVersion, interaction: 'c' | 'u'): Promise<void> {
    const meta = sightedVersion(version);
    const { reason } = await this.#demandAllowed(run, meta, { interaction, record: version });
    if (reason !== 'registrar') return;
    const actors = version.relationships.map(({ actor }) => actor);
    if (!(await admitsThemselves(this.#parts.access, run.caller.writer.who, { meta, actors }))) return;
    await this.#refuse(run, 'self-admission', { record: version, owner: meta.owner });
  }

  async #demandAllowed(
    run: Run,
    meta: SightedMeta,
    { interaction, record }: { readonly interaction: Interaction; readonly record: Named },
  ): Promise<SightDecision> {
    const decision = await run.sight.decide(meta, interaction);
    return decision.kind === 'allowed' ? decision : this.#refuse(run, decision.reason, { record, owner: meta.owner });
  }

  async #refuse(run: Run, reason: string, about: { readonly record: Named; readonly owner: Owner }): Promise<never> {
    await this.#logRefusal(run, reason, about);
    // As a read: which of them it was would tell who asks of a label, or of what the patient said.
    throw new RecordsError('denied', 'role, care relationship, scope or the patient’s denial does not allow this');
  }

  /** A patient whom this very request registers is in nobody's care yet: the contract decides who registers. */
  #demandNarrow({ caller }: Run, meta: SightedMeta): void {
    if (caller.narrow?.(meta, 'c') === false) throw new RecordsError('denied', 'home access is not allowed: scope');
  }

  async #logRefusal(
    { caller }: Run,
    outcome: string,
    about: { readonly record: Named; readonly owner: Owner } | null,
  ): Promise<void> {
    const { audit, clock } = this.#parts;
    const { who } = caller.writer;
    const { purpose } = caller;
    const pid = about === null ? null : (pidOf(about.owner) ?? null);
    const records = about === null ? [] : [{ recordId: about.record.recordId, version: about.record.version }];
    const event = { kind: 'refusal', atMs: clock(), pid, who, purpose, records, outcome } as const;
    await audit.append({ ...event, grant: null, session: null, request: null });
  }
}

type Named = { readonly recordId: string; readonly version: number };

const RESOURCE_URL =
  /^\/?([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?(?:\?.*)?$/s;

function sightedVersion({ owner, pair, recordId, facts }: NewVersion): SightedMeta {
  const { type, id, dataFromMs, dataToMs } = facts;
  return { owner, pair, recordId, type, id, dataFromMs, dataToMs };
}

function targetOf(run: Run, { type, id }: ResourceName): StoredRecord {
  const record = run.targets.get(`${type}/${id}`);
  if (record === undefined) throw new Error('broken invariant: what is changed was found before');
  return record;
}

function hiddenBy(run: Run, deletions: readonly PreparedDelete[]): readonly StoredRecord[] {
  return deletions.flatMap(({ type, id }) => (id === undefined ? [] : [targetOf(run, { type, id })]));
}

function textOf({ single }: Run, written: readonly PreparedCreate[]): { readonly text?: string } {
  const [entry] = written;
  if (single === null || entry === undefined || entry.attachments.length > 0) return {};
  return { text: fromUtf8(entry.plaintext) };
}

export function refusedWrite(code: string, text: string): WriteRun {
  return { kind: 'refused', code, issues: [{ severity: 'error', code: 'business-rule', text }] };
}
