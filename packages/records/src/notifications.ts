import type { Json } from '@salus/contracts';
import { newId } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { Store } from './store/index.ts';

/** Of one subscriber: beyond that the oldest are given up, and the gap in their numbers tells. */
export const NOTIFICATIONS_MAX = 10_000;

/** What is to be sent to a subscriber: which version, by its own number. Holds no content. */
export interface QueuedNotification {
  readonly id: string;
  /** 1 for a subscription's first. */
  readonly eventNumber: number;
  readonly atMs: number;
  readonly kind: 'create' | 'update';
  readonly recordId: string;
  readonly version: number;
}

/** Where a subscription stands in the feed of changes. */
export interface FeedPosition {
  readonly seq: number;
  readonly events: number;
}

type Parts = { readonly store: Store; readonly masterKey: MasterKey };

/**
 * Queued notifications and how far each subscription has come, sealed: what was put into the queue is sent after a restart,
 * once or, where the process ended in between, again under the same number.
 */
export class Notifications {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Moves a subscription on and queues what it is to be told, both or neither. */
  async advance(
    subscription: string,
    position: FeedPosition,
    added: readonly Omit<QueuedNotification, 'id'>[],
  ): Promise<void> {
    const { store, masterKey } = this.#parts;
    const subscriptionToken = this.#token(subscription);
    const rows = added.map((notification) => {
      const notificationId = newId();
      const sealed = masterKey.sealJson('notification', [notificationId], notification as unknown as Json);
      return { notificationId, subscriptionToken, eventNumber: notification.eventNumber, sealed };
    });
    const place = {
      subscriptionToken,
      sealed: masterKey.sealJson('notification', [subscriptionToken], position as unknown as Json),
    };
    await store.write(async (trx) => {
      for (const row of rows) await trx.insertInto('notification').values(row).execute();
      await trx
        .insertInto('feedPosition')
        .values(place)
        .onConflict((conflict) => conflict.column('subscriptionToken').doUpdateSet(place))
        .execute();
      const last = rows.at(-1);
      if (last === undefined) return;
      await trx
        .deleteFrom('notification')
        .where('subscriptionToken', '=', subscriptionToken)
        .where('eventNumber', '<=', last.eventNumber - NOTIFICATIONS_MAX)
        .execute();
    });
  }

  async position(subscription: string): Promise<FeedPosition | undefined> {
    const subscriptionToken = this.#token(subscription);
    const row = await this.#parts.store.read
      .selectFrom('feedPosition')
      .select('sealed')
      .where('subscriptionToken', '=', subscriptionToken)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return this.#parts.masterKey.openJson('notification', [subscriptionToken], row.sealed) as unknown as FeedPosition;
  }

  /** What waits, the oldest first. */
  async list(subscription: string, limit: number): Promise<readonly QueuedNotification[]> {
    const rows = await this.#parts.store.read
      .selectFrom('notification')
      .select(['notificationId', 'sealed'])
      .where('subscriptionToken', '=', this.#token(subscription))
      .orderBy('eventNumber')
      .limit(limit)
      .execute();
    return rows.map(({ notificationId, sealed }) => ({
      ...(this.#parts.masterKey.openJson('notification', [notificationId], sealed) as unknown as Omit<
        QueuedNotification,
        'id'
      >),
      id: notificationId,
    }));
  }

  /** They arrived, or nobody may be told of them any more. */
  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#parts.store.write(async (trx) => {
      await trx
        .deleteFrom('notification')
        .where('notificationId', 'in', [...ids])
        .execute();
    });
  }

  /** The subscription is over. */
  async removeAll(subscription: string): Promise<void> {
    const subscriptionToken = this.#token(subscription);
    await this.#parts.store.write(async (trx) => {
      await trx.deleteFrom('notification').where('subscriptionToken', '=', subscriptionToken).execute();
      await trx.deleteFrom('feedPosition').where('subscriptionToken', '=', subscriptionToken).execute();
    });
  }

  #token(subscription: string): string {
    return this.#parts.masterKey.token('document', 'subscription', subscription);
  }
}
