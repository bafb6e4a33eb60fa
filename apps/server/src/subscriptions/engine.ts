import { logLook, type QueuedNotification, type Sight } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { isMatch, type Looked, lookAt } from './changed-record.ts';
import { Elsewhere } from './elsewhere.ts';
import type { EndpointRules } from './endpoint-guard.ts';
import { type NotificationKind, notificationBundle, type Told } from './notification-bundle.ts';
import { type AppRecall, type Recalled, recall, requesterName } from './requester.ts';
import { callHook } from './rest-hook.ts';
import { parseSubscription, type Subscribed } from './subscription.ts';
import { type StoredSubscription, SubscriptionStore } from './subscription-store.ts';
import { tellable } from './tellable.ts';
import { Turns } from './turns.ts';

/** Events of one notification. */
export const EVENTS_PER_NOTIFICATION_MAX = 20;
/** How long the node waits before each further attempt; after the last the subscription is in error. */
export const RETRY_DELAYS_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000, 600_000];
const TICK_MS = 1_000;
/** Subscriptions of one requester that are told at once: endpoints that do not answer hold up nobody else's. */
const TOLD_AT_ONCE = 4;

/** A websocket that is bound to a subscription. */
export interface BoundSocket {
  /** Resolves true when the message was handed to the connection. */
  send(text: string): Promise<boolean>;
}

export interface EngineParts {
  readonly organisation: HostedOrganisation;
  readonly endpoints: EndpointRules;
  readonly recallApp: AppRecall;
  readonly nowMs: () => number;
  readonly onFailure: (error: unknown) => void;
  readonly onSent: (kind: NotificationKind, outcome: 'delivered' | 'failed') => void;
}

/** What is known of a subscription beside what is stored. */
type Live = {
  stored: StoredSubscription;
  readonly subscribed: Subscribed;
  attempts: number;
  nextMs: number;
  lastSentMs: number;
  readonly sockets: Set<BoundSocket>;
  readonly elsewhere: Elsewhere;
};

/**
 * Tells the subscribers of one organisation what happened. What a subscriber may see is asked of grants, roles and ledger
 * when a change is matched and again when it is sent; a requester who may see nothing any more has no subscription.
 */
export class SubscriptionEngine implements AsyncDisposable {
  readonly store: SubscriptionStore;
  readonly #parts: EngineParts;
  readonly #live = new Map<string, Live>();
  readonly #timer: NodeJS.Timeout;
  readonly #stopListening: () => void;
  readonly #turns = new Turns(TOLD_AT_ONCE);
  #running: Promise<void> = Promise.resolve();
  #isWoken = false;
  #closed = false;

  private constructor(parts: EngineParts) {
    this.#parts = parts;
    const { vault } = parts.organisation;
    this.store = new SubscriptionStore(vault.documents);
    this.#stopListening = vault.changes.listen(() => this.wake());
    this.#timer = setInterval(() => this.wake(), TICK_MS);
    this.#timer.unref();
  }

  /** Goes on with what an earlier process left. */
  static async open(parts: EngineParts): Promise<SubscriptionEngine> {
    const engine = new SubscriptionEngine(parts);
    for (const stored of await engine.store.list()) await engine.#resume(stored);
    engine.wake();
    return engine;
  }

  get size(): number {
    return this.#live.size;
  }

  /** A subscription was made or changed. */
  async put(stored: StoredSubscription): Promise<void> {
    await this.store.put(stored);
    this.#keep(stored);
    this.wake();
  }

  async delete(id: string): Promise<void> {
    this.#live.delete(id);
    await this.store.delete(id);
    await this.#parts.organisation.vault.notifications.removeAll(id);
  }

  /** Events since the subscription began. */
  async events(id: string): Promise<number> {
    return (await this.#parts.organisation.vault.notifications.position(id))?.events ?? 0;
  }

  /** Binds a socket and shakes hands; what waited is sent after it. Returns how to end it, undefined for none such. */
  async bind(id: string, socket: BoundSocket): Promise<(() => void) | undefined> {
    const live = this.#live.get(id);
    if (live === undefined || live.subscribed.channel.kind !== 'websocket') return undefined;
    await socket.send(await this.#bundle(live, 'handshake'));
    live.sockets.add(socket);
    this.wake();
    return () => void live.sockets.delete(socket);
  }

  /** Looks for something to do; a look that is under way is followed by another. */
  wake(): void {
    if (this.#isWoken || this.#closed) return;
    this.#isWoken = true;
    this.#running = this.#running
      .then(() => {
        this.#isWoken = false;
        return this.#closed ? undefined : this.#look();
      })
      .catch(this.#parts.onFailure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stopListening();
    await this.#running;
    await this.#turns.end();
  }

  /** What was taken once may be refused by today's settings: that ends this subscription, and no start of the node. */
  async #resume(stored: StoredSubscription): Promise<void> {
    try {
      this.#keep(stored);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (!isOn(stored)) return;
      await this.store.put({
        ...{ ...stored, status: 'error', error: 'What it asks for is not taken here any more: put it again.' },
        ...{ versionId: stored.versionId + 1, updatedMs: this.#parts.nowMs() },
      });
    }
  }

  #keep(stored: StoredSubscription): void {
    const { endpoints, organisation } = this.#parts;
    const before = this.#live.get(stored.id);
    const subscribed = parseSubscription(stored.resource, { baseUrl: organisation.baseUrl, endpoints });
    const sockets = before?.sockets ?? new Set();
    const { nowMs } = this.#parts;
    const elsewhere = new Elsewhere({ organisation, stored, search: subscribed.search, nowMs });
    const fresh = { attempts: 0, nextMs: 0, lastSentMs: nowMs() };
    this.#live.set(stored.id, { stored, subscribed, ...fresh, sockets, elsewhere });
  }

  async #look(): Promise<void> {
    const looked = new Map<string, Looked>();
    for (const live of this.#live.values()) {
      if (this.#isStill) return;
      if (isOn(live.stored)) await this.#follow(live, looked).catch(this.#parts.onFailure);
    }
  }

  /** Queues what there is to tell, and tells it beside the others: endpoints answer when they like. */
  async #follow(live: Live, looked: Map<string, Looked>): Promise<void> {
    const { id, requester } = live.stored;
    const recalled = await this.#recall(live);
    if (recalled === undefined) return;
    await this.#advance(live, recalled.sight, looked);
    await live.elsewhere.queue();
    const { onFailure, nowMs } = this.#parts;
    const group = requesterName(requester);
    if ((await live.elsewhere.wants(recalled.caller)) !== undefined) {
      this.#turns.take({ group: `elsewhere ${group}`, key: id }, () => this.#lookElsewhere(live).catch(onFailure));
    }
    if (nowMs() < live.nextMs) return;
    this.#turns.take({ group, key: id }, () => this.#attend(live).catch(onFailure));
  }

  /** Others' nodes answer when they like: what they hold is queued at the next look. */
  async #lookElsewhere(live: Live): Promise<void> {
    const recalled = this.#isCurrent(live) ? await this.#recall(live) : undefined;
    const wanted = recalled === undefined ? undefined : await live.elsewhere.wants(recalled.caller);
    if (recalled === undefined || wanted === undefined) return;
    await live.elsewhere.look(recalled.caller, wanted);
    this.wake();
  }

  /** A turn may have been waited for: who asked is recalled again. */
  async #attend(live: Live): Promise<void> {
    if (!this.#isCurrent(live)) return;
    const recalled = await this.#recall(live);
    if (recalled !== undefined) await this.#tell(live, recalled);
  }

  /** Closed, or after a rollback that has no name: nothing is released then (DESIGN §6), and nobody’s access is judged. */
  get #isStill(): boolean {
    return this.#closed || this.#parts.organisation.vault.guard.isClosed;
  }

  #isCurrent(live: Live): boolean {
    return !this.#isStill && this.#isKept(live);
  }

  /** Neither deleted, put again nor ended meanwhile. */
  #isKept(live: Live): boolean {
    return this.#live.get(live.stored.id) === live && isOn(live.stored);
  }

  /** undefined where there is nothing to be told any more, and the subscription is off. */
  async #recall(live: Live): Promise<Recalled | undefined> {
    const { organisation, recallApp, nowMs } = this.#parts;
    const { endMs } = live.subscribed;
    if (endMs !== null && nowMs() > endMs) {
      await this.#end(live, 'off', 'The subscription has ended.');
      return undefined;
    }
    const recalled = await recall(organisation, live.stored.requester, recallApp);
    if (recalled === undefined) await this.#end(live, 'off', 'Whoever asked for it has no access any more.');
    return recalled;
  }

  /** Reads on in the feed and queues what matches; the place and the queue move together. */
  async #advance({ stored, subscribed }: Live, sight: Sight, looked: Map<string, Looked>): Promise<void> {
    const { vault } = this.#parts.organisation;
    const { changes, notifications } = vault;
    let place = (await notifications.position(stored.id)) ?? { seq: stored.fromSeq, events: 0 };
    for (;;) {
      const page = await changes.read(place.seq);
      const last = page.at(-1);
      if (last === undefined) return;
      const added: Omit<QueuedNotification, 'id'>[] = [];
      for (const { kind, recordId, version, atMs } of page) {
        if (kind === 'delete') continue;
        const found = await lookAt(vault, { recordId, version }, looked);
        if (found === undefined || !(await isMatch(found, { subscribed, sight, nowMs: this.#parts.nowMs() }))) continue;
        added.push({ eventNumber: place.events + added.length + 1, atMs, kind, recordId, version });
      }
      place = { seq: last.seq, events: place.events + added.length };
      await notifications.advance(stored.id, place, added);
      if (this.#closed) return;
    }
  }

  async #tell(live: Live, recalled: Recalled): Promise<void> {
    const now = this.#parts.nowMs();
    if (now < live.nextMs) return;
    const { channel, heartbeatMs } = live.subscribed;
    if (live.stored.status === 'requested') {
      if (!live.elsewhere.isReady) return;
      const isReached = channel.kind === 'websocket' || (await this.#send(live, 'handshake'));
      if (!isReached) return;
      await this.#setStatus(live, 'active');
    }
    if (channel.kind === 'websocket' && live.sockets.size === 0) return;
    if (await this.#tellEvents(live, recalled)) return;
    if (heartbeatMs !== null && now - live.lastSentMs >= heartbeatMs) await this.#send(live, 'heartbeat');
  }

  /** Sends what waits; true when there was something. */
  async #tellEvents(live: Live, recalled: Recalled): Promise<boolean> {
    const { vault } = this.#parts.organisation;
    let isAny = false;
    // Long queues and slow endpoints take hours: who asked is recalled for each notification.
    for (let now: Recalled | undefined = recalled; now !== undefined; now = await this.#recall(live)) {
      const queued = await vault.notifications.list(live.stored.id, EVENTS_PER_NOTIFICATION_MAX);
      if (queued.length === 0 || !this.#isCurrent(live)) return isAny;
      const { told, records, lost } = await tellable(this.#parts.organisation, queued, now);
      if (told.length > 0) {
        isAny = true;
        // The event is durable before anything leaves (DESIGN §5).
        await logLook(vault.audit, { sight: now.sight, kind: 'search', records, atMs: vault.clock() });
        if (!(await this.#send(live, 'event-notification', told))) return true;
      }
      await vault.notifications.remove(queued.map(({ id }) => id));
      await vault.notifications.forget(live.stored.id, lost);
    }
    return isAny;
  }

  async #send(live: Live, kind: NotificationKind, told: readonly Told[] = []): Promise<boolean> {
    const { channel, content } = live.subscribed;
    const { endpoints, nowMs, onSent } = this.#parts;
    const bundle = await this.#bundle(live, kind, told);
    const isSent =
      channel.kind === 'websocket'
        ? (await Promise.all([...live.sockets].map((socket) => socket.send(bundle)))).some((sent) => sent)
        : (await callHook(channel.endpoint, {
            headers: channel.headers,
            body: live.subscribed.isTopic || content !== 'empty' ? bundle : undefined,
            rules: endpoints,
          })) === 'delivered';
    onSent(kind, isSent ? 'delivered' : 'failed');
    if (isSent) {
      live.attempts = 0;
      live.nextMs = 0;
      live.lastSentMs = nowMs();
      return true;
    }
    if (channel.kind === 'websocket') return false;
    const delay = RETRY_DELAYS_MS[live.attempts];
    live.attempts += 1;
    if (delay === undefined) await this.#setStatus(live, 'error', 'The endpoint did not take what was sent.');
    else live.nextMs = nowMs() + delay;
    return false;
  }

  async #bundle({ stored, subscribed }: Live, kind: NotificationKind, told: readonly Told[] = []): Promise<string> {
    const { organisation, nowMs } = this.#parts;
    const facts = {
      ...{ baseUrl: organisation.baseUrl, subscription: stored.id, content: subscribed.content, nowMs: nowMs() },
      ...{ status: stored.status, events: await this.events(stored.id) },
    };
    return notificationBundle(kind, facts, told);
  }

  async #end(live: Live, status: 'off', error: string): Promise<void> {
    await this.#setStatus(live, status, error);
    await this.#parts.organisation.vault.notifications.removeAll(live.stored.id);
  }

  async #setStatus(live: Live, status: StoredSubscription['status'], error: string | null = null): Promise<void> {
    // Deleted, put again or ended while it was looked at: it does not come back.
    if (!this.#isKept(live)) return;
    live.stored = {
      ...live.stored,
      status,
      error,
      versionId: live.stored.versionId + 1,
      updatedMs: this.#parts.nowMs(),
    };
    await this.store.put(live.stored);
  }
}

function isOn({ status }: StoredSubscription): boolean {
  return status === 'active' || status === 'requested';
}
