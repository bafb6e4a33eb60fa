import {
  type DisputeFact,
  disputeKey,
  type LeafFact,
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
import { DISPUTES_PER_PID_MAX, type KnownDispute } from '../disputes.ts';
import type { LedgerView } from '../ledger-view.ts';
import { idOfCall } from '../node-call.ts';
import { RecordsError } from '../records-error.ts';
import type { Owner } from '../vault-types.ts';
import { openPieces } from './attachment-pieces.ts';
import { AuthorQuestions, type Exchange, type QuestionParts } from './author-questions.ts';
import type { AttachmentBody, DisputesResult, ReleasedKey, ReleasedRecord } from './exchange-peer.ts';
import type { Reader } from './gateway-session.ts';
import { GatheredReads } from './gathered-reads.ts';
import type { Keeping } from './kept-records.ts';
import { askChart, type Chart } from './manifest-checks.ts';
import { type OpenReading, OpenReadings } from './open-readings.ts';
import { type OpenedKeys, openListed, openReleased, openReleasedKeys } from './open-released.ts';
import { parseAttachmentResult, parseFetchResult, parseOpenResult, parsePeerAnswer } from './peer-answers.ts';
import { type Reading, type ReadingRequest, type ReadRecord, stepOf } from './reading.ts';
import { checkReference } from './reference-checks.ts';
import { grantedPairs, narrowsPairs } from './release-rules.ts';
import { demandCurrent, demandStillGranted, missing, readLeafState } from './released-state.ts';
import { checkSentDispute, opensLeaf } from './sent-dispute.ts';

export interface ReaderParts extends QuestionParts {
  readonly ledger: LedgerView;
  /** The organisation's live HPKE key that new sessions name. */
  readonly hpke: { readonly kid: string; readonly publicKey: string; readonly privateKey: HpkePrivateKey };
}

/**
 * The reader's side of the exchange. Everything that another organisation answers is checked against this
 * organisation's own view of the ledger before it is shown, and logged here too before it is shown.
 */
export class ExchangeReader {
  readonly #parts: ReaderParts;
  readonly #questions: AuthorQuestions;
  readonly #readings: OpenReadings;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#questions = new AuthorQuestions(parts);
    this.#readings = new OpenReadings(parts.clock);
  }

  /** Opens a session. A refusal throws `ledger-refused` with the contract's code as detail. */
  async open(request: ReadingRequest): Promise<{ readonly session: string; readonly untilMs: number }> {
    const pid = (request.request.payload.args as { readonly pid?: unknown }).pid;
    if (typeof pid !== 'string') throw new RecordsError('bad-input', 'the request names no pid');
    const { token, ancestors, chain } = request;
    const body = { request: request.request, chain, token, ancestors, recipientKid: this.#parts.hpke.kid };
    const exchange = { nonce: '' };
    const step = { author: request.author, pid, request, session: idOfCall(request.request) };
    const answer = await this.#questions.ask({ step, exchange }, 'open', body, (peer, signed) => peer.open(signed));
    const about = { ...step, nonce: exchange.nonce };
    const opened = parseOpenResult(answer);
    if (opened.kind === 'refused') {
      await this.#questions.log('refusal', { ...about, outcome: opened.code });
      throw refusal(opened.code);
    }
    const { session } = opened.result;
    const fact = (await this.#parts.ledger.get(sessionKey(session))) as SessionFact | undefined;
    if (session !== about.session || fact?.session?.pid !== pid) {
      throw new RecordsError('proof-invalid', 'the ledger holds no such session');
    }
    await this.#questions.log('session', about);
    const { untilMs } = fact.session;
    const reading: Reading = {
      ...{ session, untilMs, request, owner: `pid:${pid}`, keys: new Map(), chart: undefined, chartMs: 0 },
      reads: new GatheredReads((recordIds) => this.#read(reading, recordIds)),
    };
    this.#readings.add(reading);
    return { session, untilMs };
  }

  /** The reader of an open session, so that nobody else of the organisation uses it; undefined when there is none. */
  findReader(session: string): Reader | undefined {
    return this.#readings.find(session)?.request.reader;
  }

  /** The sessions that a person of this organisation holds open. */
  listOpen(reader: string): readonly OpenReading[] {
    return this.#readings.listOf(reader);
  }

  /** Is the version that the session lists still the record's current one, by this organisation's own ledger? */
  async isCurrent(session: string, recordId: string): Promise<boolean> {
    const known = this.#readings.read(session).chart?.records.get(recordId);
    return known !== undefined && (await readLeafState(this.#parts.ledger, known)) === undefined;
  }

  /** Throws `session-ended` where the session is over, or its grant has ended by this organisation's own ledger. */
  async demandLive(session: string): Promise<void> {
    await demandStillGranted(this.#parts.ledger, this.#readings.read(session));
  }

  /** What the session may read, proven complete; asked anew with `fresh`. Codes as `askChart`. */
  async chart(session: string, { fresh = false } = {}): Promise<Chart> {
    const reading = this.#readings.read(session);
    if (reading.chart !== undefined && !fresh) return reading.chart;
    const askedMs = this.#parts.clock();
    const { token, request } = reading.request;
    const { categories } = request.payload.args as { readonly categories?: readonly string[] };
    const terms = token?.terms ?? null;
    const { value: chart, nonce } = await this.#questions.checked(reading, (exchange) =>
      askChart({
        owner: reading.owner,
        pairs: grantedPairs(terms, categories ?? null),
        narrowed: narrowsPairs(terms),
        ledger: this.#parts.ledger,
        ask: () => this.#questions.askManifest(reading, exchange),
      }),
    );
    const records = [...chart.records.values()].map(({ recordId, version }) => ({ recordId, version }));
    await this.#questions.log('search', { ...stepOf(reading, nonce), records });
    reading.chart = chart;
    reading.chartMs = askedMs;
    return chart;
  }

  /** Has `chart` list what came by `changedMs` of this node's clock. */
  async refresh(session: string, changedMs: number): Promise<void> {
    if (this.isListedBefore(session, changedMs)) await this.chart(session, { fresh: true });
  }

  /** Is there a list, and was it asked for by `changedMs`? */
  isListedBefore(session: string, changedMs: number): boolean {
    const { chart, chartMs } = this.#readings.read(session);
    return chart !== undefined && chartMs <= changedMs;
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
    const { token, author } = this.#readings.read(session).request;
    if (token?.terms.mayKeep !== true)
      throw new RecordsError('denied', 'the terms of the grant allow no copy to be kept');
    const keepings = await this.#readReleased(this.#readings.read(session), recordIds, { keep: true });
    return { author, terms: token.terms, keepings };
  }

  async #readShared(session: string, recordIds: readonly string[]): Promise<readonly ReadRecord[]> {
    const reading = this.#readings.read(session);
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
    const reading = this.#readings.read(session);
    const held = new Map(reading.keys);
    const ofPatient = new Set([...(reading.chart?.records.values() ?? [])].map((record) => record.keyId));
    const knownKeys = [...held.keys()].filter((keyId) => !ofPatient.has(keyId));
    const body = { session, from, references, knownKeys };
    const owner: Owner = `org:${reading.request.author}`;
    const { value: found, nonce } = await this.#questions.checked(reading, async (exchange) => {
      const answer = await this.#questions.ask(
        { step: stepOf(reading, ''), exchange },
        'references',
        body,
        (peer, signed) => peer.references(signed),
      );
      const result = await this.#questions.accept(reading, parseFetchResult(answer), exchange);
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
    await this.#questions.log('read', { ...stepOf(reading, nonce), records });
    await demandStillGranted(this.#parts.ledger, reading);
    return found;
  }

  /**
   * What the patient states about records that this session lists, each as the ledger committed to it and about the record
   * that it is said to be about; `withheld` counts those on the ledger that were not given, as they are of other records, or
   * of a node that hides them.
   */
  async readDisputes(
    session: string,
  ): Promise<{ readonly disputes: readonly KnownDispute[]; readonly withheld: number }> {
    const reading = this.#readings.read(session);
    const pid = reading.owner.slice('pid:'.length);
    const { value: sent, nonce } = await this.#questions.checked(reading, async (exchange) => {
      const step = { step: stepOf(reading, ''), exchange };
      const answer = await this.#questions.ask(step, 'disputes', { session }, (peer, signed) => peer.disputes(signed));
      const parsed = parsePeerAnswer<DisputesResult>('disputes', answer);
      const result = await this.#questions.accept(reading, parsed, exchange);
      const opened = result.disputes.filter(opensLeaf);
      return Promise.all(opened.map((one) => checkSentDispute(this.#parts.ledger, one, pid)));
    });
    const disputes = await this.#aboutListed(session, sent);
    const start = disputeKey(pid, '');
    const entries = await this.#parts.ledger.range(start, `${start.slice(0, -1)}0`, DISPUTES_PER_PID_MAX);
    const standing = entries.filter(({ value }) => (value as unknown as DisputeFact).status !== 'withdrawn').length;
    await this.#questions.log('read', { ...stepOf(reading, nonce), records: disputes });
    await demandStillGranted(this.#parts.ledger, reading);
    return { disputes, withheld: Math.max(0, standing - disputes.length) };
  }

  /** Those about records of the session's own list, of the type that it lists; a record may be newer than the list. */
  async #aboutListed(session: string, sent: readonly KnownDispute[]): Promise<readonly KnownDispute[]> {
    const isListed = ({ recordId, reference }: KnownDispute, { records }: Chart): boolean => {
      const listed = records.get(recordId);
      return listed !== undefined && reference.startsWith(`${listed.type}/`);
    };
    const chart = await this.chart(session);
    if (sent.every((one) => isListed(one, chart))) return sent;
    const fresh = await this.chart(session, { fresh: true });
    return sent.filter((one) => isListed(one, fresh));
  }

  /** The content of an attachment that a record read in this session names, as a stream. Codes as `openPieces`. */
  async *readAttachment(
    session: string,
    record: ReadRecord,
    reference: AttachmentReference,
  ): AsyncGenerator<Uint8Array> {
    const reading = this.#readings.read(session);
    const { recordId, version } = record;
    const { attachmentId } = reference;
    yield* openPieces(reference, async (piece) => {
      const body: AttachmentBody = { session, recordId, version, attachmentId, piece };
      const { value: bytes, nonce } = await this.#questions.checked(reading, async (exchange) => {
        const answer = await this.#questions.ask(
          { step: stepOf(reading, ''), exchange },
          'attachment',
          body,
          (peer, signed) => peer.attachment(signed),
        );
        return fromBase64url((await this.#questions.accept(reading, parseAttachmentResult(answer), exchange)).piece);
      });
      // Logged before any of it is shown.
      await this.#questions.log('read', { ...stepOf(reading, nonce), records: [record] });
      return bytes;
    });
  }

  /** Forgets keys and lists of sessions under a grant that has ended. */
  forgetGrant(pid: string, grant: string): void {
    this.#readings.forgetGrant(pid, grant);
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
    const { value: read, nonce } = await this.#questions.checked(reading, async (exchange) => {
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
          if (record === undefined) throw await missing(this.#parts.ledger, known);
          await demandCurrent(this.#parts.ledger, known, states.get(recordId));
          const { version } = record;
          const text = openListed(record, known, { keys, owner: reading.owner });
          return { record: { recordId, version, text, attachments: [] }, released: record, type: known.type };
        }),
      );
    });
    const records = read.map(({ record }) => record);
    await this.#questions.log('read', { ...stepOf(reading, nonce), records });
    if (keep) await this.#questions.log('export', { ...stepOf(reading, nonce), records });
    await demandStillGranted(this.#parts.ledger, reading);
    return read;
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
      if (known !== undefined) states.set(recordId, await readLeafState(this.#parts.ledger, known));
    }
    // Only those that this answer could need: a session may hold a key for each pair and epoch.
    const needed = new Set(recordIds.map((recordId) => reading.chart?.records.get(recordId)?.keyId));
    const knownKeys = [...held.keys()].filter((keyId) => needed.has(keyId));
    const common = { session: reading.session, records: recordIds, knownKeys };
    const body = keep ? { ...common, withProofs: true, keep } : { ...common, withProofs: false };
    const answer = await this.#questions.ask({ step: stepOf(reading, ''), exchange }, 'fetch', body, (peer, signed) =>
      peer.fetch(signed),
    );
    return { result: await this.#questions.accept(reading, parseFetchResult(answer), exchange), states };
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
}

function refusal(code: string): RecordsError {
  return new RecordsError('ledger-refused', `the session was refused: ${code}`, { detail: code });
}
