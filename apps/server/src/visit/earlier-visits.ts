import { documentNames } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { type KeptKind, lockVisits, rekeepVisit } from './visit-document.ts';

const KINDS: readonly KeptKind[] = ['visit', 'visit-over'];
const DONE = 'earlier-visits';

/**
 * Visits of earlier versions held copies of what stands in the record here, also when they were over: each is kept anew,
 * without them, once for a store. Page by page and each for itself; what a stop cut off the next start does, and a store
 * that was restored from an older backup is gone through again.
 */
export async function forgetEarlierCopies(organisation: HostedOrganisation, signal: AbortSignal): Promise<void> {
  const { vault } = organisation;
  if ((await vault.documents.find('setting', DONE)) !== undefined) return;
  let seen = 0;
  let rewritten = 0;
  for (const kind of KINDS) {
    for await (const name of documentNames(vault, kind)) {
      if (signal.aborted) return;
      seen += 1;
      if (await lockVisits(organisation, () => rekeepVisit(organisation, kind, name))) rewritten += 1;
    }
  }
  if (rewritten > 0) await vault.store.forgetErased();
  if (seen > 0) await vault.documents.put('setting', DONE, true);
}
