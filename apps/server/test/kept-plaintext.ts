import { fromUtf8, type Json } from '@salus/crypto';
import type { MasterKey } from '@salus/records';
import type { HostedOrganisation } from '../src/node.ts';

const AUDIT_PAGE = 200;

type Row = Readonly<Record<string, unknown>>;
type Use = Parameters<MasterKey['openJson']>[0];

/** Tables that keep something sealed of what people wrote: how each row is opened. */
const SEALED: readonly { readonly table: string; readonly use: Use; context(row: Row): unknown }[] = [
  { table: 'document', use: 'document', context: ({ kind, token }) => [kind, token] },
  { table: 'inbox', use: 'delivery', context: ({ deliveryToken }) => deliveryToken },
  { table: 'outbox', use: 'delivery', context: ({ deliveryToken }) => deliveryToken },
  { table: 'heldMessage', use: 'held-message', context: ({ messageToken }) => [messageToken] },
  { table: 'artifact', use: 'artifact', context: ({ kind, token }) => [kind, token] },
  { table: 'identifier', use: 'identifier', context: ({ token, resourceToken }) => [token, resourceToken] },
  { table: 'careRelationship', use: 'care-relationship', context: ({ relationshipId }) => [relationshipId] },
  { table: 'request', use: 'request', context: ({ requestToken }) => requestToken },
];

export interface KeptPlaintext {
  /** Everything that the organisation's master key opens, as text: rows, audit events and what records say. */
  readonly text: string;
  /** Bodies that wait in the outbox, sealed to their receivers. */
  readonly waiting: number;
}

/** What a thief reads who has the organisation's store and its master key. */
export async function readAllKept({ vault }: HostedOrganisation): Promise<KeptPlaintext> {
  const { store, masterKey, rows, ciphertext, audit } = vault;
  const texts: string[] = [];
  let waiting = 0;
  for (const { table, use, context } of SEALED) {
    for (const row of await store.read
      .selectFrom(table as 'inbox')
      .selectAll()
      .execute()) {
      const opened = masterKey.openJson(use, context(row as unknown as Row) as Json, row.sealed);
      texts.push(JSON.stringify(opened));
      if (table === 'outbox' && (opened as { body: unknown }).body !== null) waiting += 1;
    }
  }
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const lines = await audit.list({ limit: AUDIT_PAGE, before });
    texts.push(...lines.map(({ event }) => JSON.stringify(event)));
    const last = lines.at(-1);
    if (last === undefined || lines.length < AUDIT_PAGE) break;
    before = last.seq;
  }
  const versions = await store.read
    .selectFrom('record')
    .select(['recordId', 'version'])
    .where('status', '!=', 'erased')
    .execute();
  for (const { recordId, version } of versions) {
    const record = await rows.findRecord(recordId!, version!);
    if (record !== undefined) texts.push(fromUtf8(await ciphertext.readPlaintext(record)));
  }
  return { text: texts.join('\n'), waiting };
}
