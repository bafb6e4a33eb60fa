import { type GrantFact, grantCommitment, grantKey, type Json, type OpenedTerms } from '@salus/contracts';
import { hashTuple } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import type { Clock, RowsLog } from './vault-types.ts';

/** Grants of one pid that are looked through when a new key is sealed. */
export const GRANTS_PER_PID_MAX = 10_000;

const PAGE = 1_000;

/**
 * Terms of the grants that this organisation's patients made. The ledger knows only commitments; the node keeps the
 * terms, to decide at release and to seal later keys to grants that still hold.
 */
export interface KnownGrants {
  /** Keeps the terms of a grant that the ledger committed; terms that do not open its commitment throw `proof-invalid`. */
  remember(opened: OpenedTerms): Promise<void>;
  find(pid: string, grant: string): Promise<OpenedTerms | undefined>;
  /** Grants of the pid that are active on the ledger and within their time now. */
  listActive(pid: string): Promise<readonly OpenedTerms[]>;
  /** Pids that ever granted something to the client by name: what still holds is asked grant by grant. */
  listPidsOf(client: string): Promise<ReadonlySet<string>>;
}

/** The terms of every grant that is known here, read page by page. */
export async function* knownTerms({
  store,
  masterKey,
}: {
  readonly store: Store;
  readonly masterKey: MasterKey;
}): AsyncGenerator<OpenedTerms> {
  for (let after = ''; ; ) {
    const rows = await store.read
      .selectFrom('knownGrant')
      .select(['grantToken', 'sealed'])
      .where('grantToken', '>', after)
      .orderBy('grantToken')
      .limit(PAGE)
      .execute();
    for (const row of rows) yield openTerms(masterKey, row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.grantToken;
  }
}

function openTerms(
  masterKey: MasterKey,
  { grantToken, sealed }: { readonly grantToken: string; readonly sealed: Uint8Array },
): OpenedTerms {
  // It was parsed by the contract before it was kept, and nothing but this key can have sealed it.
  return masterKey.openJson('known-grant', [grantToken], sealed) as unknown as OpenedTerms;
}

export function createKnownGrants(parts: {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly rowsLog: RowsLog;
  readonly clock: Clock;
}): KnownGrants {
  const { store, masterKey, ledger, rowsLog, clock } = parts;
  const tokenOf = (pid: string, grant: string): string => masterKey.token('grant', pid, grant);
  const isActive = async ({ terms }: OpenedTerms): Promise<boolean> => {
    const nowMs = clock();
    if (nowMs < terms.notBeforeMs || nowMs > terms.notAfterMs) return false;
    const fact = (await ledger.get(grantKey(terms.pid, terms.grant))) as GrantFact | undefined;
    return fact?.status === 'active';
  };

  const byClient = new Map<string, Set<string>>();
  const note = ({ terms: { pid, grantee } }: OpenedTerms): void => {
    if (grantee.kind !== 'client') return;
    const pids = byClient.get(grantee.id) ?? new Set();
    byClient.set(grantee.id, pids.add(pid));
  };
  const load = async (): Promise<void> => {
    for await (const opened of knownTerms(parts)) note(opened);
  };
  let loading: Promise<void> | undefined;

  return {
    listPidsOf: async (client) => {
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      await loading;
      return new Set(byClient.get(client));
    },
    remember: async (opened) => {
      const { pid, grant } = opened.terms;
      const fact = (await ledger.get(grantKey(pid, grant))) as GrantFact | undefined;
      if (fact === undefined || fact.commitment !== grantCommitment({ hashTuple }, opened)) {
        throw new RecordsError('proof-invalid', 'the terms do not open the commitment that the ledger holds');
      }
      const grantToken = tokenOf(pid, grant);
      const row = {
        grantToken,
        pidToken: masterKey.token('pid', pid),
        sealed: masterKey.sealJson('known-grant', [grantToken], opened as unknown as Json),
        receivedMs: clock(),
      };
      await store.write(async (trx) => {
        await trx
          .insertInto('knownGrant')
          .values(row)
          .onConflict((conflict) => conflict.column('grantToken').doUpdateSet(row))
          .execute();
        await rowsLog.cover(trx, 'knownGrant', grantToken, row);
      });
      note(opened);
    },
    find: async (pid, grant) => {
      const grantToken = tokenOf(pid, grant);
      const row = await store.read
        .selectFrom('knownGrant')
        .select('sealed')
        .where('grantToken', '=', grantToken)
        .executeTakeFirst();
      return row === undefined ? undefined : openTerms(masterKey, { grantToken, sealed: row.sealed });
    },
    listActive: async (pid) => {
      const rows = await store.read
        .selectFrom('knownGrant')
        .select(['grantToken', 'sealed'])
        .where('pidToken', '=', masterKey.token('pid', pid))
        .orderBy('receivedMs', 'desc')
        .limit(GRANTS_PER_PID_MAX)
        .execute();
      const opened = rows.map((row) => openTerms(masterKey, row));
      const active = await Promise.all(opened.map(isActive));
      return opened.filter((_, index) => active[index]);
    },
  };
}
