import {
  type DisputeAnswer,
  type DisputeFact,
  type DisputeStatement,
  disputeAnswerCommitment,
  disputeCommitment,
  disputeKey,
  type SignedCall,
} from '@salus/contracts';
import { hashTuple } from '@salus/crypto';
import { type DisputeStore, openName } from './dispute-store.ts';
import type { LedgerView } from './ledger-view.ts';
import { RecordsError } from './records-error.ts';
import type { Clock, RecordRows, StoredRecord } from './vault-types.ts';

/** Statements of one patient that are kept, answered and withdrawn ones too, and those that may be open at once. */
export const DISPUTES_PER_PID_MAX = 500;
export const DISPUTES_OPEN_PER_PID_MAX = 100;
/** Open ones of all patients of an organisation. */
const OPEN_MAX = 50_000;
const VERSIONS_MAX = 1_000;
/** Beyond `notAfter`, for clocks that differ. */
const LATE_MS = 3_600_000;

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
  readonly answer: {
    readonly answer: DisputeAnswer;
    readonly salt: string;
    readonly by: string;
    /** By which `by` answered; words that were kept without it go to no other organisation. */
    readonly call?: SignedCall;
  } | null;
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

interface BookParts {
  readonly store: DisputeStore;
  readonly ledger: LedgerView;
  readonly rows: RecordRows;
  readonly clock: Clock;
}

/** What patients state about their records at this organisation, sealed; the ledger holds commitments. */
export class DisputeBook {
  readonly #parts: BookParts;

  constructor(parts: BookParts) {
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

  /**
   * Keeps a statement before its call is submitted, so that none is committed whose words are lost: nobody is shown it
   * until the ledger has committed to it. `overloaded` where too many are open.
   */
  async keep(kept: KeptDispute): Promise<void> {
    const { store } = this.#parts;
    const { pid, dispute } = kept;
    await store.locked(async () => {
      const own = await store.listOf(pid);
      if (own.includes(dispute)) {
        if ((await this.find(pid, dispute)) === undefined) await store.put(kept);
        return;
      }
      await this.#makeRoom(pid, own);
      await store.put(kept);
      await store.add(pid, dispute);
    });
  }

  /** Forgets a statement whose call was refused; one that the ledger knows stays. */
  async forget(pid: string, dispute: string): Promise<void> {
    const { store } = this.#parts;
    await store.locked(async () => {
      if ((await this.#factOf(pid, dispute)) === undefined) await store.remove(pid, new Set([dispute]));
    });
  }

  /**
   * Keeps the author's words, before their call is submitted and again after it: another's words that came in between give
   * way to those that were committed. `not-found` where no such statement is kept.
   */
  async answer(pid: string, dispute: string, answer: NonNullable<KeptDispute['answer']>): Promise<void> {
    const { store } = this.#parts;
    await store.locked(async () => {
      const kept = await store.find(pid, dispute);
      if (kept === undefined) throw new RecordsError('not-found', 'no such dispute is kept here');
      const known = await this.find(pid, dispute);
      if (known !== undefined && known.answer !== null) return;
      await store.put({ ...kept, answer });
    });
  }

  /** Takes what is answered or withdrawn out of the list of open ones. */
  async settle(pid: string, dispute: string): Promise<void> {
    const { store } = this.#parts;
    await store.locked(() => store.close(new Set([openName(pid, dispute)])));
  }

  async find(pid: string, dispute: string): Promise<KnownDispute | undefined> {
    const kept = await this.#parts.store.find(pid, dispute);
    return kept === undefined ? undefined : checkDispute(kept, await this.#factOf(pid, dispute));
  }

  /** A patient's statements, oldest first, withdrawn ones too. */
  async listOfPid(pid: string): Promise<readonly KnownDispute[]> {
    const own = await this.#parts.store.listOf(pid);
    const found = await Promise.all(own.map((dispute) => this.find(pid, dispute)));
    return found.filter((dispute) => dispute !== undefined);
  }

  /** All patients' statements that are open, oldest first; from behind the one of `after`, `<pid>/<dispute>`, if it is still listed. */
  async *listOpen(after?: string): AsyncGenerator<KnownDispute> {
    const names = await this.#parts.store.listOpen();
    for (const name of names.slice(after === undefined ? 0 : names.indexOf(after) + 1)) {
      const [pid = '', dispute = ''] = name.split('/');
      const found = await this.find(pid, dispute);
      if (found?.status === 'open') yield found;
    }
  }

  /** Inside the lock: a patient's withdrawn statements give way, the oldest first; what is open or answered never. */
  async #makeRoom(pid: string, own: readonly string[]): Promise<void> {
    const { store } = this.#parts;
    const lost = new Set<string>();
    const withdrawn: string[] = [];
    let open = 0;
    for (const dispute of own) {
      const status = (await this.#factOf(pid, dispute))?.status;
      if (status === undefined && (await this.#isOver(pid, dispute))) lost.add(dispute);
      else if (status === 'withdrawn') withdrawn.push(dispute);
      else if (status === undefined || status === 'open') open += 1;
    }
    const surplus = Math.max(0, own.length - lost.size - DISPUTES_PER_PID_MAX + 1);
    if (open >= DISPUTES_OPEN_PER_PID_MAX || surplus > withdrawn.length) {
      throw new RecordsError('overloaded', 'too many disputes of the patient are open');
    }
    await store.remove(pid, new Set([...lost, ...withdrawn.slice(0, surplus)]));
    await this.#makeRoomOfAll();
  }

  async #makeRoomOfAll(): Promise<void> {
    const { store } = this.#parts;
    const names = await store.listOpen();
    if (names.length < OPEN_MAX) return;
    const closed = new Set<string>();
    for (const name of names) {
      const [pid = '', dispute = ''] = name.split('/');
      const status = (await this.#factOf(pid, dispute))?.status;
      if (status !== undefined && status !== 'open') closed.add(name);
    }
    if (closed.size === 0) throw new RecordsError('overloaded', 'too many disputes are open');
    await store.close(closed);
  }

  /** Can the call of a statement that the ledger does not know no longer be committed? */
  async #isOver(pid: string, dispute: string): Promise<boolean> {
    const kept = await this.#parts.store.find(pid, dispute);
    return kept === undefined || (kept.call.payload.notAfter ?? 0) + LATE_MS < this.#parts.clock();
  }

  async #factOf(pid: string, dispute: string): Promise<DisputeFact | undefined> {
    return (await this.#parts.ledger.get(disputeKey(pid, dispute))) as DisputeFact | undefined;
  }
}
