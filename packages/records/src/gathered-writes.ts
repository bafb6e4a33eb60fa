import { RecordsError } from './records-error.ts';
import type { WriteOrder, WriteReceipt } from './write-order.ts';

/** Orders that one call carries. */
export const GATHERED_MAX = 64;
/** Orders that wait at once; beyond it one is refused. */
export const GATHERING_MAX = 2_000;
/** Calls of one writer under way, before further orders wait for each other. */
const CALLS_AT_ONCE = 2;

type Write = (order: WriteOrder) => Promise<WriteReceipt>;
type Waiting = { readonly order: WriteOrder; readonly answer: PromiseWithResolvers<WriteReceipt> };
type Lane = { readonly waiting: Waiting[]; running: number };

/**
 * Small orders of one writer that arrive while a call of theirs is under way share the next one: a signature, a pack and a
 * block cost the same for one record as for many. What the ledger refuses together is sent again one by one, so that no order
 * fails for another's sake.
 */
export class GatheredWrites {
  readonly #write: Write;
  readonly #lanes = new Map<unknown, Lane>();
  #waiting = 0;

  constructor(write: Write) {
    this.#write = write;
  }

  /** As `RecordWriter.write`. */
  write(order: WriteOrder): Promise<WriteReceipt> {
    if (!isSmall(order)) return this.#write(order);
    if (this.#waiting >= GATHERING_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${GATHERING_MAX} writes are waiting`));
    }
    // One delegation is one person in one session.
    const writer = order.writer.onBehalfOf ?? order.writer.submitter.id;
    const lane = this.#lanes.get(writer) ?? { waiting: [], running: 0 };
    this.#lanes.set(writer, lane);
    const answer = Promise.withResolvers<WriteReceipt>();
    lane.waiting.push({ order, answer });
    this.#waiting += 1;
    if (lane.running < CALLS_AT_ONCE) void this.#run(writer, lane);
    return answer.promise;
  }

  async #run(writer: unknown, lane: Lane): Promise<void> {
    lane.running += 1;
    while (lane.waiting.length > 0) {
      const group = lane.waiting.splice(0, GATHERED_MAX);
      this.#waiting -= group.length;
      await this.#writeTogether(group);
    }
    lane.running -= 1;
    if (lane.running === 0) this.#lanes.delete(writer);
  }

  async #writeTogether(group: readonly Waiting[]): Promise<void> {
    try {
      const receipt = await this.#write(joined(group.map(({ order }) => order)));
      for (const { answer } of group) answer.resolve(receipt);
    } catch (error) {
      // One that may still be committed is not sent again.
      const isRefused = error instanceof RecordsError && error.code !== 'ledger-unavailable';
      if (group.length > 1 && isRefused) {
        for (const { order, answer } of group) await this.#write(order).then(answer.resolve, answer.reject);
      } else {
        for (const { answer } of group) answer.reject(error);
      }
    }
  }
}

/** Single requests; files of attachments go with the order that brought them, so those go alone. */
function isSmall({ versions, patients, hides = [], bundleToken }: WriteOrder): boolean {
  const isWhole = versions.every(({ attachments }) => attachments.length === 0);
  return bundleToken === null && versions.length + patients.length + hides.length <= 2 && isWhole;
}

function joined(orders: readonly WriteOrder[]): WriteOrder {
  const [first] = orders;
  if (first === undefined) throw new Error('broken invariant: a group has an order');
  if (orders.length === 1) return first;
  return {
    ...first,
    versions: orders.flatMap(({ versions }) => versions),
    patients: orders.flatMap(({ patients }) => patients),
    audits: orders.flatMap(({ audits }) => audits),
    hides: orders.flatMap(({ hides = [] }) => hides),
  };
}
