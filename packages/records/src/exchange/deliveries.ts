import { type HpkeKeyFact, isLive, type RootsFact, rootsKey } from '@salus/contracts';
import {
  CryptoError,
  canonicalBytes,
  fromUtf8,
  type HpkePrivateKey,
  hashTuple,
  type Json,
  openHpke,
  parseSealedEnvelope,
  sealHpke,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { LedgerView } from '../ledger-view.ts';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import type { Store } from '../store/index.ts';
import type { AuditEvent, AuditLog, Who } from '../vault-types.ts';
import { dropQuotes, noteQuotes } from './delivery-quotes.ts';
import {
  type DeliveryRow,
  type DeliveryTable,
  demandRoom,
  demandUnerased,
  type InboxItem,
  type InboxSecret,
  type InboxState,
  type OutboxItem,
  type OutboxSecret,
  type OutboxState,
  openDelivery,
  putRow,
  sealDelivery,
} from './delivery-rows.ts';
import {
  DELIVERY_BYTES_MAX,
  DELIVERY_KINDS,
  type DeliveryBody,
  type DeliveryKind,
  type DeliveryReceipt,
  type ExchangePeer,
  type PeerAnswer,
  type PeerRequest,
  type PeerRequestPayload,
} from './exchange-peer.ts';
import { findNodeKey, isSigned, type PeerSender, signPeerRequest } from './peer-request.ts';

/** Deliveries that wait in the inbox; beyond it they are refused, and their sender keeps them. */
export const INBOX_MAX = 10_000;
/** Deliveries that wait to be sent. */
export const OUTBOX_MAX = 10_000;
export const DELIVERIES_PAGE_MAX = 200;

/** Nobody who may speak for the receiver has answered, or its ledger could not be relied on then. */
const UNANSWERED: ReadonlySet<string> = new Set(['peer-unreachable', 'peer-untrusted', 'unavailable', 'distrusted']);
const DELIVERY_ID = /^[\w-]{22}$/;

/** What a person of this organisation sends. */
export interface Sending {
  /** 22 characters; sending the same id again does nothing new. */
  readonly delivery: string;
  readonly to: string;
  readonly kind: DeliveryKind;
  readonly body: string;
  /** Leaf hashes of this organisation's versions that the body quotes: none of it is sent once one of them is erased. */
  readonly quotes?: readonly string[];
  readonly who: Who;
  /** This organisation's pid of the patient it is about, so that the patient sees it. */
  readonly pid: string | null;
}

export interface DeliveryParts extends PeerSender {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: LedgerView;
  readonly audit: AuditLog;
  findPeer(organisation: string): ExchangePeer | undefined;
  /** An HPKE key of this organisation, retired ones too; an unknown kid throws `not-found`. */
  openHpke(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: HpkePrivateKey }>;
}

/**
 * Orders, results, prescriptions and tasks between organisations. The sender keeps each until the receiver's signed
 * receipt has come, the receiver until it is dealt with: then who, when and what became of it are left, and nothing of the
 * content. The receiver takes each id once. Both log it, and both rows are covered by their rows logs.
 */
export class Deliveries {
  readonly #parts: DeliveryParts;
  readonly #listeners = new Set<(delivery: string) => void>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Called with the id of a delivery that is new in the inbox. Returns how to end it. */
  listen(listener: (delivery: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Sends, or finds what became of the same id. `overloaded`, `too-large`, `not-found` for a receiver without a key. */
  async send(sending: Sending): Promise<OutboxItem> {
    const prepared = await this.prepare(sending);
    return prepared.state === 'pending' ? this.attempt(sending.delivery) : prepared;
  }

  /** The first half of `send`: durable here, and not sent yet. What nobody attempts, `resendPending` does. */
  async prepare(sending: Sending): Promise<OutboxItem> {
    return (await this.findSent(sending.delivery)) ?? this.#queue(sending);
  }

  /** The other half: one attempt. Without an answer the delivery stays pending. Absent throws `not-found`. */
  async attempt(delivery: string): Promise<OutboxItem> {
    const row = await this.#findRow('outbox', delivery);
    if (row === undefined) throw new RecordsError('not-found', 'no such delivery was prepared');
    const secret = openDelivery<OutboxSecret>(this.#parts.masterKey, row);
    const { body } = secret;
    // Settled, or taken back, since it was looked up.
    if (body === null) return itemOf(row, secret);
    const peer = this.#parts.findPeer(secret.to);
    if (peer === undefined) throw new RecordsError('not-found', 'no such organisation is connected');
    const request = await signPeerRequest(this.#parts, secret.to, 'deliver', body);
    // Durable before it leaves, like everything that leaves.
    await this.#log({ who: secret.who, pid: secret.pid, peer: secret.to, nonce: request.payload.nonce, delivery });
    const settled = await this.#settleAnswer(secret.to, body, await askToTake(peer, request));
    if (settled.code !== null) {
      await this.#log({
        who: secret.who,
        pid: secret.pid,
        peer: secret.to,
        nonce: request.payload.nonce,
        delivery,
        outcome: settled.code,
      });
    }
    return this.#keepAttempt(row, secret, settled);
  }

  /** Sends again what no receipt has come for; returns how many are settled now. */
  async resendPending(): Promise<number> {
    const rows = await this.#parts.store.read
      .selectFrom('outbox')
      .select(['deliveryToken', 'sealed'])
      .where('state', '=', 'pending')
      .orderBy('atMs')
      .limit(DELIVERIES_PAGE_MAX)
      .execute();
    let settled = 0;
    const silent = new Set<string>();
    for (const row of rows) {
      const { delivery, to } = openDelivery<OutboxSecret>(this.#parts.masterKey, row);
      // One organisation that does not answer keeps nothing from the others.
      if (silent.has(to)) continue;
      const { state, code } = await this.attempt(delivery);
      if (state !== 'pending') settled += 1;
      else if (code !== null && UNANSWERED.has(code)) silent.add(to);
    }
    return settled;
  }

  async findSent(delivery: string): Promise<OutboxItem | undefined> {
    const row = await this.#findRow('outbox', delivery);
    return row === undefined ? undefined : itemOf(row, openDelivery(this.#parts.masterKey, row));
  }

  /** The gateway's side: durable in the inbox and logged before the receipt is signed. */
  async accept(payload: PeerRequestPayload<'deliver', DeliveryBody>): Promise<DeliveryReceipt> {
    const { from, body, nonce } = payload;
    if (!DELIVERY_ID.test(body.delivery) || !DELIVERY_KINDS.includes(body.kind)) {
      throw new RecordsError('bad-input', 'a delivery has an id of 22 characters and a known kind');
    }
    const digest = hashTuple('delivery', body.sealed as unknown as Json);
    const known = await this.#findRow('inbox', this.#scoped(from, body.delivery));
    if (known === undefined) {
      const text = await this.#openBody(payload);
      await this.#log({
        who: { kind: 'member', id: payload.node, organisation: from, roles: ['node'] },
        pid: null,
        peer: from,
        nonce,
        delivery: body.delivery,
      });
      await this.#insertReceived({ delivery: body.delivery, from, kind: body.kind, body: text, digest });
      for (const listener of this.#listeners) listener(body.delivery);
    } else if (openDelivery<InboxSecret>(this.#parts.masterKey, known).digest !== digest) {
      throw new RecordsError('conflict', 'this delivery id stands for another delivery');
    }
    return this.#signReceipt(from, body.delivery, digest);
  }

  /** Received deliveries, oldest first, of one state; `after` is the time of the last one seen. */
  async listInbox(query: {
    readonly state: InboxState;
    readonly afterMs?: number;
    readonly limit: number;
  }): Promise<readonly InboxItem[]> {
    const rows = await this.#parts.store.read
      .selectFrom('inbox')
      .selectAll()
      .where('state', '=', query.state)
      .where('atMs', '>', query.afterMs ?? -1)
      .orderBy('atMs')
      .limit(Math.max(1, Math.min(DELIVERIES_PAGE_MAX, query.limit)))
      .execute();
    return rows.map((row) => {
      const { delivery, from, kind, body } = openDelivery<InboxSecret>(this.#parts.masterKey, row);
      return { delivery, from, kind, body, atMs: row.atMs, state: row.state as InboxState };
    });
  }

  /** Whether a delivery that arrived waits to be dealt with. */
  async isNew(from: string, delivery: string): Promise<boolean> {
    return (await this.#findRow('inbox', this.#scoped(from, delivery)))?.state === 'new';
  }

  /** Says that a delivery was dealt with: its content goes, which makes room in the inbox. Absent throws `not-found`. */
  async settle(from: string, delivery: string): Promise<void> {
    const { masterKey, store } = this.#parts;
    const row = await this.#findRow('inbox', this.#scoped(from, delivery));
    if (row === undefined) throw new RecordsError('not-found', 'no such delivery arrived');
    const settled = { ...openDelivery<InboxSecret>(masterKey, row), body: null };
    await store.write((trx) => putRow(trx, 'inbox', sealDelivery(masterKey, settled, { ...row, state: 'done' })));
  }

  async #queue({ delivery, to, kind, body, who, pid, quotes = [] }: Sending): Promise<OutboxItem> {
    const plaintext = utf8(body);
    if (!DELIVERY_ID.test(delivery))
      throw new RecordsError('bad-input', 'a delivery id has 22 characters of base64url');
    if (plaintext.length > DELIVERY_BYTES_MAX) {
      throw new RecordsError('too-large', `a delivery has at most ${DELIVERY_BYTES_MAX} bytes`);
    }
    const { network, organisation, store, masterKey, clock } = this.#parts;
    const { kid, publicKey } = await this.#recipientOf(to);
    const info = deliveryInfo({ network, from: organisation, to, delivery, kind, kid });
    const sealed = await sealHpke({ publicKey, info, plaintext });
    const secret: OutboxSecret = {
      delivery,
      to,
      kind,
      code: null,
      receipt: null,
      body: { delivery, kind, sealed },
      quotes,
      pid,
      who,
    };
    const place = { deliveryToken: this.#tokenOf(delivery), atMs: clock(), state: 'pending' };
    const row = sealDelivery(masterKey, secret, place);
    await store.write(async (trx) => {
      await demandRoom(trx, 'outbox', 'pending', OUTBOX_MAX);
      await demandUnerased(trx, quotes);
      await putRow(trx, 'outbox', row);
      await noteQuotes(trx, masterKey, { deliveryToken: row.deliveryToken, quotes });
    });
    return itemOf(row, secret);
  }

  /** Says what came of an attempt. What was settled or taken back meanwhile stays so, unless it has arrived after all. */
  #keepAttempt({ deliveryToken, atMs }: DeliveryRow, secret: OutboxSecret, settled: Settled): Promise<OutboxItem> {
    const { masterKey, store } = this.#parts;
    return store.write(async (trx) => {
      const now = await trx
        .selectFrom('outbox')
        .selectAll()
        .where('deliveryToken', '=', deliveryToken)
        .executeTakeFirstOrThrow();
      if (now.state !== 'pending' && settled.state !== 'delivered') return itemOf(now, openDelivery(masterKey, now));
      const { state, code, receipt } = settled;
      const kept = { ...secret, code, receipt, body: state === 'pending' ? secret.body : null };
      const row = sealDelivery(masterKey, kept, { deliveryToken, atMs, state });
      await putRow(trx, 'outbox', row);
      if (state !== 'pending') await dropQuotes(trx, masterKey, { deliveryToken, quotes: secret.quotes ?? [] });
      return itemOf(row, kept);
    });
  }

  async #settleAnswer(to: string, body: DeliveryBody, answer: PeerAnswer<DeliveryReceipt>): Promise<Settled> {
    // A full inbox may have room later; any other refusal is the receiver's word on this delivery.
    if (answer.kind === 'refused') {
      const mayPass = answer.code === 'inbox-full' || UNANSWERED.has(answer.code);
      return { state: mayPass ? 'pending' : 'refused', code: answer.code, receipt: null };
    }
    const { payload, signature } = answer.result;
    const { network, organisation, ledger, clock } = this.#parts;
    const meant =
      payload.version === 'salus:receipt:v1' &&
      payload.alg === 'ES256' &&
      payload.network === network &&
      payload.delivery === body.delivery &&
      payload.from === organisation &&
      payload.to === to &&
      payload.digest === hashTuple('delivery', body.sealed as unknown as Json);
    const publicKey = meant ? await findNodeKey(ledger, to, payload.node, clock()) : undefined;
    if (publicKey === undefined || !isSigned(payload as unknown as Json, signature, publicKey)) {
      throw new RecordsError('signature-invalid', 'the receipt is not the receiver’s for this delivery');
    }
    return { state: 'delivered', code: null, receipt: answer.result };
  }

  async #openBody({ from, body }: PeerRequestPayload<'deliver', DeliveryBody>): Promise<string> {
    const { network, organisation: to } = this.#parts;
    const { delivery, kind } = body;
    try {
      const sealed = parseSealedEnvelope(body.sealed as unknown as Json);
      const key = await this.#parts.openHpke(sealed.kid);
      const info = deliveryInfo({ network, from, to, delivery, kind, kid: sealed.kid });
      return fromUtf8(await openHpke({ ...key, info, envelope: sealed }));
    } catch (cause) {
      if (!(cause instanceof CryptoError || (cause instanceof RecordsError && cause.code === 'not-found'))) throw cause;
      throw new RecordsError('key-mismatch', 'the delivery is not sealed to a key of this organisation', { cause });
    }
  }

  async #insertReceived(secret: InboxSecret): Promise<void> {
    const { store, masterKey, clock } = this.#parts;
    const deliveryToken = this.#tokenOf(this.#scoped(secret.from, secret.delivery));
    const row = sealDelivery(masterKey, secret, { deliveryToken, atMs: clock(), state: 'new' });
    await store.write(async (trx) => {
      // The same may have come, and been dealt with, since it was looked for: its content does not come back.
      const known = await trx
        .selectFrom('inbox')
        .select('state')
        .where('deliveryToken', '=', deliveryToken)
        .executeTakeFirst();
      if (known !== undefined) return;
      await demandRoom(trx, 'inbox', 'new', INBOX_MAX);
      await putRow(trx, 'inbox', row);
    });
  }

  async #signReceipt(from: string, delivery: string, digest: string): Promise<DeliveryReceipt> {
    const { network, organisation: to, node, clock } = this.#parts;
    const payload = {
      ...({ version: 'salus:receipt:v1', alg: 'ES256', network, delivery, from, to } as const),
      ...{ node: node.id, digest, atMs: clock() },
    };
    return { payload, signature: toBase64url(await node.signer.sign(canonicalBytes(payload))) };
  }

  /** The newest live key of the receiver's organisation. */
  async #recipientOf(organisation: string): Promise<HpkeKeyFact> {
    const roots = (await this.#parts.ledger.get(rootsKey(organisation))) as RootsFact | undefined;
    const live = roots?.status === 'active' ? roots.hpke.filter((key) => isLive(key, this.#parts.clock())) : [];
    const [newest] = live.filter((key) => key.holder === 'organisation').sort((a, b) => b.fromMs - a.fromMs);
    if (newest === undefined) throw new RecordsError('not-found', 'the ledger lists no key of the receiver');
    return newest;
  }

  async #findRow(table: DeliveryTable, id: string): Promise<DeliveryRow | undefined> {
    return this.#parts.store.read
      .selectFrom(table)
      .selectAll()
      .where('deliveryToken', '=', this.#tokenOf(id))
      .executeTakeFirst();
  }

  /** Two senders may use one id: each has its own in the inbox. */
  #scoped(from: string, delivery: string): string {
    return `${from}/${delivery}`;
  }

  #tokenOf(id: string): string {
    return this.#parts.masterKey.token('request', 'delivery', id);
  }

  async #log(about: {
    readonly who: Who;
    readonly pid: string | null;
    readonly peer: string;
    readonly nonce: string;
    readonly delivery: string;
    readonly outcome?: string | null;
  }): Promise<void> {
    const event: AuditEvent = {
      kind: 'delivery',
      atMs: this.#parts.clock(),
      pid: about.pid,
      who: about.who,
      purpose: null,
      grant: null,
      session: null,
      records: [],
      outcome: about.outcome ?? 'ok',
      request: null,
      exchange: { peer: about.peer, id: about.nonce, delivery: about.delivery },
    };
    await this.#parts.audit.append(event);
  }
}

type Settled = Pick<OutboxItem, 'state' | 'code' | 'receipt'>;

function itemOf({ atMs, state }: DeliveryRow, { delivery, to, kind, code, receipt }: OutboxSecret): OutboxItem {
  return { delivery, to, kind, code, receipt, atMs, state: state as OutboxState };
}

/** Silence of the receiver's node is no word on a delivery: the sender keeps it. */
async function askToTake(
  peer: ExchangePeer,
  request: PeerRequest<'deliver', DeliveryBody>,
): Promise<PeerAnswer<DeliveryReceipt>> {
  try {
    return await peer.deliver(request);
  } catch (error) {
    if (error instanceof RecordsError && UNANSWERED.has(error.code)) return { kind: 'refused', code: error.code };
    throw error;
  }
}

function deliveryInfo(about: {
  readonly network: string;
  readonly from: string;
  readonly to: string;
  readonly delivery: string;
  readonly kind: string;
  readonly kid: string;
}): readonly Json[] {
  const { network, from, to, delivery, kind, kid } = about;
  return ['salus:delivery:v1', network, from, to, delivery, kind, kid];
}
