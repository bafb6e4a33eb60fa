import {
  type GrantFact,
  grantCommitment,
  grantKey,
  type OpenedTerms,
  type PatientFact,
  parseTerms,
  patientKey,
  studyRole,
  type Terms,
} from '@salus/contracts';
import {
  CryptoError,
  type HpkePrivateKey,
  hashTuple,
  type Json,
  openHpke,
  parseJson,
  type SealedEnvelope,
} from '@salus/crypto';
import type { LedgerView } from '../ledger-view.ts';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import { rowsLog } from '../rows-log.ts';
import type { Store } from '../store/index.ts';
import type { Clock } from '../vault-types.ts';
import type { Reader } from './gateway-session.ts';

export const GRANT_TOKEN_VERSION = 'salus:grant-token:v1';
/** Tokens that one organisation holds. */
export const GRANT_TOKENS_MAX = 1_000_000;
export const GRANT_TOKENS_PAGE_MAX = 200;

/** What lets a grantee name a grant: the patient's wallet seals it to the grantee's organisation. */
export interface GrantToken extends OpenedTerms {
  /** Where the records lie. */
  readonly authorOrganisation: string;
}

export interface GrantTokenParts {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: LedgerView;
  readonly network: string;
  readonly organisation: string;
  readonly clock: Clock;
  openHpke(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: HpkePrivateKey }>;
}

/** Grants that patients gave to this organisation and its people as readers. */
export class GrantTokens {
  readonly #parts: GrantTokenParts;
  readonly #listeners = new Set<(token: GrantToken) => void>();

  constructor(parts: GrantTokenParts) {
    this.#parts = parts;
  }

  /** Called after a token was kept. Returns how to end it. */
  listen(listener: (token: GrantToken) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Opens and keeps a token. It must be for this network and organisation and open the commitment that the ledger holds:
   * else `key-mismatch`, `bad-input` or `proof-invalid`, and nothing is kept. `request`: the request that it answers.
   * `demand` throws for what the caller does not want: nothing is kept then, either.
   */
  async receive(
    sealed: SealedEnvelope,
    request: { readonly pid: string; readonly request: string } | null,
    demand?: (token: GrantToken) => void,
  ): Promise<GrantToken> {
    const token = await this.#open(sealed);
    const { terms } = token;
    const { grantee } = terms;
    if (grantee.kind === 'card' || grantee.organisation !== this.#parts.organisation) {
      throw new RecordsError('bad-input', 'the token is for another organisation');
    }
    const [fact, patient] = (await Promise.all([
      this.#parts.ledger.get(grantKey(terms.pid, terms.grant)),
      this.#parts.ledger.get(patientKey(terms.pid)),
    ])) as [GrantFact | undefined, PatientFact | undefined];
    const proven = fact?.commitment === grantCommitment({ hashTuple }, token);
    if (!proven || patient?.organisation !== token.authorOrganisation) {
      throw new RecordsError('proof-invalid', 'the ledger holds no such grant');
    }
    demand?.(token);
    await this.#keep(token, request);
    for (const listener of this.#listeners) listener(token);
    return token;
  }

  async find(pid: string, grant: string): Promise<GrantToken | undefined> {
    const row = await this.#parts.store.read
      .selectFrom('grantToken')
      .select(['grantToken', 'sealed'])
      .where('grantToken', '=', this.#tokenOf(pid, grant))
      .executeTakeFirst();
    return row === undefined ? undefined : this.#openRow(row);
  }

  /** Tokens that answered one request. */
  async listOfRequest(pid: string, request: string): Promise<readonly GrantToken[]> {
    const rows = await this.#parts.store.read
      .selectFrom('grantToken')
      .select(['grantToken', 'sealed'])
      .where('requestToken', '=', this.#requestTokenOf(pid, request))
      .orderBy('receivedMs', 'desc')
      .limit(GRANT_TOKENS_PAGE_MAX)
      .execute();
    return rows.map((row) => this.#openRow(row));
  }

  /** Tokens of active grants that this person may use, newest first. */
  async listUsable(reader: Reader): Promise<readonly GrantToken[]> {
    const usable: GrantToken[] = [];
    let before = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const rows = await this.#parts.store.read
        .selectFrom('grantToken')
        .select(['grantToken', 'sealed', 'receivedMs'])
        .where('receivedMs', '<', before)
        .orderBy('receivedMs', 'desc')
        .limit(GRANT_TOKENS_PAGE_MAX)
        .execute();
      for (const row of rows) {
        const token = this.#openRow(row);
        if (isHolder(token.terms, reader) && (await this.isActive(token))) usable.push(token);
        if (usable.length >= GRANT_TOKENS_PAGE_MAX) return usable;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < GRANT_TOKENS_PAGE_MAX) return usable;
      before = last.receivedMs;
    }
  }

  /** Does the ledger hold its grant as active now? */
  async isActive({ terms }: GrantToken): Promise<boolean> {
    const fact = (await this.#parts.ledger.get(grantKey(terms.pid, terms.grant))) as GrantFact | undefined;
    return fact?.status === 'active' && this.#parts.clock() <= terms.notAfterMs;
  }

  async #open(envelope: SealedEnvelope): Promise<GrantToken> {
    const { network } = this.#parts;
    try {
      const key = await this.#parts.openHpke(envelope.kid);
      const info = [GRANT_TOKEN_VERSION, network, envelope.kid];
      return parseGrantToken(parseJson(await openHpke({ ...key, info, envelope })), network);
    } catch (cause) {
      if (!(cause instanceof CryptoError)) throw cause;
      throw new RecordsError('key-mismatch', 'the token is not sealed to a key of this organisation', { cause });
    }
  }

  async #keep(token: GrantToken, request: { readonly pid: string; readonly request: string } | null): Promise<void> {
    const { store, masterKey, clock } = this.#parts;
    const { pid, grant } = token.terms;
    const grantToken = this.#tokenOf(pid, grant);
    const row = {
      grantToken,
      requestToken: request === null ? null : this.#requestTokenOf(request.pid, request.request),
      receivedMs: clock(),
      sealed: masterKey.sealJson('grant-token', grantToken, token as unknown as Json),
    };
    await store.write(async (trx) => {
      const { count } = await trx
        .selectFrom('grantToken')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (count >= GRANT_TOKENS_MAX) throw new RecordsError('overloaded', 'too many grant tokens are kept');
      const known = await trx
        .selectFrom('grantToken')
        .select('requestToken')
        .where('grantToken', '=', grantToken)
        .executeTakeFirst();
      // The patient hands over narrower terms of their own accord: the grant answers the same request as before.
      const kept = { ...row, requestToken: row.requestToken ?? known?.requestToken ?? null };
      await trx
        .insertInto('grantToken')
        .values(kept)
        .onConflict((conflict) => conflict.column('grantToken').doUpdateSet(kept))
        .execute();
      await rowsLog.cover(trx, 'grantToken', grantToken, kept);
    });
  }

  #openRow(row: { readonly grantToken: string; readonly sealed: Uint8Array }): GrantToken {
    return this.#parts.masterKey.openJson('grant-token', row.grantToken, row.sealed) as unknown as GrantToken;
  }

  #tokenOf(pid: string, grant: string): string {
    return this.#parts.masterKey.token('grant', 'held', pid, grant);
  }

  #requestTokenOf(pid: string, request: string): string {
    return this.#parts.masterKey.token('request', 'request', pid, request);
  }
}

/** Untrusted JSON as a token of this network; else `bad-input`. */
export function parseGrantToken(value: Json, network: string): GrantToken {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as { readonly [name: string]: Json };
  const { version, authorOrganisation, pid, grant, salt } = fields;
  const terms = parseTokenTerms(fields.terms ?? null);
  const same =
    version === GRANT_TOKEN_VERSION &&
    fields.network === network &&
    terms.network === network &&
    pid === terms.pid &&
    grant === terms.grant;
  if (!same || typeof authorOrganisation !== 'string' || typeof salt !== 'string') {
    throw new RecordsError('bad-input', 'the token is of another network or contradicts its terms');
  }
  return { terms, salt, authorOrganisation };
}

function parseTokenTerms(value: Json): Terms {
  try {
    return parseTerms(value, 'token');
  } catch (cause) {
    throw new RecordsError('bad-input', 'the token holds no terms', { cause });
  }
}

/** A first look for lists; the contract decides at use. */
export function isHolder({ grantee, exceptActors }: Pick<Terms, 'grantee' | 'exceptActors'>, reader: Reader): boolean {
  if (grantee.kind === 'card' || grantee.organisation !== reader.organisation) return false;
  if (exceptActors.includes(reader.id)) return false;
  switch (grantee.kind) {
    case 'organisation':
      return true;
    case 'role':
      return reader.roles.includes(grantee.role);
    case 'person':
    case 'client':
      return reader.id === grantee.id;
    case 'study':
      return reader.roles.includes(studyRole(grantee.study));
  }
}
