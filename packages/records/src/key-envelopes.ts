import type { Json } from '@salus/contracts';
import type { Ledger } from '@salus/ledger';
import { pairOf } from './epoch-table.ts';
import type { MasterKey } from './master-key.ts';
import { pidOf, type Recipients } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import { sealKey } from './sealed-key.ts';
import type { Store, StoreTransaction } from './store/database.ts';
import { prepareForTransactions } from './store/prepared.ts';
import type { OpenedKey, Owner, Recipient, RowsLog, RowToCover, StoredEnvelope } from './vault-types.ts';

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly rowsLog: RowsLog;
  readonly recipients: Recipients;
};

/** Gives nothing back where one is kept. */
const insertEnvelope = prepareForTransactions((db) =>
  db
    .insertInto('envelope')
    .values({ keyId: '', recipientToken: '', sealed: new Uint8Array() })
    .onConflict((conflict) => conflict.doNothing())
    .returning('keyId'),
);

/** E's sealed to devices, organisations and grantees, and to whom the ledger allows it. */
export class KeyEnvelopes {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async find(keyId: string, recipient: Pick<Recipient, 'kid' | 'grant'>): Promise<StoredEnvelope | undefined> {
    const recipientToken = this.#recipientToken(recipient);
    const row = await this.#parts.store.read
      .selectFrom('envelope')
      .select('sealed')
      .where('keyId', '=', keyId)
      .where('recipientToken', '=', recipientToken)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return this.#parts.masterKey.openJson('envelope', [keyId, recipientToken], row.sealed) as unknown as StoredEnvelope;
  }

  async seal(key: OpenedKey, recipient: Recipient): Promise<StoredEnvelope> {
    const envelope = await sealKey(this.#parts.ledger.network, key, recipient);
    const { keyId, owner, epoch } = key;
    const { category, labelClass } = pairOf(key.pair);
    return { keyId, owner, epoch, category, labelClass, recipientKid: recipient.kid, grant: recipient.grant, envelope };
  }

  async insert(trx: StoreTransaction, envelopes: readonly StoredEnvelope[]): Promise<void> {
    await this.#parts.rowsLog.coverAll(trx, await this.add(trx, envelopes));
  }

  /** What is kept already stays as it is. The caller has the log cover the rest. */
  async add(trx: StoreTransaction, envelopes: readonly StoredEnvelope[]): Promise<readonly RowToCover[]> {
    const covered: RowToCover[] = [];
    for (const envelope of envelopes) {
      const { keyId } = envelope;
      const recipientToken = this.#recipientToken({ kid: envelope.recipientKid, grant: envelope.grant });
      const sealed = this.#parts.masterKey.sealJson('envelope', [keyId, recipientToken], envelope as unknown as Json);
      const row = { keyId, recipientToken, sealed };
      const [inserted] = await insertEnvelope(trx, keyId, recipientToken, sealed);
      if (inserted === undefined) continue;
      covered.push({ kind: 'envelope', rowKey: rowKeyOf([keyId, recipientToken]), row });
    }
    return covered;
  }

  /** Throws `denied` where the ledger lists no such key for the owner. */
  async demandOwnerRecipient(owner: Owner, recipient: Recipient): Promise<void> {
    const { recipients } = this.#parts;
    // Directory, definitions and stock are any member's to read: their keys go to any listed key of a member.
    const listed = pidOf(owner) === undefined ? await recipients.ofMembers() : await recipients.ofOwner(owner);
    demandListed(recipient, listed);
  }

  /** Throws `denied` where no active grant that covers the pair lists such a key. */
  async demandGrantRecipient(owner: Owner, pair: number, recipient: Recipient): Promise<void> {
    const listed = pidOf(owner) === undefined ? [] : await this.#parts.recipients.ofGrants(owner, pair);
    demandListed(recipient, listed);
  }

  #recipientToken({ kid, grant }: Pick<Recipient, 'kid' | 'grant'>): string {
    return this.#parts.masterKey.token('recipient', kid, grant ?? '');
  }
}

function demandListed(recipient: Recipient, listed: readonly Recipient[]): void {
  const isListed = listed.some(
    ({ kid, publicKey, grant }) =>
      kid === recipient.kid && publicKey === recipient.publicKey && grant === recipient.grant,
  );
  if (!isListed) throw new RecordsError('denied', 'the ledger does not list this key for the owner or grant');
}
