import { moveCommitment, type SignedDelegation } from '@salus/contracts';
import { fromUtf8, hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { type FhirTree, parseFhirJson, type ResourceType, rewriteLinks, stringifyFhirJson } from '@salus/fhir';
import type { Ledger } from '@salus/ledger';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import type { BundleWorkers } from './bundle-workers.ts';
import { signWriterCall } from './calls.ts';
import type { HomeAccess } from './care.ts';
import type { RecordWriter } from './commit.ts';
import type { Documents } from './documents.ts';
import type { LeafStates } from './erase.ts';
import { newId } from './index-rows.ts';
import { leafReference } from './leaf-reference.ts';
import { auditsOf, removePrepared, versionOf } from './new-versions.ts';
import type { ObjectPlace } from './objects/object-folder.ts';
import type { Patients } from './patients.ts';
import { pidOf } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import type { WritingCaller } from './repository.ts';
import { sightedOf, sightOf } from './sight.ts';
import type { AuditLog, CiphertextReader, Clock, MemberSigner, RecordRows, StoredRecord, Who } from './vault-types.ts';
import type { NewVersion } from './write-order.ts';

/** Records that one move takes. */
export const MOVED_MAX = 200;
/** Versions of them that one call ends: as many as the contract takes. */
const LEAVES_MAX = 1_000;
const SALT_BYTES = 32;

/** What opens the ledger's commitment to where a version went; kept sealed, shown to whoever has to prove it. */
export interface MoveOpening {
  readonly keyId: string;
  readonly leafHash: string;
  /** Leaf of the version in the right record. */
  readonly successor: string;
  readonly salt: string;
}

/** A move under way or done. */
export interface MoveFacts {
  readonly id: string;
  readonly fromPid: string;
  readonly toPid: string;
  readonly atMs: number;
  readonly records: readonly { readonly recordId: string; readonly version: number }[];
  readonly by: Who & { readonly kind: 'member' };
  /** The person's delegation, while the call that ends the old versions is not committed. */
  readonly delegation: SignedDelegation | null;
  readonly submitter: string;
  /** Of the call that ended the old versions; null until it is committed. */
  readonly callId: string | null;
  readonly openings: readonly MoveOpening[];
}

export interface MoveParts {
  readonly ledger: Ledger;
  readonly organisation: string;
  readonly baseUrl: string | null;
  readonly attachmentPlace: ObjectPlace;
  readonly attachments: Attachments;
  readonly workers: BundleWorkers;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly patients: Patients;
  readonly access: HomeAccess;
  readonly documents: Documents;
  readonly leafStates: LeafStates;
  readonly audit: AuditLog;
  readonly clock: Clock;
}

/**
 * Takes records out of the wrong patient's chart (DESIGN §5, ADR 0011): the right patient's record gets the next version by an
 * ordinary commit, and then every version at the wrong one is ended with a commitment to it. No call names both patients.
 */
export class Moves {
  readonly #parts: MoveParts;

  constructor(parts: MoveParts) {
    this.#parts = parts;
  }

  /**
   * Moves resources to another patient of this organisation. The caller must be allowed to change them where they are and
   * to create them where they go: `denied`. Throws `bad-input`, `not-found`, `conflict`, or `ledger-refused` with its code.
   */
  async move(
    caller: WritingCaller,
    resources: readonly { readonly type: string; readonly id: string }[],
    to: string,
  ): Promise<MoveFacts> {
    const { rows, patients } = this.#parts;
    const target = await patients.findByFhirId(to);
    if (target === undefined) throw new RecordsError('not-found', 'the right patient is not registered here');
    const records: StoredRecord[] = [];
    for (const { type, id } of resources) {
      const record = await rows.findResource(type, id);
      if (record?.status !== 'current') throw new RecordsError('not-found', 'a record to be moved is not here');
      records.push(record);
    }
    for (const record of records) await this.#demandBoth(caller, record, target.pid);
    return this.moveAll(caller, records, target.pid);
  }

  /** As `move`, of records that the caller may move as a whole: those of a merged pid. All are one patient's. */
  async moveAll(caller: WritingCaller, records: readonly StoredRecord[], toPid: string): Promise<MoveFacts> {
    const { clock, documents, patients, writer } = this.#parts;
    const fromPid = pidOf(records[0]?.meta.owner ?? `org:${this.#parts.organisation}`);
    const isOnes = records.every(({ meta }) => pidOf(meta.owner) === fromPid && meta.type !== 'Patient');
    if (records.length === 0 || records.length > MOVED_MAX || fromPid === undefined || !isOnes || fromPid === toPid) {
      throw new RecordsError('bad-input', `a move takes 1 to ${MOVED_MAX} records of one patient to another`);
    }
    const [from, to] = await Promise.all([patients.findByPid(fromPid), patients.findByPid(toPid)]);
    if (from === undefined || to === undefined) throw new RecordsError('not-found', 'a patient is not registered here');
    const nowMs = clock();
    const links = { from: `Patient/${from.fhirId}`, to: `Patient/${to.fhirId}` };
    const versions: NewVersion[] = [];
    for (const record of records) versions.push(await this.#nextVersion(record, toPid, links, nowMs));
    const { who, submitter, onBehalfOf } = caller.writer;
    const facts: MoveFacts = {
      ...{ id: newId(), fromPid, toPid, atMs: nowMs, by: who, delegation: onBehalfOf ?? null },
      ...{ submitter: submitter.id, callId: null, openings: [] },
      records: records.map(({ recordId, version }) => ({ recordId, version })),
    };
    // Stated first: a start after a crash ends what was begun.
    await documents.put('move', facts.id, facts as unknown as Json);
    try {
      const audits = auditsOf(who, caller.purpose, versions, nowMs);
      await writer.write({ writer: caller.writer, versions, patients: [], bundleToken: null, audits });
    } catch (error) {
      // Whatever may still be committed stays stated.
      const isOpen = !(error instanceof RecordsError) || error.code === 'ledger-unavailable';
      if (!isOpen) await documents.delete('move', facts.id);
      throw error;
    }
    return this.#end(facts, caller.writer);
  }

  /**
   * Ends the old versions of moves that a crash cut off; those whose person's delegation is over are left, and told. `signerOf`
   * gives the key of a submitter that is still here.
   */
  async resume(
    signerOf: (id: string) => Promise<MemberSigner | undefined>,
    onFailure: (error: unknown) => void,
  ): Promise<number> {
    let ended = 0;
    for (const { value } of await this.#parts.documents.list('move')) {
      const facts = value as unknown as MoveFacts;
      try {
        const submitter = await signerOf(facts.submitter);
        if (submitter === undefined) throw new RecordsError('not-found', 'who moved records is here no more');
        const onBehalfOf = facts.delegation === null ? {} : { onBehalfOf: facts.delegation };
        await this.#end(facts, { submitter, ...onBehalfOf });
        ended += 1;
      } catch (error) {
        onFailure(error);
      }
    }
    return ended;
  }

  /** What proves where the versions of a move went. */
  async find(id: string): Promise<MoveFacts | undefined> {
    return (await this.#parts.documents.find('moved', id)) as unknown as MoveFacts | undefined;
  }

  async #demandBoth(caller: WritingCaller, record: StoredRecord, toPid: string): Promise<void> {
    const sight = sightOf(this.#parts, caller);
    const there = await sight.decide(sightedOf(record), 'u');
    const here = await sight.decide({ ...sightedOf(record), owner: `pid:${toPid}` }, 'c');
    const denied = [there, here].find(({ kind }) => kind === 'denied');
    if (denied === undefined) return;
    await this.#log(caller.writer.who, record.meta.owner, [record], 'refusal', denied.reason);
    throw new RecordsError('denied', 'a move takes the right to change the record at both patients');
  }

  async #nextVersion(
    record: StoredRecord,
    toPid: string,
    links: { readonly from: string; readonly to: string },
    nowMs: number,
  ): Promise<NewVersion> {
    const { ciphertext, attachments, workers, baseUrl, attachmentPlace } = this.#parts;
    const { type, id } = record.meta;
    const text = await inlineAttachments(attachments, fromUtf8(await ciphertext.readPlaintext(record)));
    const moved = rewriteLinks(parseFhirJson(text), (link) => (link === links.from ? links.to : undefined)) as FhirTree;
    const bytes = Buffer.from(stringifyFhirJson(moved));
    const input = { bytes, nowMs, matchDirectory: false, baseUrl, attachmentPlace, format: 'json' } as const;
    const prepared = await workers.prepare(
      { ...input, single: { method: 'PUT', url: `${type}/${id}` } },
      {
        begin: async () => {},
        findByIdentifier: async () => [],
        findBySearch: async () => [],
        findTargets: async () => [{ kind: 'current', versionId: String(record.version) }],
        findOwners: async () => new Map([[links.to, { kind: 'patient', subject: links.to }]]),
      },
    );
    if (prepared.kind === 'refused') throw new RecordsError('bad-input', `a record cannot be moved: ${prepared.code}`);
    const [entry] = prepared.entries;
    if (entry?.kind !== 'update' || entry.type !== (type as ResourceType)) {
      throw new Error('broken invariant: a moved record is one update');
    }
    if (entry.subject !== links.to) {
      await removePrepared(attachments, [entry]);
      throw new RecordsError('bad-input', 'a record does not name its patient: what it hangs on is moved with it');
    }
    const version = versionOf(entry, `pid:${toPid}`, nowMs, record);
    return { ...version, replaces: null, movedFrom: record };
  }

  /** Ends every version at the wrong patient, with a commitment of its own to the version that goes on. */
  async #end(facts: MoveFacts, writer: { readonly submitter: MemberSigner; readonly onBehalfOf?: SignedDelegation }) {
    const { rows, ledger, documents, leafStates, clock } = this.#parts;
    const leaves: Json[] = [];
    const openings: MoveOpening[] = [];
    const ended: StoredRecord[] = [];
    for (const { recordId, version } of facts.records) {
      const next = await rows.findRecord(recordId, version + 1);
      if (next === undefined) continue;
      for (let old = version; old >= 1; old -= 1) {
        const record = await rows.findRecord(recordId, old);
        // Erased ones, and what an earlier move has taken from yet another patient, are not its own.
        if (record === undefined || record.status === 'tombstoned' || pidOf(record.meta.owner) !== facts.fromPid)
          continue;
        ended.push(record);
        leaves.push(await leafReference(rows, record));
        const salt = toBase64url(randomBytes(SALT_BYTES));
        openings.push({ keyId: record.keyId, leafHash: record.leafHash, successor: next.leafHash, salt });
      }
    }
    if (leaves.length === 0) {
      // Nothing was written, or it was all ended before.
      await documents.delete('move', facts.id);
      return facts;
    }
    if (leaves.length > LEAVES_MAX)
      throw new RecordsError('too-large', 'the records have too many versions for one move');
    const successors = openings.map((opening) => moveCommitment({ hashTuple }, opening));
    const { network } = ledger;
    const args = { leaves, successors };
    const call = await signWriterCall(writer, {
      network,
      contract: 'record',
      transaction: 'move',
      args,
      nowMs: clock(),
    });
    // Before the call: whoever finds it on the ledger finds what opens it here.
    await documents.put('move', facts.id, { ...facts, openings } as unknown as Json);
    const result = await ledger.submit(call);
    if (result.kind === 'refused') {
      throw new RecordsError('ledger-refused', 'the ledger refused the move', { detail: result.code });
    }
    await leafStates.applyCall(result.callId);
    const done: MoveFacts = { ...facts, openings, callId: result.callId, delegation: null };
    await documents.put('moved', facts.id, done as unknown as Json);
    await documents.delete('move', facts.id);
    await this.#log(facts.by, `pid:${facts.fromPid}`, ended, 'tombstone', 'ok');
    return done;
  }

  async #log(
    who: Who,
    owner: StoredRecord['meta']['owner'],
    records: readonly StoredRecord[],
    kind: 'refusal' | 'tombstone',
    outcome: string,
  ): Promise<void> {
    await this.#parts.audit.append({
      ...{ kind, atMs: this.#parts.clock(), pid: pidOf(owner) ?? null, who, purpose: null, outcome },
      ...{ grant: null, session: null, request: null },
      records: records.map(({ recordId, version }) => ({ recordId, version })),
    });
  }
}
