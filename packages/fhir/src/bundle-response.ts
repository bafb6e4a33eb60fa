import { operationOutcome } from './issue.ts';
import { parseReference } from './reference.ts';
import type { ResourceType } from './resource-table.ts';
import { type FhirTree, isTree, listOf, stringOf } from './tree.ts';

/** What became of one entry of a transaction. */
export interface EntryOutcome {
  readonly kind: 'created' | 'matched';
  readonly type: ResourceType;
  readonly id: string;
  /** Version and time of the new, or of the matched, resource. */
  readonly versionId: string;
  readonly lastUpdatedMs: number;
}

/** The transaction-response bundle (R4 §3.1.0.11.3): one entry for each of the request, in its order. */
export function transactionResponse(outcomes: readonly EntryOutcome[]): FhirTree {
  const bundle = { resourceType: 'Bundle', type: 'transaction-response' };
  return outcomes.length === 0 ? bundle : { ...bundle, entry: outcomes.map(responseEntry) };
}

function responseEntry(outcome: EntryOutcome): FhirTree {
  const { kind, type, id, versionId, lastUpdatedMs } = outcome;
  const created = kind === 'created';
  const response = {
    status: created ? '201 Created' : '200 OK',
    location: `${type}/${id}/_history/${versionId}`,
    etag: `W/"${versionId}"`,
    lastModified: new Date(lastUpdatedMs).toISOString(),
  };
  if (created) return { response };
  const text = 'An existing resource matched; nothing was created.';
  return {
    response: { ...response, outcome: operationOutcome([{ severity: 'information', code: 'informational', text }]) },
  };
}

/**
 * What each fullUrl of a transaction became, read from the response as a client gets it: the `referenceMap` of
 * `sameResource`. Entries without fullUrl or location are left out.
 */
export function responseLinks(transaction: FhirTree, response: FhirTree): ReadonlyMap<string, string> {
  const answers = listOf(response.entry);
  const links = new Map<string, string>();
  for (const [index, entry] of listOf(transaction.entry).entries()) {
    const answer = answers[index];
    if (!isTree(entry) || !isTree(answer) || !isTree(answer.response)) continue;
    const fullUrl = stringOf(entry.fullUrl);
    const place = parseReference(stringOf(answer.response.location) ?? '');
    if (fullUrl === undefined || (place.kind !== 'local' && place.kind !== 'absolute')) continue;
    links.set(fullUrl, `${place.type}/${place.id}`);
  }
  return links;
}
