import { mergeCommitment, type PatientFact, type PrivateArgs, patientKey, type SignedCall } from '@salus/contracts';
import { fromUtf8, hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { type FhirTree, type FhirValue, isTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import { signWriterCall } from './calls.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { MasterKey } from './master-key.ts';
import { MOVED_MAX, type MoveParts, type Moves } from './move.ts';
import type { KnownPatient } from './patients.ts';
import { RecordsError } from './records-error.ts';
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
 * move to the first. Each step may be done again: what a crash cut off goes on with the next call.
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
      if (!(await this.#isMerged(second.pid))) {
        await this.#link(caller, { of: second.fhirId, to: first.fhirId, type: 'replaced-by' });
        await this.#link(caller, { of: first.fhirId, to: second.fhirId, type: 'replaces' });
        await this.#commit(caller, 'merge', begun, signed);
      }
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
      const begun = await this.#put({ ...facts, state: 'unmerging' });
      if (await this.#isMerged(second.pid)) await this.#commit(caller, 'unmerge', begun, signed);
      const back = (await this.#recordsOf(facts.survivor)).filter(({ recordId }) => facts.records.includes(recordId));
      for (const page of pagesOf(back)) await this.#parts.moves.moveAll(caller, page, second.pid);
      await this.#unlink(caller, facts.fhirId, facts.survivorFhirId);
      await this.#unlink(caller, facts.survivorFhirId, facts.fhirId);
      await this.#parts.documents.delete('merge', second.pid);
      return begun;
    } finally {
      release();
    }
  }

  async #begin(second: KnownPatient, first: KnownPatient, signed: PatientsCall | undefined): Promise<MergeFacts> {
    const known = await this.find(second.pid);
    if (known !== undefined && known.survivor !== first.pid) {
      throw new RecordsError('conflict', 'the patient is merged into another');
    }
    if (known !== undefined) return known;
    if ((await this.find(first.pid)) !== undefined) {
      throw new RecordsError('conflict', 'the patient who is to go on is merged into another');
    }
    const given = signed?.privateArgs?.values as { readonly survivor?: Json; readonly salt?: Json } | undefined;
    if (signed !== undefined && given?.survivor !== first.pid) {
      throw new RecordsError('bad-input', 'the patient has signed for another survivor');
    }
    const salt = typeof given?.salt === 'string' ? given.salt : toBase64url(randomBytes(SALT_BYTES));
    return this.#put({
      ...{ pid: second.pid, survivor: first.pid, fhirId: second.fhirId, survivorFhirId: first.fhirId, salt },
      ...{ atMs: this.#parts.clock(), state: 'merging', records: [] },
    });
  }

  async #commit(
    caller: WritingCaller,
    transaction: 'merge' | 'unmerge',
    { pid, survivor, salt }: MergeFacts,
    signed: PatientsCall | undefined,
  ): Promise<void> {
    const { ledger, audit, clock } = this.#parts;
    const { call, privateArgs } = signed ?? (await this.#sign(caller, transaction, { pid, survivor, salt }));
    const {
      args,
      contract,
      transaction: named,
    } = call.payload as { args: { pid?: Json }; contract: string; transaction: string };
    if (contract !== 'patient' || named !== transaction || args.pid !== pid) {
      throw new RecordsError('bad-input', 'the patient has signed another call');
    }
    const result = await ledger.submit(call, privateArgs);
    const outcome = result.kind === 'committed' ? 'ok' : result.code;
    // Both are told: the one who goes on, and the one that ends.
    for (const told of [pid, survivor]) {
      await audit.append({
        ...{ kind: 'registration', atMs: clock(), pid: told, who: caller.writer.who, purpose: null, outcome },
        ...{ grant: null, session: null, records: [], request: null },
      });
    }
    if (result.kind === 'committed') return;
    if (transaction === 'merge') await this.#parts.documents.delete('merge', pid);
    throw new RecordsError('ledger-refused', `the ledger refused to ${transaction} the pid`, { detail: outcome });
  }

  #sign(
    { writer }: WritingCaller,
    transaction: 'merge' | 'unmerge',
    { pid, survivor, salt }: Pick<MergeFacts, 'pid' | 'survivor' | 'salt'>,
  ): Promise<PatientsCall> {
    const { ledger, clock } = this.#parts;
    const { network } = ledger;
    const commitment = mergeCommitment({ hashTuple }, { network, pid, survivor, salt });
    const call = { network, contract: 'patient', transaction, nowMs: clock() };
    if (transaction === 'unmerge') {
      return signWriterCall(writer, { ...call, args: { pid } }).then((signed) => ({ call: signed }));
    }
    const privateArgs: PrivateArgs = { salt: toBase64url(randomBytes(SALT_BYTES)), values: { survivor, salt } };
    return signWriterCall(writer, { ...call, args: { pid, commitment }, privateArgs }).then((signed) => ({
      call: signed,
      privateArgs,
    }));
  }

  /** FHIR R4 Patient.link: for people and systems at home; no pid stands in it. */
  async #link(
    caller: WritingCaller,
    { of, to, type }: { readonly of: string; readonly to: string; readonly type: 'replaces' | 'replaced-by' },
  ): Promise<void> {
    await this.#change(caller, of, (tree) => {
      const links = otherLinks(tree, to);
      const link = [...links, { other: { reference: `Patient/${to}` }, type }];
      return type === 'replaced-by' ? { ...tree, active: false, link } : { ...tree, link };
    });
  }

  async #unlink(caller: WritingCaller, of: string, from: string): Promise<void> {
    await this.#change(caller, of, (tree) => {
      const link = otherLinks(tree, from);
      const { link: _link, active: _active, ...rest } = tree;
      return { ...rest, ...(link.length === 0 ? {} : { link }) };
    });
  }

  async #change(caller: WritingCaller, fhirId: string, change: (tree: FhirTree) => FhirTree): Promise<void> {
    const { rows, ciphertext, repository } = this.#parts;
    const record = await rows.findResource('Patient', fhirId);
    if (record?.status !== 'current') return;
    const tree = parseFhirJson(fromUtf8(await ciphertext.readPlaintext(record)));
    const bytes = Buffer.from(stringifyFhirJson(change(tree)));
    const resource = { type: 'Patient', id: fhirId } as const;
    const result = await repository.update(
      caller,
      resource,
      { bytes, format: 'json' },
      { ifMatch: String(record.version) },
    );
    if (result.kind === 'refused') throw new RecordsError('conflict', `a Patient was not changed: ${result.code}`);
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

function otherLinks(tree: FhirTree, to: string): readonly FhirValue[] {
  const links = Array.isArray(tree.link) ? (tree.link as readonly FhirValue[]) : [];
  return links.filter((link) => !(isTree(link) && isTree(link.other) && link.other.reference === `Patient/${to}`));
}

function* pagesOf(records: readonly StoredRecord[]): Generator<readonly StoredRecord[]> {
  for (let at = 0; at < records.length; at += MOVED_MAX) yield records.slice(at, at + MOVED_MAX);
}
