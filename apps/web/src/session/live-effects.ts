import type { QueryClient } from '@tanstack/react-query';
import type { LiveEvent } from './live.ts';

/** A grant that ends is, for the pages that list grants, news of a grant; a clinician's chart shows what grants open. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  revoked: ['grant', 'access', 'chart', 'elsewhere'],
  grant: ['chart', 'elsewhere'],
  request: ['elsewhere'],
  record: ['chart'],
  emergency: ['grant', 'access'],
};

/** The part of a chart that matters here: whose each entry is. */
interface KeptChart {
  readonly entries: readonly { readonly isOwn: boolean }[];
}

/** The part of a list of what is open elsewhere that matters here. */
interface KeptAccess {
  readonly grants: readonly { readonly terms: { readonly grant: string } }[];
}

/** The queries whose key begins with the event's kind become old. What an ended grant had opened is taken away first. */
export function takeEvent(client: QueryClient, { kind, grant }: LiveEvent): void {
  if (kind === 'revoked') {
    takeForeignEntries(client);
    client.setQueriesData<KeptAccess>(
      { queryKey: ['elsewhere'] },
      (kept) => kept && { ...kept, grants: kept.grants.filter(({ terms }) => terms.grant !== grant) },
    );
  }
  for (const key of [kind, ...(ALSO[kind] ?? [])]) void client.invalidateQueries({ queryKey: [key] });
}

/** Nobody told what happened meanwhile: everything is asked again, and what a grant may have opened is not shown until then. */
export function takeGap(client: QueryClient): void {
  takeForeignEntries(client);
  void client.invalidateQueries();
}

/**
 * Other organisations' entries leave each chart before anything is asked again: that may take its time. The rest of the page
 * stays, with what somebody is writing there.
 */
function takeForeignEntries(client: QueryClient): void {
  client.setQueriesData<KeptChart>(
    { queryKey: ['chart'] },
    (kept) => kept && { ...kept, entries: kept.entries.filter(({ isOwn }) => isOwn) },
  );
}
