import { type GrantFact, grantKey, type LeafFact, leafKey } from '@salus/contracts';
import type { LedgerView } from '../ledger-view.ts';
import { RecordsError } from '../records-error.ts';
import type { ChartRecord } from './manifest-checks.ts';
import type { Reading } from './reading.ts';

type Ledger = Pick<LedgerView, 'get'>;

/** What the ledger says of a listed version; undefined while it is current. */
export function readLeafState(ledger: Ledger, { keyId, leafHash }: ChartRecord): Promise<LeafFact | undefined> {
  return ledger.get(leafKey(keyId, leafHash)) as Promise<LeafFact | undefined>;
}

/** A version that had ended before it was asked for throws `superseded-served` and so on; `before`: its state then. */
export async function demandCurrent(ledger: Ledger, known: ChartRecord, before: LeafFact | undefined): Promise<void> {
  // The chart may have been renewed in between; then the ledger is asked about the version that it names now.
  const state = before === undefined ? undefined : await readLeafState(ledger, known);
  if (state !== undefined) {
    throw new RecordsError(`${state.status}-served`, "the author's node served a version that is no longer current");
  }
}

/** A revocation that arrived while the answer was on its way counts, too. */
export async function demandStillGranted(ledger: Ledger, { owner, request }: Reading): Promise<void> {
  const grant = request.token?.terms.grant;
  if (grant === undefined) return;
  const fact = (await ledger.get(grantKey(owner.slice('pid:'.length), grant))) as GrantFact | undefined;
  if (fact?.status === 'active') return;
  throw new RecordsError('session-ended', 'the grant has ended', { detail: `grant-${fact?.status ?? 'unknown'}` });
}

/** Why a listed record was not sent: it ended since, or the node keeps it back. */
export async function missing(ledger: Ledger, known: ChartRecord): Promise<RecordsError> {
  return (await readLeafState(ledger, known)) === undefined
    ? new RecordsError('omitted-record', "the author's node withholds a listed record")
    : new RecordsError('not-found', 'the record is no longer current');
}
