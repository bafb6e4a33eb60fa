import { setTimeout as delay } from 'node:timers/promises';
import { ARGS_LIMITS, type Json, type SignedCall } from '@salus/contracts';
import { type CallPayload, callId as callIdOf, canonicalBytes } from '@salus/crypto';
import type { Ledger, SubmitResult } from '@salus/ledger';
import type { Attachments } from './attachments.ts';
import type { BatchEffects } from './batch-effects.ts';
import { bindBatch } from './batch-rows.ts';
import type { BatchStore } from './batch-store.ts';
import type { BundleWorkers } from './bundle-workers.ts';
import { signWriterCall } from './calls.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { CrashHook, CrashPoint } from './crash-points.ts';
import type { DataKeys } from './data-keys.ts';
import { identifierTokens, newId } from './index-rows.ts';
import { leafReference } from './leaf-reference.ts';
import type { MasterKey } from './master-key.ts';
import { removePrepared } from './new-versions.ts';
import { type OwnerPlans, planOwners, releasePlans } from './owner-plans.ts';
import type { Packs } from './packs.ts';
import { type SealedObject, sealRecord } from './record-object.ts';
import { resourceToken } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import type { AuditEvent, AuditLog, Clock, RecordRows } from './vault-types.ts';
import { BATCH_RECORDS_MAX, ENDED_MAX, type NewVersion, type WriteOrder, type WriteReceipt } from './write-order.ts';

/** Writes that may be under way at once: each holds its batch in memory. */
export const WRITES_IN_FLIGHT_MAX = 128;
/** How often a write follows an epoch that rises under it. */
export const STALE_EPOCH_ATTEMPTS_MAX = 5;
/** How often a call without an answer is sent again before the writer is told; later attempts go on unseen. */
export const SUBMIT_ATTEMPTS_MAX = 3;
const SUBMIT_DELAY_MS = 100;
const SETTLE_DELAY_MS = 1_000;
/** Fewer objects are sealed where they are: another thread's turn would cost more. */
const SEALED_BESIDE_MIN = 32;

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly keys: DataKeys;
  readonly batches: BatchStore;
  readonly rows: RecordRows;
  readonly packs: Packs;
  readonly attachments: Attachments;
  readonly workers: Pick<BundleWorkers, 'seal'>;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** Told when a batch was committed or given up. */
  readonly changes: ChangeFeed;
  /** Told why a batch could not be settled; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  readonly crash?: CrashHook;
};

/** A batch on its way: `packed` resolves when its pack is durable. */
type SealedBatch = {
  readonly batchId: string;
  readonly objects: readonly SealedObject[];
  readonly packed: Promise<void>;
};

type Committed = Extract<SubmitResult, { readonly kind: 'committed' }>;
type Refused = Extract<SubmitResult, { readonly kind: 'refused' }>;

/**
 * The write path (DESIGN §5): encrypt → pack, synced, and beside it rows and intent in one SQLite commit → once the disk has
 * both, the call on the ledger → rows committed and audit durable → acknowledged. Whatever stops it in between, the next
 * start settles it by the call's id; an intent without its pack was never sent.
 */
export class RecordWriter implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  readonly #settling = new Set<Promise<void>>();
  readonly #inFlight = new Set<Promise<WriteReceipt>>();
  /** Its pack's folder is made while the write before it ends. */
  #nextBatchId = newId();
  #preparing: Promise<void> | undefined;
  #crashed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** True when a write stopped in between, so that files or intents may be left for the next start. */
  get isDisturbed(): boolean {
    return this.#crashed || this.#inFlight.size > 0 || this.#settling.size > 0;
  }

  /**
   * Resolves once the order is committed in store and ledger. Rejects `overloaded`, `too-large`, `conflict`,
   * `stale-epoch`, `ledger-refused` with the contract's code as detail: then nothing of it remains; or
   * `ledger-unavailable`: then it may still be committed.
   */
  async write(order: WriteOrder): Promise<WriteReceipt> {
    const refusal = this.#refusalOf(order);
    if (refusal !== undefined) {
      await removePrepared(this.#parts.attachments, order.versions);
      throw refusal;
    }
    const writing = this.#write(order);
    this.#inFlight.add(writing);
    try {
      return await writing;
    } finally {
      this.#inFlight.delete(writing);
      if (!this.#stop.signal.aborted) this.#prepareNext();
    }
  }

  /** Sends the call of a pending batch again and follows the ledger's answer: its id makes that harmless. */
  async settle(batch: { readonly batchId: string; readonly call: string }): Promise<'committed' | 'discarded'> {
    const result = await this.#parts.ledger.submit(JSON.parse(batch.call) as SignedCall);
    if (result.kind === 'committed') {
      await this.#finish(batch.batchId);
      return 'committed';
    }
    if (isPortRefusal(result)) throw unavailable(result.code);
    await this.discard(batch.batchId);
    return 'discarded';
  }

  /** Removes a batch whose call the ledger does not have and will not get, with its files. */
  discard(batchId: string): Promise<void> {
    return this.#discard(batchId, { withPack: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#inFlight);
    await Promise.allSettled(this.#settling);
    await this.#preparing;
  }

  #refusalOf(order: WriteOrder): RecordsError | undefined {
    if (this.#stop.signal.aborted) return new RecordsError('closed', 'the vault is closing');
    if (order.versions.length > BATCH_RECORDS_MAX) {
      return new RecordsError('too-large', `a batch has at most ${BATCH_RECORDS_MAX} records`);
    }
    const replaced = order.versions.filter(({ replaces }) => replaces !== null).length;
    if (Math.max(replaced, order.hides?.length ?? 0) > ENDED_MAX) {
      return new RecordsError('too-large', `a write changes, and deletes, at most ${ENDED_MAX} records each`);
    }
    if (this.#inFlight.size < WRITES_IN_FLIGHT_MAX) return undefined;
    return new RecordsError('overloaded', `more than ${WRITES_IN_FLIGHT_MAX} writes are under way`);
  }

  async #write(order: WriteOrder): Promise<WriteReceipt> {
    const batchId = this.#takeBatchId();
    const objects = await this.#sealAll(order.versions);
    this.#crash('write:before-pack');
    const packed = this.#writePack(batchId, objects);
    // Whoever waits for pack and intent hears of it; until then nobody does.
    packed.catch(() => undefined);
    try {
      for (let attempt = 1; ; attempt += 1) {
        const result = await this.#attempt(order, { batchId, objects, packed });
        if (result.kind === 'committed') {
          const { callId, block, timestampMs } = result;
          return { callId, batchId, block, timestampMs };
        }
        if (result.code !== 'stale-epoch') throw refusalOf(result);
        if (attempt >= STALE_EPOCH_ATTEMPTS_MAX) {
          throw new RecordsError('stale-epoch', 'the epoch rose again and again while the write was tried');
        }
      }
    } catch (error) {
      // Nothing is removed while it is still being written.
      await Promise.allSettled([packed]);
      await this.#cleanUp(order, batchId, error);
      throw error;
    }
  }

  async #sealAll(versions: readonly NewVersion[]): Promise<readonly SealedObject[]> {
    if (versions.length < SEALED_BESIDE_MIN) return versions.map(sealRecord);
    return this.#parts.workers.seal(
      versions.map(({ owner, recordId, version, plaintext }) => ({ owner, recordId, version, plaintext })),
    );
  }

  #prepareNext(): void {
    const { packs, onFailure } = this.#parts;
    this.#preparing = packs.prepare(this.#nextBatchId).catch(onFailure);
  }

  #takeBatchId(): string {
    const batchId = this.#nextBatchId;
    this.#nextBatchId = newId();
    return batchId;
  }

  async #writePack(batchId: string, objects: readonly SealedObject[]): Promise<void> {
    const ciphertexts = objects.map((object) => object.ciphertext);
    if (ciphertexts.length > 0) await this.#parts.packs.write(batchId, ciphertexts);
    this.#crash('write:after-pack');
  }

  async #attempt(order: WriteOrder, { batchId, objects, packed }: SealedBatch): Promise<Committed | Refused> {
    const { store, ledger, masterKey, batches, keys, clock } = this.#parts;
    const plans = await planOwners(keys, order);
    let call: SignedCall;
    try {
      const bound = await bindBatch(masterKey, { batchId, order, objects, plans });
      call = await this.#signCall(order, bound.args);
      const intent = {
        batchId,
        call,
        callId: callIdOf(call.payload as CallPayload),
        order,
        plans,
        bound,
        effects: effectsOf(masterKey, order),
        packBytes: objects.reduce((sum, object) => sum + object.ciphertext.length, 0),
        nowMs: clock(),
      };
      await this.#bothDurable(
        packed,
        store.append((trx) => batches.insert(trx, intent)),
        batchId,
      );
    } catch (error) {
      releasePlans(plans);
      throw error;
    }
    this.#crash('write:after-intent');
    const result = await this.#submit(ledger, batchId, call, plans);
    this.#crash('write:after-ledger');
    try {
      if (result.kind === 'refused') await this.#discard(batchId, { withPack: false });
      else await this.#finish(batchId, order.audits);
    } catch (error) {
      // The ledger has answered and the database does not follow at the moment: it will.
      this.#leaveOpen(batchId, call, plans);
      throw unavailable('the store did not follow', error);
    }
    releasePlans(plans);
    if (result.kind === 'committed') this.#crash('write:after-finish');
    return result;
  }

  /** The ledger is asked when the disk has pack and intent, and not before. An intent whose pack failed goes again. */
  async #bothDurable(packed: Promise<void>, inserted: Promise<void>, batchId: string): Promise<void> {
    const [pack, intent] = await Promise.allSettled([packed, inserted]);
    if (intent.status === 'rejected') throw intent.reason;
    if (pack.status === 'fulfilled') return;
    if (!this.#crashed) await this.#discard(batchId, { withPack: false });
    throw pack.reason;
  }

  /** The ledger's answer; without one the batch stays pending, its owners locked, and is settled later. */
  async #submit(ledger: Ledger, batchId: string, call: SignedCall, plans: OwnerPlans): Promise<Committed | Refused> {
    for (let attempt = 1; ; attempt += 1) {
      let cause: unknown;
      try {
        const result = await ledger.submit(call);
        // A port that takes no more calls says nothing of an attempt before, whose block may be stored.
        if (attempt === 1 || result.kind === 'committed' || !isPortRefusal(result)) return result;
        cause = refusalOf(result);
      } catch (error) {
        cause = error;
      }
      if (attempt < SUBMIT_ATTEMPTS_MAX && !this.#stop.signal.aborted) {
        await delay(SUBMIT_DELAY_MS * attempt);
        continue;
      }
      this.#leaveOpen(batchId, call, plans);
      throw unavailable('no answer', cause);
    }
  }

  /** The batch stays pending and its owners locked until ledger and store agree. */
  #leaveOpen(batchId: string, call: SignedCall, plans: OwnerPlans): void {
    const settling = this.#settleLater(batchId, JSON.stringify(call)).finally(() => {
      releasePlans(plans);
      this.#settling.delete(settling);
    });
    this.#settling.add(settling);
  }

  async #settleLater(batchId: string, call: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // Closing ends the wait; the batch stays pending and the next start settles it.
      await delay(SETTLE_DELAY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.settle({ batchId, call });
        return;
      } catch (error) {
        this.#parts.onFailure(error);
        // Nothing can be written any more before the next start, which settles it.
        if (error instanceof RecordsError && error.code === 'closed') return;
      }
    }
  }

  async #finish(batchId: string, audits?: readonly AuditEvent[]): Promise<void> {
    const { store, batches, audit } = this.#parts;
    const logged = audits ?? (await this.#readAudits(batchId));
    // Queued in one turn, so that both share a commit.
    await Promise.all([
      ...logged.map((event) => audit.append(event)),
      store.append((trx) => batches.finish(trx, batchId)),
    ]);
    this.#parts.changes.tell();
  }

  /** The events of a batch that was not finished; none when it was. */
  async #readAudits(batchId: string): Promise<readonly AuditEvent[]> {
    const batch = await this.#parts.store.read
      .selectFrom('batch')
      .select(['batchId', 'sealed', 'state'])
      .where('batchId', '=', batchId)
      .executeTakeFirst();
    return batch?.state === 'pending' ? this.#parts.batches.openEffects(batch).audits : [];
  }

  async #discard(batchId: string, { withPack }: { readonly withPack: boolean }): Promise<void> {
    const { store, batches, packs, attachments } = this.#parts;
    const orphans = await store.write((trx) => batches.discard(trx, batchId));
    this.#parts.changes.tell();
    if (!withPack) return;
    for (const attachmentId of orphans) await attachments.remove(attachmentId);
    await packs.remove(batchId);
  }

  /** A write that failed for good leaves no file; one whose outcome is open keeps everything. */
  async #cleanUp(order: WriteOrder, batchId: string, error: unknown): Promise<void> {
    if (this.#crashed) return;
    if (error instanceof RecordsError && error.code === 'ledger-unavailable') return;
    await removePrepared(this.#parts.attachments, order.versions);
    await this.#parts.packs.remove(batchId);
  }

  async #signCall(order: WriteOrder, args: { readonly [name: string]: Json }): Promise<SignedCall> {
    const replaces: Json[] = [];
    for (const { replaces: old } of order.versions) {
      if (old === null) continue;
      replaces.push(await leafReference(this.#parts.rows, old));
    }
    const hides: Json[] = [];
    for (const hidden of order.hides ?? []) hides.push(await leafReference(this.#parts.rows, hidden));
    const { transaction, whole } = namedCall(order, args, { replaces, hides });
    if (canonicalBytes(whole).length > ARGS_LIMITS.sizeBytesMax) {
      throw new RecordsError('too-large', 'a batch touches more keys than one call can name: write it in parts');
    }
    const { network } = this.#parts.ledger;
    const nowMs = this.#parts.clock();
    return signWriterCall(order.writer, { network, contract: 'record', transaction, args: whole, nowMs });
  }

  #crash(point: CrashPoint): void {
    try {
      this.#parts.crash?.(point);
    } catch (error) {
      this.#crashed = true;
      throw error;
    }
  }
}

/** What a batch is called on the ledger: what only hides needs no keys. */
function namedCall(
  { versions }: WriteOrder,
  args: { readonly [name: string]: Json },
  { replaces, hides }: { readonly replaces: Json[]; readonly hides: Json[] },
): { readonly transaction: string; readonly whole: { readonly [name: string]: Json } } {
  if (versions.length === 0) return { transaction: 'tombstone', whole: { leaves: hides } };
  if (replaces.length + hides.length === 0) return { transaction: 'commit', whole: args };
  const ended = { ...args, replaces };
  return { transaction: 'correct', whole: hides.length === 0 ? ended : { ...ended, tombstones: hides } };
}

function effectsOf(masterKey: MasterKey, order: WriteOrder): BatchEffects {
  const replacing = order.versions.filter(({ replaces, movedFrom }) => replaces !== null || movedFrom !== undefined);
  return {
    ends: replacing.flatMap(({ replaces }) =>
      replaces === null ? [] : [{ recordId: replaces.recordId, version: replaces.version }],
    ),
    restated: replacing.map(({ facts, identifiers }) => ({
      resourceToken: resourceToken(masterKey, facts.type, facts.id),
      identifierTokens: identifiers.flatMap((identifier) => identifierTokens(masterKey, facts.type, identifier)),
    })),
    hides: (order.hides ?? []).map(({ recordId, version }) => ({ recordId, version })),
    audits: order.audits,
  };
}

/** A refusal of the port says that nothing was done, and nothing about the call. */
function isPortRefusal({ code }: Refused): boolean {
  return code === 'overloaded' || code === 'stopped';
}

function refusalOf(refused: Refused): RecordsError {
  const { code } = refused;
  if (code === 'overloaded') return new RecordsError('overloaded', 'the ledger takes no more calls at the moment');
  if (code === 'stopped') return new RecordsError('closed', 'the ledger is closing');
  if (code === 'leaf-ended')
    return new RecordsError('conflict', 'the version was ended by another call', { detail: code });
  return new RecordsError('ledger-refused', `the ledger refused the write: ${code}`, { detail: code });
}

function unavailable(why: string, cause?: unknown): RecordsError {
  return new RecordsError('ledger-unavailable', `the outcome of a call is not known yet: ${why}`, { cause });
}
