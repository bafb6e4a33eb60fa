import { fromUtf8 } from '@salus/crypto';
import type { IdentifierQuery, ResourceType } from '@salus/fhir';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import { identifierToken } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { Store } from './store/index.ts';
import type { CiphertextReader, Clock, RecordRows, RowsLog } from './vault-types.ts';

/** A resource that a feed recognised, as it stands. */
export interface KnownResource {
  readonly id: string;
  readonly versionId: string;
  readonly text: string;
}

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly rowsLog: RowsLog;
  readonly clock: Clock;
};

/** Whether a message came before: `other` is another message under the same name. */
export type Recognised = 'new' | 'committed' | 'pending' | 'other';

/**
 * How a feed (HL7 v2) recognises what is here already. It decides what the feed writes; nothing of it is shown to anybody,
 * so that no event is due.
 */
export class FeedLookup {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Ids of current resources with an identifier, at most two: two are enough to refuse. */
  async findIds(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]> {
    const { store, masterKey, rows } = this.#parts;
    const token = identifierToken(masterKey, type, query);
    const found = await store.read
      .selectFrom('identifier')
      .innerJoin('batch', 'batch.batchId', 'identifier.batchId')
      .select(['identifier.resourceToken', 'identifier.sealed'])
      .where('identifier.token', '=', token)
      .where('batch.state', '=', 'committed')
      .execute();
    const ids: string[] = [];
    for (const { resourceToken, sealed } of found) {
      const { id } = masterKey.openJson('identifier', [token, resourceToken], sealed) as { readonly id: string };
      const record = await rows.findResource(type, id);
      if (record?.status === 'current') ids.push(id);
      if (ids.length === 2) break;
    }
    return ids;
  }

  /** The current version of a resource, for the feed to restate; undefined when there is none. */
  async findCurrent(type: ResourceType, id: string): Promise<KnownResource | undefined> {
    const { rows, ciphertext, attachments } = this.#parts;
    const record = await rows.findResource(type, id);
    if (record?.status !== 'current') return undefined;
    const text = fromUtf8(await ciphertext.readPlaintext(record));
    return { id, versionId: String(record.version), text: await inlineAttachments(attachments, text) };
  }

  /** The token of a message for `VaultTransactionOptions.importToken`: its sender's name for it, and its content. */
  importToken(name: readonly string[], content: string): string {
    const { masterKey } = this.#parts;
    return `${masterKey.token('bundle', 'feed', ...name)}.${masterKey.token('bundle', 'content', content)}`;
  }

  /** Remembers a message that said nothing new, and so is in no batch. */
  async note(importToken: string): Promise<void> {
    const { store, rowsLog, clock } = this.#parts;
    const row = { messageToken: importToken, atMs: clock() };
    await store.write(async (trx) => {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('takenMessage')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows !== 0n) await rowsLog.cover(trx, 'takenMessage', importToken, row);
    });
  }

  /** Was a message of this token, or another one of the same name, imported? */
  async recognise(importToken: string): Promise<Recognised> {
    const prefix = importToken.slice(0, importToken.indexOf('.') + 1);
    const { read } = this.#parts.store;
    const noted = await read
      .selectFrom('takenMessage')
      .select('messageToken')
      .where('messageToken', '>=', prefix)
      .where('messageToken', '<', `${prefix}~`)
      .execute();
    if (noted.length > 0) return noted.some(({ messageToken }) => messageToken === importToken) ? 'committed' : 'other';
    const rows = await read
      .selectFrom('bundle')
      .innerJoin('batch', 'batch.batchId', 'bundle.batchId')
      .select(['bundle.bundleToken', 'batch.state'])
      .where('bundle.bundleToken', '>=', prefix)
      .where('bundle.bundleToken', '<', `${prefix}~`)
      .execute();
    if (rows.length === 0) return 'new';
    if (!rows.some(({ bundleToken }) => bundleToken === importToken)) return 'other';
    return rows.some(({ state }) => state === 'committed') ? 'committed' : 'pending';
  }
}
