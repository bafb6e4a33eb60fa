import { type RequestFact, type RequestTerms, requestKey } from '@salus/contracts';
import { hashTuple, type Json, type SealedEnvelope } from '@salus/crypto';
import type { LedgerView } from './ledger-view.ts';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import { rowsLog } from './rows-log.ts';
import type { Store } from './store/index.ts';
import type { Clock } from './vault-types.ts';

/** Requests that one pid may have; more are refused until some are answered. */
export const REQUESTS_PER_PID_MAX = 1_000;
export const REQUESTS_PAGE_MAX = 200;

export interface StoredRequest {
  readonly asked: RequestTerms;
  readonly salt: string;
  /** Certified id of who asked. */
  readonly requester: string;
  readonly createdMs: number;
  /** What the ledger says of it now. */
  readonly status: RequestFact['status'];
}

export interface RequestParts {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: LedgerView;
  readonly clock: Clock;
}

/** The words of requests to patients, of which the ledger holds a commitment: the patient reads them here. */
export class RequestBook {
  readonly #parts: RequestParts;
  readonly #listeners = new Set<(asked: RequestTerms) => void>();

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  /** Called after a request's words were kept. Returns how to end it. */
  listen(listener: (asked: RequestTerms) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keeps a request that `consent.request` has committed; other words than the ledger's throw `proof-invalid`. */
  async keep(asked: RequestTerms, salt: string, requester: string): Promise<void> {
    const { store, masterKey, ledger, clock } = this.#parts;
    const fact = (await ledger.get(requestKey(asked.pid, asked.request))) as RequestFact | undefined;
    if (fact?.commitment !== hashTuple('request', salt, asked as unknown as Json)) {
      throw new RecordsError('proof-invalid', 'the request does not open the commitment that the ledger holds');
    }
    const requestToken = this.#tokenOf(asked.pid, asked.request);
    const pidToken = masterKey.token('pid', asked.pid);
    const sealed = masterKey.sealJson('request', requestToken, { asked, salt, requester } as unknown as Json);
    const row = { requestToken, pidToken, createdMs: clock(), sealed };
    await store.write(async (trx) => {
      const { count } = await trx
        .selectFrom('request')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('pidToken', '=', pidToken)
        .executeTakeFirstOrThrow();
      if (count >= REQUESTS_PER_PID_MAX) throw new RecordsError('overloaded', 'the patient has too many requests');
      await trx
        .insertInto('request')
        .values(row)
        .onConflict((conflict) => conflict.column('requestToken').doUpdateSet(row))
        .execute();
      await rowsLog.cover(trx, 'request', requestToken, row);
    });
    for (const listener of this.#listeners) listener(asked);
  }

  /** A patient's requests, newest first, with what the ledger says of each; `beforeMs` pages on. */
  async listOfPid(
    pid: string,
    query: { readonly beforeMs?: number; readonly limit: number },
  ): Promise<readonly StoredRequest[]> {
    const rows = await this.#parts.store.read
      .selectFrom('request')
      .selectAll()
      .where('pidToken', '=', this.#parts.masterKey.token('pid', pid))
      .where('createdMs', '<', query.beforeMs ?? Number.MAX_SAFE_INTEGER)
      .orderBy('createdMs', 'desc')
      .limit(Math.max(1, Math.min(REQUESTS_PAGE_MAX, query.limit)))
      .execute();
    return Promise.all(rows.map((row) => this.#open(row)));
  }

  async find(pid: string, request: string): Promise<StoredRequest | undefined> {
    const row = await this.#parts.store.read
      .selectFrom('request')
      .selectAll()
      .where('requestToken', '=', this.#tokenOf(pid, request))
      .executeTakeFirst();
    return row === undefined ? undefined : this.#open(row);
  }

  async #open(row: {
    readonly requestToken: string;
    readonly createdMs: number;
    readonly sealed: Uint8Array;
  }): Promise<StoredRequest> {
    const { masterKey, ledger } = this.#parts;
    const secret = masterKey.openJson('request', row.requestToken, row.sealed) as unknown as Omit<
      StoredRequest,
      'createdMs' | 'status'
    >;
    const fact = (await ledger.get(requestKey(secret.asked.pid, secret.asked.request))) as RequestFact | undefined;
    if (fact === undefined) throw new RecordsError('corrupt', 'a kept request is not on the ledger');
    return { ...secret, createdMs: row.createdMs, status: fact.status };
  }

  #tokenOf(pid: string, request: string): string {
    return this.#parts.masterKey.token('request', 'request', pid, request);
  }
}

/** The lists of places that patients sealed to the grantees of locate grants: the node cannot open them. */
export class PlaceLists {
  readonly #parts: Pick<RequestParts, 'store' | 'masterKey' | 'clock'>;

  constructor(parts: Pick<RequestParts, 'store' | 'masterKey' | 'clock'>) {
    this.#parts = parts;
  }

  async keep(pid: string, grant: string, sealed: SealedEnvelope): Promise<void> {
    const { store, masterKey, clock } = this.#parts;
    const grantToken = this.#tokenOf(pid, grant);
    const row = {
      grantToken,
      receivedMs: clock(),
      sealed: masterKey.sealJson('grant-token', ['places', grantToken], sealed as unknown as Json),
    };
    await store.write(async (trx) => {
      await trx
        .insertInto('placeList')
        .values(row)
        .onConflict((conflict) => conflict.column('grantToken').doUpdateSet(row))
        .execute();
      await rowsLog.cover(trx, 'placeList', grantToken, row);
    });
  }

  async find(pid: string, grant: string): Promise<SealedEnvelope | undefined> {
    const grantToken = this.#tokenOf(pid, grant);
    const row = await this.#parts.store.read
      .selectFrom('placeList')
      .select('sealed')
      .where('grantToken', '=', grantToken)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return this.#parts.masterKey.openJson(
      'grant-token',
      ['places', grantToken],
      row.sealed,
    ) as unknown as SealedEnvelope;
  }

  #tokenOf(pid: string, grant: string): string {
    return this.#parts.masterKey.token('grant', 'places', pid, grant);
  }
}
