import type { HostedOrganisation } from '../organisation.ts';
import { forgetEarlierCopies } from './earlier-visits.ts';
import { takeOverAll } from './take-over.ts';
import { keepVisit, listVisits, lockVisits } from './visit-document.ts';
import { withoutErased } from './visit-parts.ts';

/** Erasures that other nodes commit are looked for so often, and whenever somebody looks at what was delivered. */
const LOOK_INTERVAL_MS = 60 * 60 * 1000;

/** What came from elsewhere and was erased there goes out of this organisation's visits. */
export function dropErased(organisation: HostedOrganisation): Promise<void> {
  return lockVisits(organisation, () => dropLocked(organisation));
}

/** At the start, since a backup that was restored is older than the ledger, and each hour. */
export function followErasures(
  organisations: ReadonlyMap<string, HostedOrganisation>,
  { nowMs, tell }: { readonly nowMs: () => number; readonly tell: (error: unknown) => void },
): AsyncDisposable {
  const closing = new AbortController();
  const lookAtAll = async (): Promise<void> => {
    for (const organisation of organisations.values()) {
      await forgetEarlierCopies(organisation, closing.signal).catch(tell);
      // Whatever became of what was delivered: erasures are followed.
      await takeOverAll(organisation, nowMs()).catch(tell);
      await dropErased(organisation).catch(tell);
    }
  };
  let running = lookAtAll();
  const timer = setInterval(() => {
    running = running.then(lookAtAll);
  }, LOOK_INTERVAL_MS);
  timer.unref();
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      closing.abort();
      return running;
    },
  };
}

async function dropLocked(organisation: HostedOrganisation): Promise<void> {
  let dropped = 0;
  for (const visit of await listVisits(organisation)) {
    const left = await withoutErased(organisation, visit);
    if (left.dropped > 0) await keepVisit(organisation, left.document);
    dropped += left.dropped;
  }
  if (dropped > 0) await organisation.vault.store.forgetErased();
}
