import { operationOutcome } from './issue.ts';
import type { ResourceType } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

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
