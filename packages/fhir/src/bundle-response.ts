import { operationOutcome } from './issue.ts';
import { parseReference } from './reference.ts';
import type { ResourceType } from './resource-table.ts';
import { type FhirTree, isTree, listOf, stringOf } from './tree.ts';

/** What became of one entry of a transaction that is no read. */
export interface EntryOutcome {
  readonly kind: 'created' | 'updated' | 'matched' | 'deleted';
  readonly type: ResourceType;
  /** Empty where there was nothing to delete. */
  readonly id: string;
  /** Version and time of the new, the matched or the deleted resource. */
  readonly versionId: string;
  readonly lastUpdatedMs: number;
}

/** An answer that was made elsewhere: of a GET, or of an entry whose client asked for more than its place. */
export interface EntryAnswer {
  readonly response: FhirTree;
  readonly resource?: FhirTree;
}

/** The transaction-response bundle (R4 §3.1.0.11.3): one entry for each of the request, in its order. */
export function transactionResponse(outcomes: readonly (EntryOutcome | EntryAnswer)[]): FhirTree {
  return responseBundle('transaction-response', outcomes);
}

/** The answer to a batch: as of a transaction, each entry for itself. */
export function batchResponse(answers: readonly EntryAnswer[]): FhirTree {
  return responseBundle('batch-response', answers);
}

function responseBundle(type: string, outcomes: readonly (EntryOutcome | EntryAnswer)[]): FhirTree {
  const bundle = { resourceType: 'Bundle', type };
  return outcomes.length === 0 ? bundle : { ...bundle, entry: outcomes.map(responseEntry) };
}

const STATUS: Readonly<Record<EntryOutcome['kind'], string>> = {
  created: '201 Created',
  updated: '200 OK',
  matched: '200 OK',
  deleted: '204 No Content',
};

function responseEntry(outcome: EntryOutcome | EntryAnswer): FhirTree {
  if ('response' in outcome) {
    const { resource, response } = outcome;
    return resource === undefined ? { response } : { resource, response };
  }
  const { kind, type, id, versionId, lastUpdatedMs } = outcome;
  const status = STATUS[kind];
  if (kind === 'deleted') return { response: { status } };
  const response = {
    status,
    location: `${type}/${id}/_history/${versionId}`,
    etag: `W/"${versionId}"`,
    lastModified: new Date(lastUpdatedMs).toISOString(),
  };
  if (kind !== 'matched') return { response };
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
