import { type PatientFact, patientKey, type SessionFact, type Write } from '@salus/contracts';
import type { Block, TransactionOutcome } from '@salus/ledger';
import { BoundedCache } from './bounded-cache.ts';
import type { LedgerView } from './ledger-view.ts';

/** Pids whose organisation is kept at hand. */
const PIDS_MAX = 10_000;

/** What is to be answered, counted, and by whom it was done. */
type Trigger = { readonly by: string; readonly count: number };
const NONE: Trigger = { by: '', count: 0 };

/**
 * Tells which blocks every member but one answers with roots of its own logs (ADR 0002). It rests on blocks alone, so that all
 * members come to the same, and no answer says whom a grant names. Three things are answered: what is written about a grant, by
 * all but the pid's organisation; and a root by which an organisation brings what it released in an open session to the ledger, by
 * all others. A root that is itself such an answer is not answered.
 */
export class CoverRule {
  readonly #organisation: string;
  readonly #ledger: Pick<LedgerView, 'get'>;
  readonly #authors = new BoundedCache<string>(PIDS_MAX);
  /** Until when somebody may read at each organisation: agreed time in milliseconds. */
  readonly #openUntilMs = new Map<string, number>();
  #newest = NONE;
  /** The newest that another organisation did than the one of `#newest`. */
  #other = NONE;
  /** How much there was to answer when each log was last rooted, by `<organisation>/<log>`. */
  readonly #countAtRoot = new Map<string, number>();

  constructor(organisation: string, ledger: Pick<LedgerView, 'get'>) {
    this.#organisation = organisation;
    this.#ledger = ledger;
  }

  /** Has anybody had a session within the last `withinMs`? */
  isOpen(nowMs: number, withinMs: number): boolean {
    return [...this.#openUntilMs.values()].some((untilMs) => untilMs + withinMs >= nowMs);
  }

  /** Takes the next block; the agreed time of the first thing in it that this organisation is to answer. */
  async note({ transactions }: Block): Promise<number | undefined> {
    let answered: number | undefined;
    for (const { outcome, timestampMs } of transactions) {
      for (const write of writesOf(outcome)) {
        const by = await this.#findTrigger(write, timestampMs);
        if (by === undefined) continue;
        this.#count(by);
        if (by !== this.#organisation) answered ??= timestampMs;
      }
    }
    return answered;
  }

  /** Whose doing a write is that the others answer. */
  async #findTrigger([key, value]: Write, atMs: number): Promise<string | undefined> {
    const [family, first = '', second = '', third = ''] = key.split('/');
    if (family === 'grant') return this.#authorOf(first);
    if (family === 'access' && first === 'root') return this.#findRootTrigger(second, third, atMs);
    const session = family === 'call' ? (value as SessionFact | null)?.session : undefined;
    if (session !== undefined) await this.#open(session);
    return undefined;
  }

  async #open({ pid, untilMs }: SessionFact['session']): Promise<void> {
    const author = await this.#authorOf(pid);
    if (author !== undefined) this.#openUntilMs.set(author, Math.max(untilMs, this.#openUntilMs.get(author) ?? 0));
  }

  #findRootTrigger(organisation: string, log: string, atMs: number): string | undefined {
    const name = `${organisation}/${log}`;
    const toAnswer = (this.#newest.by === organisation ? this.#other : this.#newest).count;
    const isAnswer = toAnswer > (this.#countAtRoot.get(name) ?? 0);
    this.#countAtRoot.set(name, Math.max(this.#newest.count, this.#other.count));
    return !isAnswer && (this.#openUntilMs.get(organisation) ?? 0) >= atMs ? organisation : undefined;
  }

  #count(by: string): void {
    if (this.#newest.by !== by) this.#other = this.#newest;
    this.#newest = { by, count: this.#newest.count + 1 };
  }

  /** The organisation that keeps the pid's records, which releases them; undefined for a pid that the ledger lacks. */
  async #authorOf(pid: string): Promise<string | undefined> {
    const known = this.#authors.find(pid);
    if (known !== undefined) return known;
    const patient = (await this.#ledger.get(patientKey(pid))) as PatientFact | undefined;
    if (patient !== undefined) this.#authors.put(pid, patient.organisation);
    return patient?.organisation;
  }
}

function writesOf(outcome: TransactionOutcome): readonly Write[] {
  return outcome.kind === 'committed' ? outcome.writes : [];
}
