import type { Json } from '@salus/contracts';
import type { ForeignVersion, SeenVersions } from './foreign/foreign-news.ts';
import { newId } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { StoreTransaction } from './store/database.ts';
import type { FeedPositionTable } from './store/feed-schema.ts';
import type { Store } from './store/index.ts';

/** Of one subscriber: beyond that the oldest are given up, and the gap in their numbers tells. */
export const NOTIFICATIONS_MAX = 10_000;
/** Versions of other organisations that one subscriber is known to have heard of: the oldest of an author may be told again. */
const SEEN_MAX = 20_000;

/** What is to be sent to a subscriber: which version, by its own number. Holds no content. */
export interface QueuedNotification {
  readonly id: string;
  /** 1 for a subscription's first. */
  readonly eventNumber: number;
  readonly atMs: number;
  readonly kind: 'create' | 'update';
  readonly recordId: string;
  readonly version: number;
  /** Where it is another organisation's: as what it is read here. */
  readonly elsewhere?: Pick<ForeignVersion, 'author' | 'type' | 'id' | 'patient'>;
}

/** Where a subscription stands in the feed of changes. */
export interface FeedPosition {
  readonly seq: number;
  readonly events: number;
}

type Reading = Pick<Store['read'], 'selectFrom'>;
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

  /** Moves a subscription on and queues what it is to be told, both or neither; `looked`: versions of other organisations. */
  async advance(
    subscription: string,
    position: FeedPosition,
    added: readonly Omit<QueuedNotification, 'id'>[],
    looked?: SeenVersions,
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
      await putPlace(trx, place);
      if (looked !== undefined) {
        const seen = await this.#seenIn(trx, subscription);
        await putPlace(trx, this.#seenRow(subscription, new Map([...(seen ?? []), ...looked])));
      }
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
    return (await this.#sealed(this.#parts.store.read, this.#token(subscription))) as unknown as
      | FeedPosition
      | undefined;
  }

  /** Versions of other organisations that the subscriber has heard of, or were looked at in vain; undefined before the first look. */
  seen(subscription: string): Promise<SeenVersions | undefined> {
    return this.#seenIn(this.#parts.store.read, subscription);
  }

  /** Of what could not be told, the subscriber hears when it may be told again. */
  async forget(subscription: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#parts.store.write(async (trx) => {
      const seen = await this.#seenIn(trx, subscription);
      const kept = [...(seen ?? [])].filter(([name]) => !names.includes(name));
      if (seen !== undefined) await putPlace(trx, this.#seenRow(subscription, new Map(kept)));
    });
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
      const places = [subscriptionToken, this.#seenToken(subscription)];
      await trx.deleteFrom('feedPosition').where('subscriptionToken', 'in', places).execute();
    });
  }

  async #seenIn(db: Reading, subscription: string): Promise<SeenVersions | undefined> {
    const seen = await this.#sealed(db, this.#seenToken(subscription));
    return seen === undefined ? undefined : new Map(seen as unknown as readonly (readonly [string, number])[]);
  }

  async #sealed(db: Reading, subscriptionToken: string): Promise<Json | undefined> {
    const row = await db
      .selectFrom('feedPosition')
      .select('sealed')
      .where('subscriptionToken', '=', subscriptionToken)
      .executeTakeFirst();
    return row === undefined
      ? undefined
      : this.#parts.masterKey.openJson('notification', [subscriptionToken], row.sealed);
  }

  #seenRow(subscription: string, seen: SeenVersions): FeedPositionTable {
    const subscriptionToken = this.#seenToken(subscription);
    const sealed = this.#parts.masterKey.sealJson('notification', [subscriptionToken], bounded(seen));
    return { subscriptionToken, sealed };
  }

  #token(subscription: string): string {
    return this.#parts.masterKey.token('document', 'subscription', subscription);
  }

  #seenToken(subscription: string): string {
    return this.#parts.masterKey.token('document', 'subscription-seen', subscription);
  }
}

/** Each author has its share: whoever has many takes away nobody else’s. */
function bounded(seen: SeenVersions): readonly (readonly [string, number])[] {
  if (seen.size <= SEEN_MAX) return [...seen];
  const byAuthor = Map.groupBy(seen, ([name]) => name.slice(0, name.indexOf(' ')));
  const share = Math.floor(SEEN_MAX / byAuthor.size);
  return [...byAuthor.values()].flatMap((each) => each.slice(-share));
}

async function putPlace(trx: StoreTransaction, place: FeedPositionTable): Promise<void> {
  await trx
    .insertInto('feedPosition')
    .values(place)
    .onConflict((conflict) => conflict.column('subscriptionToken').doUpdateSet(place))
    .execute();
}
