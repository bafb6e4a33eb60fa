import { mergeCommitment, type PatientFact, type PrivateArgs, patientKey, type SignedCall } from '@salus/contracts';
import { hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { signWriterCall } from './calls.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { MasterKey } from './master-key.ts';
import { MOVED_MAX, type MoveParts, type Moves } from './move.ts';
import { findActive, linkPatients, unlinkPatients } from './patient-links.ts';
import type { KnownPatient } from './patients.ts';
import { RecordsError } from './records-error.ts';
import { findRefusal } from './rehearse.ts';
import type { VaultRepository, WritingCaller } from './repository.ts';
import type { Store } from './store/index.ts';
import type { StoredRecord } from './vault-types.ts';

const SALT_BYTES = 32;
/** Records of a merged pid: more are moved by hand. */
export const MERGED_RECORDS_MAX = 20_000;

/** A merge of two pids of this organisation, sealed: the ledger holds a commitment to it. */
export interface MergeFacts {
  readonly pid: string;
  readonly survivor: string;
  readonly fhirId: string;
  readonly survivorFhirId: string;
  readonly salt: string;
  readonly atMs: number;
  /** What the Patient said of itself before; absent: nothing. */
  readonly active?: boolean;
  /** `merging` and `unmerging`: begun, and to be gone on with. */
  readonly state: 'merging' | 'merged' | 'unmerging';
  /** Records that came from the merged pid: what unmerging takes back. */
  readonly records: readonly string[];
}

/** A patient's own signed `patient.merge` or `patient.unmerge`, where the pid is claimed. */
export interface PatientsCall {
  readonly call: SignedCall;
  readonly privateArgs?: PrivateArgs;
}

type Parts = Pick<MoveParts, 'ledger' | 'rows' | 'ciphertext' | 'patients' | 'documents' | 'audit' | 'clock'> & {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly moves: Moves;
  readonly repository: VaultRepository;
};

/**
 * Two pids of one patient become one, and two again (ADR 0011): the second is closed on the ledger with a commitment, its records
 * move to the first. Each step may be done again: what a crash cut off goes on with the next call; what the ledger refuses leaves
 * everything as it was.
 */
export class Merges {
  readonly #parts: Parts;
  readonly #locks = new KeyedLocks();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Under which Patient a merged one goes on; itself when it is not merged. */
  async survivorOf(fhirId: string): Promise<string> {
    const patient = await this.#parts.patients.findByFhirId(fhirId);
    const facts = patient === undefined ? undefined : await this.find(patient.pid);
    return facts === undefined ? fhirId : facts.survivorFhirId;
  }

  async find(pid: string): Promise<MergeFacts | undefined> {
    return (await this.#parts.documents.find('merge', pid)) as unknown as MergeFacts | undefined;
  }

  /**
   * Merges a Patient into another. Of an unclaimed pid its custodian decides; of a claimed one its patient, with a signed call
   * that commits to this survivor. Throws `not-found`, `bad-input`, `conflict`, or `ledger-refused` with its code.
   */
  async merge(
    caller: WritingCaller,
    { fhirId, into, signed }: { readonly fhirId: string; readonly into: string; readonly signed?: PatientsCall },
  ): Promise<MergeFacts> {
    const [second, first] = await Promise.all([this.#read(fhirId), this.#read(into)]);
    await this.#demandDecider(second.pid, signed);
    if (second.pid === first.pid) throw new RecordsError('bad-input', 'a patient is not merged into itself');
    const release = await this.#locks.acquire([second.pid, first.pid]);
    try {
      const begun = await this.#begin(second, first, signed);
      if (begun.state !== 'merging') return begun;
      if (!(await this.#isMerged(second.pid))) await this.#close(caller, begun, signed);
      const moved = new Set(begun.records);
      for (const page of pagesOf(await this.#recordsOf(second.pid))) {
        for (const { recordId } of page) moved.add(recordId);
        await this.#put({ ...begun, records: [...moved] });
        await this.#parts.moves.moveAll(caller, page, first.pid);
      }
      return await this.#put({ ...begun, records: [...moved], state: 'merged' });
    } finally {
      release();
    }
  }

  /** Takes a merge back: the records that came with it go back, those written since stay where they were written. */
  async unmerge(
    caller: WritingCaller,
    { fhirId, signed }: { readonly fhirId: string; readonly signed?: PatientsCall },
  ): Promise<MergeFacts> {
    const second = await this.#read(fhirId);
    const facts = await this.find(second.pid);
    if (facts === undefined) throw new RecordsError('not-found', 'the patient is not merged');
    await this.#demandDecider(second.pid, signed);
    const release = await this.#locks.acquire([second.pid, facts.survivor]);
    try {
      const begun: MergeFacts = { ...facts, state: 'unmerging' };
      if (await this.#isMerged(second.pid)) await this.#reopen(caller, facts, signed);
      else await this.#put(begun);
      const back = (await this.#recordsOf(facts.survivor)).filter(({ recordId }) => facts.records.includes(recordId));
      for (const page of pagesOf(back)) await this.#parts.moves.moveAll(caller, page, second.pid);
      await unlinkPatients(this.#parts, caller, facts);
      await this.#parts.documents.delete('merge', second.pid);
      return begun;
    } finally {
      release();
    }
  }

  async #begin(second: KnownPatient, first: KnownPatient, signed: PatientsCall | undefined): Promise<MergeFacts> {
    const given = signed?.privateArgs?.values as { readonly survivor?: Json; readonly salt?: Json } | undefined;
    if (signed !== undefined && given?.survivor !== first.pid) {
      throw new RecordsError('bad-input', 'the patient has signed for another survivor');
    }
    const known = await this.find(second.pid);
    if (known !== undefined) {
      if (known.survivor !== first.pid) throw new RecordsError('conflict', 'the patient is merged into another');
      // What was cut off before its commit is committed to with the salt of the call that comes now.
      const isOpen = known.state === 'merging' && !(await this.#isMerged(second.pid));
      return isOpen && typeof given?.salt === 'string' ? { ...known, salt: given.salt } : known;
    }
    if ((await this.find(first.pid)) !== undefined) {
      throw new RecordsError('conflict', 'the patient who is to go on is merged into another');
    }
    const salt = typeof given?.salt === 'string' ? given.salt : toBase64url(randomBytes(SALT_BYTES));
    const active = await findActive(this.#parts, second.fhirId);
    return {
      ...{ pid: second.pid, survivor: first.pid, fhirId: second.fhirId, survivorFhirId: first.fhirId, salt },
      ...(active === undefined ? {} : { active }),
      ...{ atMs: this.#parts.clock(), state: 'merging', records: [] },
    };
  }

  /**
   * Links the two and closes the second on the ledger. The links come first, since nothing is written to a merged pid; a
   * refusal of whichever step takes them back, and a call that would be refused gets no link at all.
   */
  async #close(caller: WritingCaller, facts: MergeFacts, signed: PatientsCall | undefined): Promise<void> {
    const ready = await this.#prepare(caller, 'merge', facts, signed);
    await this.#put(facts);
    try {
      await linkPatients(this.#parts, caller, facts);
      await this.#commit(caller, 'merge', facts, ready);
    } catch (error) {
      if (isRefusal(error)) {
        await unlinkPatients(this.#parts, caller, facts);
        await this.#parts.documents.delete('merge', facts.pid);
      }
      throw error;
    }
  }

  async #reopen(caller: WritingCaller, facts: MergeFacts, signed: PatientsCall | undefined): Promise<void> {
    const ready = await this.#prepare(caller, 'unmerge', facts, signed);
    await this.#put({ ...facts, state: 'unmerging' });
    try {
      await this.#commit(caller, 'unmerge', facts, ready);
    } catch (error) {
      if (isRefusal(error)) await this.#put(facts);
      throw error;
    }
  }

  /** The call that is to be submitted, when the ledger would take it now. */
  async #prepare(
    caller: WritingCaller,
    transaction: 'merge' | 'unmerge',
    facts: MergeFacts,
    signed: PatientsCall | undefined,
  ): Promise<PatientsCall> {
    const { ledger, clock } = this.#parts;
    const ready = signed ?? (await this.#sign(caller, transaction, facts));
    const { payload } = ready.call;
    const { pid } = payload.args as { readonly pid?: Json };
    if (payload.contract !== 'patient' || payload.transaction !== transaction || pid !== facts.pid) {
      throw new RecordsError('bad-input', 'the patient has signed another call');
    }
    const refusal = await findRefusal(ledger, ready, clock());
    if (refusal !== undefined) await this.#refuse(caller, transaction, facts, refusal);
    return ready;
  }

  async #commit(
    caller: WritingCaller,
    transaction: 'merge' | 'unmerge',
    facts: MergeFacts,
    { call, privateArgs }: PatientsCall,
  ): Promise<void> {
    const result = await this.#parts.ledger.submit(call, privateArgs);
    if (result.kind === 'refused') await this.#refuse(caller, transaction, facts, result.code);
    await this.#tell(caller, facts, 'ok');
  }

  async #refuse(
    caller: WritingCaller,
    transaction: 'merge' | 'unmerge',
    facts: MergeFacts,
    detail: string,
  ): Promise<never> {
    await this.#tell(caller, facts, detail);
    throw new RecordsError('ledger-refused', `the ledger refused to ${transaction} the pid`, { detail });
  }

  /** Both are told: the one who goes on, and the one that ends. */
  async #tell(caller: WritingCaller, { pid, survivor }: MergeFacts, outcome: string): Promise<void> {
    const { audit, clock } = this.#parts;
    for (const told of [pid, survivor]) {
      await audit.append({
        ...{ kind: 'registration', atMs: clock(), pid: told, who: caller.writer.who, purpose: null, outcome },
        ...{ grant: null, session: null, records: [], request: null },
      });
    }
  }

  async #sign(
    { writer }: WritingCaller,
    transaction: 'merge' | 'unmerge',
    { pid, survivor, salt }: MergeFacts,
  ): Promise<PatientsCall> {
    const { ledger, clock } = this.#parts;
    const { network } = ledger;
    const call = { network, contract: 'patient', transaction, nowMs: clock() };
    if (transaction === 'unmerge') return { call: await signWriterCall(writer, { ...call, args: { pid } }) };
    const commitment = mergeCommitment({ hashTuple }, { network, pid, survivor, salt });
    const privateArgs: PrivateArgs = { salt: toBase64url(randomBytes(SALT_BYTES)), values: { survivor, salt } };
    return { call: await signWriterCall(writer, { ...call, args: { pid, commitment }, privateArgs }), privateArgs };
  }

  /** Refuses before anything is written what the ledger would: of a claimed pid its patient decides. */
  async #demandDecider(pid: string, signed: PatientsCall | undefined): Promise<void> {
    const fact = (await this.#parts.ledger.get(patientKey(pid))) as PatientFact | undefined;
    if (fact?.status === 'unclaimed' || (fact?.status === 'claimed' && signed !== undefined)) return;
    const detail = fact?.status === 'claimed' ? 'patient-claimed' : 'patient-closed';
    throw new RecordsError('ledger-refused', 'the patient decides whether the pid is merged', { detail });
  }

  async #isMerged(pid: string): Promise<boolean> {
    const fact = (await this.#parts.ledger.get(patientKey(pid))) as PatientFact | undefined;
    return fact?.merged !== undefined;
  }

  /** Current records of a pid but the Patient, which says who it was. */
  async #recordsOf(pid: string): Promise<readonly StoredRecord[]> {
    const { store, masterKey, rows } = this.#parts;
    const found = await store.read
      .selectFrom('record')
      .innerJoin('batch', 'batch.batchId', 'record.batchId')
      .select(['record.recordId', 'record.version'])
      .where('record.ownerToken', '=', masterKey.token('owner', `pid:${pid}`))
      .where('record.status', '=', 'current')
      .where('batch.state', '=', 'committed')
      .limit(MERGED_RECORDS_MAX + 1)
      .execute();
    if (found.length > MERGED_RECORDS_MAX) throw new RecordsError('too-large', 'the patient has too many records');
    const records: StoredRecord[] = [];
    for (const { recordId, version } of found) {
      if (recordId === null || version === null) continue;
      const record = await rows.findRecord(recordId, version);
      if (record !== undefined && record.meta.type !== 'Patient') records.push(record);
    }
    return records;
  }

  async #read(fhirId: string): Promise<KnownPatient> {
    const patient = await this.#parts.patients.findByFhirId(fhirId);
    if (patient === undefined) throw new RecordsError('not-found', 'no such patient is registered here');
    return patient;
  }

  async #put(facts: MergeFacts): Promise<MergeFacts> {
    await this.#parts.documents.put('merge', facts.pid, facts as unknown as Json);
    return facts;
  }
}

/** Whoever refused, nothing came of it; of any other failure the end is not known. */
function isRefusal(error: unknown): boolean {
  return error instanceof RecordsError && (error.code === 'ledger-refused' || error.code === 'conflict');
}

function* pagesOf(records: readonly StoredRecord[]): Generator<readonly StoredRecord[]> {
  for (let at = 0; at < records.length; at += MOVED_MAX) yield records.slice(at, at + MOVED_MAX);
}
