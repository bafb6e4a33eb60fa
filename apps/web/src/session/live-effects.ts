import type { Query, QueryClient, QueryKey } from '@tanstack/react-query';
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

/** Queries that something happened to while they were read: each is read once more after that. */
const late = new WeakSet<Query>();

/** The queries whose key begins with the event's kind become old. What an ended grant had opened is taken away first. */
export function takeEvent(client: QueryClient, { kind, grant }: LiveEvent): void {
  if (kind === 'revoked') {
    takeForeignEntries(client);
    client.setQueriesData<KeptAccess>(
      { queryKey: ['elsewhere'] },
      (kept) => kept && { ...kept, grants: kept.grants.filter(({ terms }) => terms.grant !== grant) },
    );
  }
  for (const key of [kind, ...(ALSO[kind] ?? [])]) askAgain(client, [key]);
}

/** Nobody told what happened meanwhile: everything is asked again, and what a grant may have opened is not shown until then. */
export function takeGap(client: QueryClient): void {
  takeForeignEntries(client);
  askAgain(client, []);
}

/**
 * Other organisations' entries leave each chart before anything is asked again: that may take its time. The rest of the page
 * stays, with what somebody is writing there. An answer that is on its way may hold them still, and is not waited for.
 */
function takeForeignEntries(client: QueryClient): void {
  for (const key of ['chart', 'elsewhere']) void client.cancelQueries({ queryKey: [key] });
  client.setQueriesData<KeptChart>(
    { queryKey: ['chart'] },
    (kept) => kept && { ...kept, entries: kept.entries.filter(({ isOwn }) => isOwn) },
  );
}

/**
 * What is being read when something happens may have been looked up before it: it is read once more, when its answer is there
 * and not at once. An act tells a page of dozens of events; a request for each would keep a node and a browser busy for long.
 */
function askAgain(client: QueryClient, queryKey: QueryKey): void {
  for (const query of client.getQueryCache().findAll({ queryKey })) {
    const ask = (): void => {
      late.delete(query);
      void client.invalidateQueries({ queryKey: query.queryKey, exact: true }, { cancelRefetch: false });
    };
    const reading = query.state.fetchStatus === 'idle' ? undefined : query.promise;
    if (reading === undefined) ask();
    else if (!late.has(query)) {
      late.add(query);
      reading.then(ask, ask);
    }
  }
}
