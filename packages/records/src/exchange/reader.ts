import { setTimeout as wait } from 'node:timers/promises';
import {
  type GrantFact,
  grantKey,
  type LeafFact,
  leafKey,
  type SessionFact,
  sessionKey,
  type Terms,
} from '@salus/contracts';
import { fromBase64url, type HpkePrivateKey } from '@salus/crypto';
import {
  type AttachmentReference,
  findReferences,
  INLINED_BYTES_MAX,
  inlineAttachments,
} from '../attachment-reference.ts';
import { type AttachmentName, contentBytesOf } from '../attachments.ts';
import type { LedgerView } from '../ledger-view.ts';
import { idOfCall } from '../node-call.ts';
import { RecordsError, type RecordsErrorCode } from '../records-error.ts';
import type { AuditKind, AuditLog, Owner } from '../vault-types.ts';
import { openPieces } from './attachment-pieces.ts';
import {
  type AttachmentBody,
  type ExchangeOperation,
  type ExchangePeer,
  MANIFEST_LEAVES_MAX,
  type ManifestBody,
  type ManifestPage,
  type PeerAnswer,
  type PeerRequest,
  type ReleasedKey,
  type ReleasedRecord,
} from './exchange-peer.ts';
import type { Reader } from './gateway-session.ts';
import { GatheredReads } from './gathered-reads.ts';
import type { Keeping } from './kept-records.ts';
import { askChart, type Chart, type ChartRecord } from './manifest-checks.ts';
import { type OpenedKeys, openListed, openReleased, openReleasedKeys } from './open-released.ts';
import { parseAttachmentResult, parseFetchResult, parseManifestPage, parseOpenResult } from './peer-answers.ts';
import { type PeerSender, signPeerRequest } from './peer-request.ts';
import {
  type Reading,
  type ReadingRequest,
  type ReadingStep,
  type ReadRecord,
  readingEvent,
  stepOf,
} from './reading.ts';
import { checkReference } from './reference-checks.ts';
import { grantedPairs, narrowsPairs } from './release-rules.ts';

/** Sessions that one organisation's readers hold open at once. */
export const READING_SESSIONS_MAX = 10_000;
/** How often one question is asked of a node that does not answer, and the first pause between; it doubles. */
const ASKS_MAX = 3;
const FIRST_PAUSE_MS = 200;
const LOGGED_WHERE_MET: ReadonlySet<RecordsErrorCode> = new Set(['session-ended', 'peer-unreachable']);
/** Pages of one manifest. */
const MANIFEST_PAGES_MAX = 10_000;

export interface ReaderParts extends PeerSender {
  readonly ledger: LedgerView;
  readonly audit: AuditLog;
  /** The other organisation, or undefined where none of that name is connected. */
  findPeer(organisation: string): ExchangePeer | undefined;
  /** The organisation's live HPKE key that new sessions name. */
  readonly hpke: { readonly kid: string; readonly publicKey: string; readonly privateKey: HpkePrivateKey };
}

/**
 * The reader's side of the exchange. Everything that another organisation answers is checked against this
 * organisation's own view of the ledger before it is shown, and logged here too before it is shown.
 */
export class ExchangeReader {
  readonly #parts: ReaderParts;
  readonly #readings = new Map<string, Reading>();

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** Opens a session. A refusal throws `ledger-refused` with the contract's code as detail. */
  async open(request: ReadingRequest): Promise<{ readonly session: string; readonly untilMs: number }> {
    const pid = (request.request.payload.args as { readonly pid?: unknown }).pid;
    if (typeof pid !== 'string') throw new RecordsError('bad-input', 'the request names no pid');
    const { token, ancestors, chain } = request;
    const body = { request: request.request, chain, token, ancestors, recipientKid: this.#parts.hpke.kid };
    const exchange = { nonce: '' };
    const step = { author: request.author, pid, request, session: idOfCall(request.request) };
    const answer = await this.#ask({ step, exchange }, 'open', body, (peer, signed) => peer.open(signed));
    const about = { ...step, nonce: exchange.nonce };
    const opened = parseOpenResult(answer);
    if (opened.kind === 'refused') {
      await this.#log('refusal', { ...about, outcome: opened.code });
      throw refusal(opened.code);
    }
    const { session } = opened.result;
    const fact = (await this.#parts.ledger.get(sessionKey(session))) as SessionFact | undefined;
    if (session !== about.session || fact?.session?.pid !== pid) {
      throw new RecordsError('proof-invalid', 'the ledger holds no such session');
    }
    await this.#log('session', about);
    this.#makeRoom();
    const { untilMs } = fact.session;
    const reading: Reading = {
      ...{ session, untilMs, request, owner: `pid:${pid}`, keys: new Map(), chart: undefined },
      reads: new GatheredReads((recordIds) => this.#read(reading, recordIds)),
    };
    this.#readings.set(session, reading);
    return { session, untilMs };
  }

  /** The reader of an open session, so that nobody else of the organisation uses it; undefined when there is none. */
  findReader(session: string): Reader | undefined {
    return this.#readings.get(session)?.request.reader;
  }

  /** What the session may read, proven complete; asked anew with `fresh`. Codes as `askChart`. */
  async chart(session: string, { fresh = false } = {}): Promise<Chart> {
    const reading = this.#reading(session);
    if (reading.chart !== undefined && !fresh) return reading.chart;
    const { token, request } = reading.request;
    const { categories } = request.payload.args as { readonly categories?: readonly string[] };
    const terms = token?.terms ?? null;
    const { value: chart, nonce } = await this.#checked(reading, (exchange) =>
      askChart({
        owner: reading.owner,
        pairs: grantedPairs(terms, categories ?? null),
        narrowed: narrowsPairs(terms),
        ledger: this.#parts.ledger,
        ask: () => this.#askManifest(reading, exchange),
      }),
    );
    const records = [...chart.records.values()].map(({ recordId, version }) => ({ recordId, version }));
    await this.#log('search', { ...stepOf(reading, nonce), records });
    reading.chart = chart;
    return chart;
  }

  /**
   * Records by id, each verified; at most `FETCH_RECORDS_MAX`. A record that the chart lacks throws `not-found`. Single
   * reads of one session that are asked for at once share a request.
   */
  async read(session: string, recordIds: readonly string[]): Promise<readonly ReadRecord[]> {
    try {
      return await this.#readShared(session, recordIds);
    } catch (error) {
      const isTooMuch = error instanceof RecordsError && error.code === 'too-large' && recordIds.length > 1;
      if (!isTooMuch) throw error;
      // Large records: half of them fit into an answer sooner.
      const half = Math.ceil(recordIds.length / 2);
      const first = await this.read(session, recordIds.slice(0, half));
      return [...first, ...(await this.read(session, recordIds.slice(half)))];
    }
  }

  /**
   * As `read`, with what makes each a copy that stands alone; only where the terms of the grant allow it, else `denied`.
   * Both sides log it as an export.
   */
  async readToKeep(
    session: string,
    recordIds: readonly string[],
  ): Promise<{ readonly author: string; readonly terms: Terms; readonly keepings: readonly Keeping[] }> {
    const { token, author } = this.#reading(session).request;
    if (token?.terms.mayKeep !== true)
      throw new RecordsError('denied', 'the terms of the grant allow no copy to be kept');
    const keepings = await this.#readReleased(this.#reading(session), recordIds, { keep: true });
    return { author, terms: token.terms, keepings };
  }

  async #readShared(session: string, recordIds: readonly string[]): Promise<readonly ReadRecord[]> {
    const reading = this.#reading(session);
    const { records } = await this.chart(session);
    const [first] = recordIds;
    const isShared = recordIds.length === 1 && first !== undefined && records.has(first);
    const read = isShared ? [await reading.reads.read(first)] : await this.#read(reading, recordIds);
    return Promise.all(read.map((record) => this.#withAttachments(session, record)));
  }

  /** Records of the author's organisation that a record read before references, each verified; `null` where it has none. */
  async readReferences(
    session: string,
    from: string,
    references: readonly string[],
  ): Promise<ReadonlyMap<string, ReadRecord | null>> {
    const reading = this.#reading(session);
    const held = new Map(reading.keys);
    const ofPatient = new Set([...(reading.chart?.records.values() ?? [])].map((record) => record.keyId));
    const knownKeys = [...held.keys()].filter((keyId) => !ofPatient.has(keyId));
    const body = { session, from, references, knownKeys };
    const owner: Owner = `org:${reading.request.author}`;
    const { value: found, nonce } = await this.#checked(reading, async (exchange) => {
      const answer = await this.#ask({ step: stepOf(reading, ''), exchange }, 'references', body, (peer, signed) =>
        peer.references(signed),
      );
      const result = await this.#accept(reading, parseFetchResult(answer), exchange);
      const keys = await this.#openKeys(reading, { held, released: result.keys, owner });
      const byReference = new Map<string, ReadRecord | null>(references.map((reference) => [reference, null]));
      for (const record of result.records) {
        const text = openReleased(record, keys, owner);
        const reference = await checkReference(this.#parts.ledger, { record, owner, text });
        if (!byReference.has(reference)) {
          throw new RecordsError('content-mismatch', 'a record answers no asked reference');
        }
        byReference.set(reference, { recordId: record.recordId, version: record.version, text, attachments: [] });
      }
      return byReference;
    });
    const records = [...found.values()].filter((record) => record !== null);
    await this.#log('read', { ...stepOf(reading, nonce), records });
    await this.#demandStillGranted(reading);
    return found;
  }

  /** The content of an attachment that a record read in this session names, as a stream. Codes as `openPieces`. */
  async *readAttachment(
    session: string,
    record: ReadRecord,
    reference: AttachmentReference,
  ): AsyncGenerator<Uint8Array> {
    const reading = this.#reading(session);
    const { recordId, version } = record;
    const { attachmentId } = reference;
    yield* openPieces(reference, async (piece) => {
      const body: AttachmentBody = { session, recordId, version, attachmentId, piece };
      const { value: bytes, nonce } = await this.#checked(reading, async (exchange) => {
        const answer = await this.#ask({ step: stepOf(reading, ''), exchange }, 'attachment', body, (peer, signed) =>
          peer.attachment(signed),
        );
        return fromBase64url((await this.#accept(reading, parseAttachmentResult(answer), exchange)).piece);
      });
      // Logged before any of it is shown.
      await this.#log('read', { ...stepOf(reading, nonce), records: [record] });
      return bytes;
    });
  }

  /**
   * Forgets the keys and lists of sessions under a grant that has ended. The sessions stay known, so that the next read
   * still asks the author's node, whose refusal the patient sees.
   */
  forgetGrant(pid: string, grant: string): void {
    for (const reading of this.#readings.values()) {
      const { token, ancestors } = reading.request;
      const used = token === null ? ancestors : [token, ...ancestors];
      if (!used.some(({ terms }) => terms.pid === pid && terms.grant === grant)) continue;
      reading.keys.clear();
      reading.chart = undefined;
    }
  }

  /** Forgets a session and its keys. */
  close(session: string): void {
    this.#readings.delete(session);
  }

  async #read(reading: Reading, recordIds: readonly string[]): Promise<readonly ReadRecord[]> {
    return (await this.#readReleased(reading, recordIds, { keep: false })).map(({ record }) => record);
  }

  async #readReleased(
    reading: Reading,
    recordIds: readonly string[],
    { keep }: { readonly keep: boolean },
  ): Promise<readonly Keeping[]> {
    const { session } = reading;
    const before = await this.chart(session);
    const { value: read, nonce } = await this.#checked(reading, async (exchange) => {
      const held = new Map(reading.keys);
      const { result, states } = await this.#fetch(reading, { recordIds, held, keep }, exchange);
      // A newer version than the chart's: the record was corrected since.
      const isNewer = ({ recordId, version }: ReleasedRecord): boolean =>
        version > (before.records.get(recordId)?.version ?? 0);
      const chart = result.records.some(isNewer) ? await this.chart(session, { fresh: true }) : before;
      const keys = await this.#openKeys(reading, { held, released: result.keys, owner: reading.owner });
      const byId = new Map(result.records.map((record) => [record.recordId, record]));
      return Promise.all(
        recordIds.map(async (recordId) => {
          const known = chart.records.get(recordId);
          if (known === undefined) throw new RecordsError('not-found', 'the session may read no such record');
          const record = byId.get(recordId);
          if (record === undefined) throw await this.#missing(known);
          await this.#demandCurrent(known, states.get(recordId));
          const { version } = record;
          const text = openListed(record, known, { keys, owner: reading.owner });
          return { record: { recordId, version, text, attachments: [] }, released: record, type: known.type };
        }),
      );
    });
    const records = read.map(({ record }) => record);
    await this.#log('read', { ...stepOf(reading, nonce), records });
    if (keep) await this.#log('export', { ...stepOf(reading, nonce), records });
    await this.#demandStillGranted(reading);
    return read;
  }

  #reading(session: string): Reading {
    const reading = this.#readings.get(session);
    if (reading === undefined) throw new RecordsError('not-found', 'no such session is open here');
    if (this.#parts.clock() >= reading.untilMs) {
      this.#readings.delete(session);
      throw new RecordsError('session-ended', 'the session is over', { detail: 'session-over' });
    }
    return reading;
  }

  async #askManifest(reading: Reading, exchange: Exchange): Promise<ManifestPage> {
    const pages: ManifestPage[] = [];
    for (let after: string | null = null; ; ) {
      const body: ManifestBody = { session: reading.session, after, limit: MANIFEST_LEAVES_MAX };
      const answer = await this.#ask({ step: stepOf(reading, ''), exchange }, 'manifest', body, (peer, signed) =>
        peer.manifest(signed),
      );
      const page: ManifestPage = await this.#accept(reading, parseManifestPage(answer), exchange);
      pages.push(page);
      if (page.next === null) break;
      if (pages.length >= MANIFEST_PAGES_MAX) throw new RecordsError('too-large', 'the manifest has too many pages');
      after = page.next;
    }
    return { pairs: pages[0]?.pairs ?? [], trees: pages.flatMap((page) => page.trees), next: null };
  }

  /** Asks for records; the ledger's word on them is read before, so that only what was wrong already counts as wrong. */
  async #fetch(
    reading: Reading,
    {
      recordIds,
      held,
      keep,
    }: {
      readonly recordIds: readonly string[];
      readonly held: ReadonlyMap<string, Uint8Array>;
      readonly keep: boolean;
    },
    exchange: Exchange,
  ) {
    const states = new Map<string, LeafFact | undefined>();
    for (const recordId of recordIds) {
      const known = reading.chart?.records.get(recordId);
      if (known !== undefined) states.set(recordId, await this.#stateOf(known));
    }
    // Only those that this answer could need: a session may hold a key for each pair and epoch.
    const needed = new Set(recordIds.map((recordId) => reading.chart?.records.get(recordId)?.keyId));
    const knownKeys = [...held.keys()].filter((keyId) => needed.has(keyId));
    const common = { session: reading.session, records: recordIds, knownKeys };
    const body = keep ? { ...common, withProofs: true, keep } : { ...common, withProofs: false };
    const answer = await this.#ask({ step: stepOf(reading, ''), exchange }, 'fetch', body, (peer, signed) =>
      peer.fetch(signed),
    );
    return { result: await this.#accept(reading, parseFetchResult(answer), exchange), states };
  }

  async #demandCurrent(known: ChartRecord, before: LeafFact | undefined): Promise<void> {
    // The chart may have been renewed in between; then the ledger is asked about the version that it names now.
    const state = before === undefined ? undefined : await this.#stateOf(known);
    if (state !== undefined) {
      throw new RecordsError(`${state.status}-served`, "the author's node served a version that is no longer current");
    }
  }

  /** A revocation that arrived while the answer was on its way counts, too. */
  async #demandStillGranted({ owner, request }: Reading): Promise<void> {
    const grant = request.token?.terms.grant;
    if (grant === undefined) return;
    const fact = (await this.#parts.ledger.get(grantKey(owner.slice('pid:'.length), grant))) as GrantFact | undefined;
    if (fact?.status === 'active') return;
    throw new RecordsError('session-ended', 'the grant has ended', { detail: `grant-${fact?.status ?? 'unknown'}` });
  }

  /** A listed record that was not sent: it ended since, or the node keeps it back. */
  async #missing(known: ChartRecord): Promise<RecordsError> {
    return (await this.#stateOf(known)) === undefined
      ? new RecordsError('omitted-record', "the author's node withholds a listed record")
      : new RecordsError('not-found', 'the record is no longer current');
  }

  #stateOf({ keyId, leafHash }: ChartRecord): Promise<LeafFact | undefined> {
    return this.#parts.ledger.get(leafKey(keyId, leafHash)) as Promise<LeafFact | undefined>;
  }

  async #withAttachments(session: string, record: ReadRecord): Promise<ReadRecord> {
    const attachments = findReferences(record.text);
    if (attachments.length === 0) return record;
    if (attachments.reduce((sum, name) => sum + contentBytesOf(name), 0) > INLINED_BYTES_MAX)
      return { ...record, attachments };
    const byId = new Map(attachments.map((reference) => [reference.attachmentId, reference]));
    const read = (name: AttachmentName): AsyncGenerator<Uint8Array> => {
      const reference = byId.get(name.attachmentId);
      if (reference === undefined) throw new RecordsError('not-found', 'the record names no such attachment');
      return this.readAttachment(session, record, reference);
    };
    return { ...record, text: await inlineAttachments({ read }, record.text) };
  }

  /** The keys for one answer: those held when it was asked for, and those that came with it, which the session keeps. */
  async #openKeys(
    reading: Reading,
    {
      held,
      released,
      owner,
    }: { readonly held: OpenedKeys; readonly released: readonly ReleasedKey[]; readonly owner: Owner },
  ): Promise<OpenedKeys> {
    const { hpke, network } = this.#parts;
    const opened = await openReleasedKeys(released, { network, owner, hpke });
    for (const [keyId, E] of opened) reading.keys.set(keyId, E);
    return new Map([...held, ...opened]);
  }

  /** Runs checks; what they find is logged here as a refusal, so that the patient sees who served what. */
  async #checked<T>(
    reading: Reading,
    check: (exchange: Exchange) => Promise<T>,
  ): Promise<{ readonly value: T; readonly nonce: string }> {
    const exchange = { nonce: '' };
    try {
      return { value: await check(exchange), nonce: exchange.nonce };
    } catch (error) {
      // The peer's own refusals, and its silence, were logged where they were met.
      const isFinding = error instanceof RecordsError && !LOGGED_WHERE_MET.has(error.code);
      if (isFinding) await this.#log('refusal', { ...stepOf(reading, exchange.nonce), outcome: error.code });
      throw error;
    }
  }

  async #accept<Result>(reading: Reading, answer: PeerAnswer<Result>, { nonce }: Exchange): Promise<Result> {
    if (answer.kind === 'ok') return answer.result;
    await this.#log('refusal', { ...stepOf(reading, nonce), outcome: answer.code });
    throw new RecordsError('session-ended', `the author's node refused: ${answer.code}`, { detail: answer.code });
  }

  async #ask<Operation extends ExchangeOperation, Body, Result>(
    { step, exchange }: { readonly step: Omit<ReadingStep, 'nonce'>; readonly exchange: Exchange },
    operation: Operation,
    body: Body,
    send: (peer: ExchangePeer, request: PeerRequest<Operation, Body>) => Promise<PeerAnswer<Result>>,
  ): Promise<PeerAnswer<Result>> {
    const { author } = step.request;
    const peer = this.#parts.findPeer(author);
    if (peer === undefined) throw new RecordsError('not-found', 'no such organisation is connected');
    for (let attempt = 1; ; attempt += 1) {
      // Signed anew each time: no request acts twice, and every operation of a session may be asked again.
      const signed = await signPeerRequest(this.#parts, author, operation, body);
      const { nonce } = signed.payload;
      exchange.nonce = nonce;
      try {
        return await send(peer, signed);
      } catch (error) {
        if (!(error instanceof RecordsError && error.code === 'peer-unreachable')) throw error;
        // The other side may have logged what never arrived here: both logs know of it.
        await this.#log('refusal', { ...step, nonce, outcome: error.code });
        if (attempt >= ASKS_MAX) throw error;
        await wait(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  async #log(kind: AuditKind, step: ReadingStep): Promise<void> {
    await this.#parts.audit.append(readingEvent(kind, this.#parts.clock(), step), { isQuiet: true });
  }

  #makeRoom(): void {
    if (this.#readings.size < READING_SESSIONS_MAX) return;
    const nowMs = this.#parts.clock();
    for (const [id, { untilMs }] of this.#readings) if (untilMs <= nowMs) this.#readings.delete(id);
    if (this.#readings.size >= READING_SESSIONS_MAX) throw new RecordsError('overloaded', 'too many sessions are open');
  }
}

/** The nonce of the request that was sent last. */
type Exchange = { nonce: string };

function refusal(code: string): RecordsError {
  return new RecordsError('ledger-refused', `the session was refused: ${code}`, { detail: code });
}
