import { CryptoError, type HpkePrivateKey, openHpke, parseJson, type SealedEnvelope } from '@salus/crypto';
import { idOfCall } from '../node-call.ts';
import { RecordsError } from '../records-error.ts';
import { AuthorQuestions, type QuestionParts } from './author-questions.ts';
import type { PlacesResult } from './exchange-peer.ts';
import { parsePeerAnswer } from './peer-answers.ts';
import type { ReadingRequest } from './reading.ts';
import { isCount, isObject, isText, listOf, nullable, shape } from './shapes.ts';

/** What the patient's wallet seals (`sealPlaces`). */
const PLACES_VERSION = 'salus:places:v1';
const PLACES_MAX = 64;
const CATEGORIES_MAX = 64;

/** Where else a patient was treated: organisation, pid, categories, times of the data; no content. */
export interface ListedPlace {
  readonly organisation: string;
  readonly pid: string;
  readonly categories: readonly string[];
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

const isPlaces = listOf(
  shape({
    ...{ organisation: isText, pid: isText, categories: listOf(isText, CATEGORIES_MAX) },
    ...{ fromMs: nullable(isCount), toMs: nullable(isCount) },
  }),
  PLACES_MAX,
);

export interface PlaceReadingParts extends QuestionParts {
  /** The organisation's live HPKE key. */
  readonly hpkeKid: string;
  /** An HPKE key of this organisation, retired ones too. */
  openHpke(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: HpkePrivateKey }>;
}

/** Asks an author's node for the list that a patient sealed to this organisation: one signed request, one answer. */
export class PlaceReading {
  readonly #parts: PlaceReadingParts;
  readonly #questions: AuthorQuestions;

  constructor(parts: PlaceReadingParts) {
    this.#parts = parts;
    this.#questions = new AuthorQuestions(parts);
  }

  /** `ledger-refused` with the contract's code; `key-mismatch` or `bad-input` for a list of another grant or form. */
  async read(request: ReadingRequest): Promise<readonly ListedPlace[]> {
    const { token, ancestors, chain, author } = request;
    const { hpkeKid: recipientKid } = this.#parts;
    if (token === null) throw new RecordsError('bad-input', 'a list of places needs its grant');
    const { pid, grant } = token.terms;
    const exchange = { nonce: '' };
    const step = { author, pid, request, session: idOfCall(request.request) };
    const body = { request: request.request, chain, token, ancestors, recipientKid };
    const answer = await this.#questions.ask({ step, exchange }, 'places', body, (peer, signed) => peer.places(signed));
    const about = { ...step, nonce: exchange.nonce };
    const parsed = parsePeerAnswer<PlacesResult>('places', answer);
    if (parsed.kind === 'refused') {
      await this.#questions.log('refusal', { ...about, outcome: parsed.code });
      throw new RecordsError('ledger-refused', `the list was refused: ${parsed.code}`, { detail: parsed.code });
    }
    await this.#questions.log('session', about);
    return this.#open(parsed.result.sealed, { pid, grant });
  }

  async #open(envelope: SealedEnvelope, on: { readonly pid: string; readonly grant: string }) {
    const { network } = this.#parts;
    try {
      const key = await this.#parts.openHpke(envelope.kid);
      const info = [PLACES_VERSION, network, on.pid, on.grant, envelope.kid];
      const list = parseJson(await openHpke({ ...key, info, envelope }));
      if (!isObject(list) || !isPlaces(list.places)) {
        throw new RecordsError('bad-input', 'the patient’s list has another form');
      }
      return list.places as unknown as readonly ListedPlace[];
    } catch (cause) {
      if (!(cause instanceof CryptoError)) throw cause;
      throw new RecordsError('key-mismatch', 'the list is not sealed to this organisation for this grant', { cause });
    }
  }
}
