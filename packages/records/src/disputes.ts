import {
  type DisputeAnswer,
  type DisputeFact,
  type DisputeStatement,
  disputeAnswerCommitment,
  disputeCommitment,
  disputeKey,
  type SignedCall,
} from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import type { Documents } from './documents.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { LedgerView } from './ledger-view.ts';
import { RecordsError } from './records-error.ts';
import type { RecordRows, StoredRecord } from './vault-types.ts';

/** Statements of one patient, and of all patients of an organisation. */
export const DISPUTES_PER_PID_MAX = 500;
const DISPUTES_MAX = 10_000;
const VERSIONS_MAX = 1_000;
const ALL = 'all';

/** A statement as it is kept and travels: with the patient's signed call and what opens both commitments. */
export interface KeptDispute {
  readonly dispute: string;
  readonly pid: string;
  readonly recordId: string;
  readonly version: number;
  /** `<type>/<FHIR id>` of the disputed resource. */
  readonly reference: string;
  readonly statement: DisputeStatement;
  readonly salt: string;
  /** Signed by a device of the patient, or of a guardian. */
  readonly call: SignedCall;
  readonly answer: { readonly answer: DisputeAnswer; readonly salt: string; readonly by: string } | null;
}

/** With what the ledger says of it now. */
export interface KnownDispute extends KeptDispute {
  readonly status: DisputeFact['status'];
  readonly atMs: number;
  readonly answeredMs: number | null;
}

/** Is what was kept or sent what the ledger committed to? The words of an answer that is not committed are dropped. */
export function checkDispute(kept: KeptDispute, fact: DisputeFact | undefined): KnownDispute | undefined {
  const { statement, salt, answer, pid, dispute } = kept;
  if (fact === undefined || disputeCommitment({ hashTuple }, statement, salt) !== fact.commitment) return undefined;
  if (statement.pid !== pid || statement.dispute !== dispute || statement.leafHash !== fact.leafHash) return undefined;
  const isAnswered =
    answer !== null && disputeAnswerCommitment({ hashTuple }, answer.answer, answer.salt) === fact.answer;
  const { status, ms, answeredMs = null } = fact;
  return { ...kept, answer: isAnswered ? answer : null, status, atMs: ms, answeredMs };
}

/** What patients state about their records at this organisation, sealed; the ledger holds commitments. */
export class DisputeBook {
  readonly #parts: { readonly documents: Documents; readonly ledger: LedgerView; readonly rows: RecordRows };
  readonly #locks = new KeyedLocks();

  constructor(parts: { readonly documents: Documents; readonly ledger: LedgerView; readonly rows: RecordRows }) {
    this.#parts = parts;
  }

  /** The version that the statement speaks of, of this record; `not-found` where it is none of it. */
  async findDisputed(recordId: string, pid: string, leafHash: string): Promise<StoredRecord> {
    const { rows } = this.#parts;
    const current = await rows.findRecord(recordId);
    if (current?.meta.owner === `pid:${pid}`) {
      for (let version = current.version; version > Math.max(0, current.version - VERSIONS_MAX); version -= 1) {
        const found = version === current.version ? current : await rows.findRecord(recordId, version);
        if (found?.leafHash === leafHash) return found;
      }
    }
    throw new RecordsError('not-found', 'the patient has no such version of a record here');
  }

  /** Keeps a statement that the ledger has committed; `overloaded` where there are too many. */
  async keep(kept: KeptDispute): Promise<void> {
    const { pid, dispute } = kept;
    const release = await this.#locks.acquire([ALL]);
    try {
      const own = await this.#listed(`of/${pid}`);
      const all = await this.#listed(ALL);
      if (own.includes(dispute)) return;
      if (own.length >= DISPUTES_PER_PID_MAX || all.length >= DISPUTES_MAX) {
        throw new RecordsError('overloaded', 'too many disputes are kept');
      }
      await this.#put(kept);
      await this.#parts.documents.put('dispute', ALL, [...all, `${pid}/${dispute}`]);
      await this.#parts.documents.put('dispute', `of/${pid}`, [...own, dispute]);
    } finally {
      release();
    }
  }

  /** Adds the author's words; `not-found` where no such statement is kept. */
  async answer(pid: string, dispute: string, answer: NonNullable<KeptDispute['answer']>): Promise<void> {
    const kept = await this.#find(pid, dispute);
    if (kept === undefined) throw new RecordsError('not-found', 'no such dispute is kept here');
    await this.#put({ ...kept, answer });
  }

  async find(pid: string, dispute: string): Promise<KnownDispute | undefined> {
    const kept = await this.#find(pid, dispute);
    if (kept === undefined) return undefined;
    return checkDispute(kept, (await this.#parts.ledger.get(disputeKey(pid, dispute))) as DisputeFact | undefined);
  }

  /** A patient's statements, oldest first, withdrawn ones too. */
  async listOfPid(pid: string): Promise<readonly KnownDispute[]> {
    const found = await Promise.all((await this.#listed(`of/${pid}`)).map((dispute) => this.find(pid, dispute)));
    return found.filter((dispute) => dispute !== undefined);
  }

  /** All patients' statements that are open, oldest first, at most `limit`. */
  async listOpen(limit: number): Promise<readonly KnownDispute[]> {
    const open: KnownDispute[] = [];
    for (const name of await this.#listed(ALL)) {
      const [pid = '', dispute = ''] = name.split('/');
      const found = await this.find(pid, dispute);
      if (found?.status === 'open') open.push(found);
      if (open.length >= limit) break;
    }
    return open;
  }

  #put(kept: KeptDispute): Promise<void> {
    return this.#parts.documents.put('dispute', `entry/${kept.pid}/${kept.dispute}`, kept as unknown as Json);
  }

  async #find(pid: string, dispute: string): Promise<KeptDispute | undefined> {
    return (await this.#parts.documents.find('dispute', `entry/${pid}/${dispute}`)) as unknown as
      | KeptDispute
      | undefined;
  }

  async #listed(name: string): Promise<readonly string[]> {
    return ((await this.#parts.documents.find('dispute', name)) ?? []) as readonly string[];
  }
}
