import { generateHpkeKey, generateSigningKey, kidOf, type SyncSigner, signerFromPkcs8 } from '@salus/crypto';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import type { Clock, RowsLog } from './vault-types.ts';

/** What a key of the organisation is for: `node`, `ca`, `ledger`, `client:<name>` sign; `hpke` opens envelopes. */
export type KeyPurpose = 'node' | 'ca' | 'ledger' | 'hpke' | `client:${string}`;

export interface KeptKey {
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly publicKey: string;
  readonly createdMs: number;
  readonly retiredMs: number | null;
}

/** Private keys that the node keeps, sealed under the master key: none ever lies in a file (DESIGN §4). */
export class PrivateKeys {
  readonly #parts: {
    readonly store: Store;
    readonly masterKey: MasterKey;
    readonly rowsLog: RowsLog;
    readonly clock: Clock;
  };

  constructor(parts: {
    readonly store: Store;
    readonly masterKey: MasterKey;
    readonly rowsLog: RowsLog;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
  }

  /** Makes and keeps a signing key. */
  async createSigning(purpose: Exclude<KeyPurpose, 'hpke'>): Promise<SyncSigner> {
    const key = await generateSigningKey();
    await this.#keep(purpose, key.publicKey, key.privateKey);
    return signerFromPkcs8(key.privateKey);
  }

  /** Makes and keeps an HPKE key; the ledger must list its public half before anything is sealed to it. */
  async createHpke(): Promise<{ readonly kid: string; readonly publicKey: string }> {
    const key = await generateHpkeKey();
    await this.#keep('hpke', key.publicKey, key.privateKey);
    return { kid: kidOf(key.publicKey), publicKey: key.publicKey };
  }

  /** Keeps a key that was made elsewhere: an organisation's first keys are older than its vault. */
  async keep(purpose: KeyPurpose, key: { readonly publicKey: string; readonly privateKey: Uint8Array }): Promise<void> {
    await this.#keep(purpose, key.publicKey, key.privateKey);
  }

  /** Keys of a purpose that are not retired, newest first. */
  async list(purpose: KeyPurpose): Promise<readonly KeptKey[]> {
    const rows = await this.#parts.store.read
      .selectFrom('privateKey')
      .select(['kid', 'purpose', 'publicKey', 'createdMs', 'retiredMs'])
      .where('purpose', '=', purpose)
      .where('retiredMs', 'is', null)
      .orderBy('createdMs', 'desc')
      .execute();
    return rows.map((row) => ({ ...row, purpose: row.purpose as KeyPurpose }));
  }

  /** The signer of a kept signing key; an unknown kid or an HPKE key throws `not-found`. */
  async openSigner(kid: string): Promise<SyncSigner> {
    const { purpose, secret } = await this.#open(kid);
    if (purpose === 'hpke') throw new RecordsError('not-found', 'this key does not sign');
    return signerFromPkcs8(secret);
  }

  /**
   * The node's own key in PKCS #8, for the connections on which it proves who it is; an unknown kid or another purpose
   * throws `not-found`.
   */
  async openNodeKey(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: Uint8Array }> {
    const { purpose, publicKey, secret } = await this.#open(kid);
    if (purpose !== 'node') throw new RecordsError('not-found', 'this key is not the node’s');
    return { publicKey, privateKey: secret };
  }

  /** A kept authority's key in PKCS #8, for issuing certificates; an unknown kid or another purpose throws `not-found`. */
  async openAuthorityKey(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: Uint8Array }> {
    const { purpose, publicKey, secret } = await this.#open(kid);
    if (purpose !== 'ca') throw new RecordsError('not-found', 'this key certifies nobody');
    return { publicKey, privateKey: secret };
  }

  /** The pair of a kept HPKE key, retired ones too: they still open what was sealed to them. */
  async openHpke(kid: string): Promise<{ readonly publicKey: string; readonly privateKey: Uint8Array }> {
    const { purpose, publicKey, secret } = await this.#open(kid);
    if (purpose !== 'hpke') throw new RecordsError('not-found', 'this key opens no envelopes');
    return { publicKey, privateKey: secret };
  }

  async retire(kid: string): Promise<void> {
    const { store, rowsLog, clock } = this.#parts;
    await store.write(async (trx) => {
      const row = await trx
        .updateTable('privateKey')
        .set({ retiredMs: clock() })
        .where('kid', '=', kid)
        .where('retiredMs', 'is', null)
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) throw new RecordsError('not-found', 'no live key of this kid is kept here');
      await rowsLog.cover(trx, 'privateKey', kid, { ...row });
    });
  }

  async #keep(purpose: KeyPurpose, publicKey: string, secret: Uint8Array): Promise<void> {
    const { store, masterKey, rowsLog, clock } = this.#parts;
    const kid = kidOf(publicKey);
    const sealed = masterKey.seal('private-key', [kid, purpose], secret);
    const row = { kid, purpose, publicKey, sealed, createdMs: clock(), retiredMs: null };
    await store.write(async (trx) => {
      await trx.insertInto('privateKey').values(row).execute();
      await rowsLog.cover(trx, 'privateKey', kid, row);
    });
  }

  async #open(
    kid: string,
  ): Promise<{ readonly purpose: string; readonly publicKey: string; readonly secret: Uint8Array }> {
    const row = await this.#parts.store.read
      .selectFrom('privateKey')
      .selectAll()
      .where('kid', '=', kid)
      .executeTakeFirst();
    if (row === undefined) throw new RecordsError('not-found', 'no key of this kid is kept here');
    const { purpose, publicKey, sealed } = row;
    return { purpose, publicKey, secret: this.#parts.masterKey.open('private-key', [kid, purpose], sealed) };
  }
}
