import { setTimeout as wait } from 'node:timers/promises';
import { RecordsError, type RecordsErrorCode } from '../records-error.ts';
import type { AuditKind, AuditLog } from '../vault-types.ts';
import {
  type ExchangeOperation,
  type ExchangePeer,
  MANIFEST_LEAVES_MAX,
  type ManifestBody,
  type ManifestPage,
  type PeerAnswer,
  type PeerRequest,
} from './exchange-peer.ts';
import { parseManifestPage } from './peer-answers.ts';
import { type PeerSender, signPeerRequest } from './peer-request.ts';
import { type Reading, type ReadingStep, readingEvent, stepOf } from './reading.ts';

/** How often one question is asked of a node that does not answer, and the first pause between; it doubles. */
const ASKS_MAX = 3;
const FIRST_PAUSE_MS = 200;
const LOGGED_WHERE_MET: ReadonlySet<RecordsErrorCode> = new Set(['session-ended', 'peer-unreachable']);
/** Of all pages of one manifest, and until the last is there. */
const MANIFEST_LEAVES_OF_ALL_MAX = 1_000_000;
const MANIFEST_MS_MAX = 600_000;

export interface QuestionParts extends PeerSender {
  readonly audit: AuditLog;
  /** The other organisation, or undefined where none of that name is connected. */
  findPeer(organisation: string): ExchangePeer | undefined;
}

/** The nonce of the request that was sent last. */
export type Exchange = { nonce: string };

/** Signed questions to the author's node. Whatever goes wrong with one, on either side, is logged here. */
export class AuthorQuestions {
  readonly #parts: QuestionParts;

  constructor(parts: QuestionParts) {
    this.#parts = parts;
  }

  /** Runs checks; what they find is logged here as a refusal, so that the patient sees who served what. */
  async checked<T>(
    reading: Reading,
    check: (exchange: Exchange) => Promise<T>,
  ): Promise<{ readonly value: T; readonly nonce: string }> {
    const exchange = { nonce: '' };
    try {
      return { value: await check(exchange), nonce: exchange.nonce };
    } catch (error) {
      // The peer's own refusals, and its silence, were logged where they were met.
      const isFinding = error instanceof RecordsError && !LOGGED_WHERE_MET.has(error.code);
      if (isFinding) await this.log('refusal', { ...stepOf(reading, exchange.nonce), outcome: error.code });
      throw error;
    }
  }

  async accept<Result>(reading: Reading, answer: PeerAnswer<Result>, { nonce }: Exchange): Promise<Result> {
    if (answer.kind === 'ok') return answer.result;
    await this.log('refusal', { ...stepOf(reading, nonce), outcome: answer.code });
    throw new RecordsError('session-ended', `the author's node refused: ${answer.code}`, { detail: answer.code });
  }

  async ask<Operation extends ExchangeOperation, Body, Result>(
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
        await this.log('refusal', { ...step, nonce, outcome: error.code });
        if (attempt >= ASKS_MAX) throw error;
        await wait(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  async log(kind: AuditKind, step: ReadingStep): Promise<void> {
    await this.#parts.audit.append(readingEvent(kind, this.#parts.clock(), step), { isQuiet: true });
  }

  /** Every page of what a session may read. Whoever answers pages without end holds up nobody, and fills no memory. */
  async askManifest(reading: Reading, exchange: Exchange): Promise<ManifestPage> {
    const { clock } = this.#parts;
    const begunMs = clock();
    const pages: ManifestPage[] = [];
    let total = 0;
    for (let after: string | null = null; ; ) {
      const body: ManifestBody = { session: reading.session, after, limit: MANIFEST_LEAVES_MAX };
      const answer = await this.ask({ step: stepOf(reading, ''), exchange }, 'manifest', body, (peer, signed) =>
        peer.manifest(signed),
      );
      const page: ManifestPage = await this.accept(reading, parseManifestPage(answer), exchange);
      const leaves = page.trees.reduce((sum, tree) => sum + tree.leaves.length, 0);
      if (page.next !== null && leaves < MANIFEST_LEAVES_MAX)
        throw new RecordsError('proof-invalid', 'a page of the manifest breaks off before it is full');
      total += leaves;
      if (total > MANIFEST_LEAVES_OF_ALL_MAX || clock() - begunMs > MANIFEST_MS_MAX)
        throw new RecordsError('too-large', 'the manifest has more than is taken, or takes too long');
      pages.push(page);
      if (page.next === null) break;
      after = page.next;
    }
    return { pairs: pages[0]?.pairs ?? [], trees: pages.flatMap((page) => page.trees), next: null };
  }
}
