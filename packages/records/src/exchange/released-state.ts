import { type GrantFact, grantKey, type LeafFact, leafKey } from '@salus/contracts';
import type { LedgerView } from '../ledger-view.ts';
import { RecordsError } from '../records-error.ts';
import { commitmentOf } from './gateway-session.ts';
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

/**
 * A revocation that arrived while the answer was on its way counts, too; so does one of a grant that it was delegated from, and
 * narrower terms: what they leave is for the author's node to say.
 */
export async function demandStillGranted(ledger: Ledger, { owner, request }: Reading): Promise<void> {
  const { token, ancestors } = request;
  if (token === null) return;
  for (const link of [token, ...ancestors]) {
    const fact = (await ledger.get(grantKey(owner.slice('pid:'.length), link.terms.grant))) as GrantFact | undefined;
    if (fact?.status !== 'active')
      throw ended(link === token ? `grant-${fact?.status ?? 'unknown'}` : 'parent-inactive');
    if (fact.commitment !== commitmentOf(link)) throw ended('commitment-mismatch');
  }
}

function ended(detail: string): RecordsError {
  return new RecordsError('session-ended', 'the grant has ended', { detail });
}

/** Why a listed record was not sent: it ended since, or the node keeps it back. */
export async function missing(ledger: Ledger, known: ChartRecord): Promise<RecordsError> {
  return (await readLeafState(ledger, known)) === undefined
    ? new RecordsError('omitted-record', "the author's node withholds a listed record")
    : new RecordsError('not-found', 'the record is no longer current');
}
