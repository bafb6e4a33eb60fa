import type { EntryOutcome } from './bundle-response.ts';
import type { Issue } from './issue.ts';
import type { ResourceType } from './resource-table.ts';

export interface TransactionOptions {
  /** Recognise directory resources by identifier instead of doubling them (`salus import`). */
  readonly matchDirectoryByIdentifier?: boolean;
}

export type TransactionResult =
  /** Durable, all of it: one outcome for each entry, in the bundle's order; see `transactionResponse`. */
  | { readonly kind: 'committed'; readonly outcomes: readonly EntryOutcome[] }
  /** Nothing was written. `code` is a `FhirErrorCode` or one of the engine's own (a contract's refusal). */
  | { readonly kind: 'refused'; readonly code: string; readonly issues: readonly Issue[] };

export type ReadResult =
  /** `text` is the resource's JSON with `id`, `meta.versionId` and `meta.lastUpdated`, number literals as written. */
  | { readonly kind: 'found'; readonly text: string; readonly versionId: string; readonly lastUpdatedMs: number }
  /** It existed, and was tombstoned or erased. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'not-found' }
  /** The caller may not read it, or not now. `code` is the engine's. */
  | { readonly kind: 'refused'; readonly code: string };

/**
 * Where FHIR resources live: the port between FHIR's interfaces and an organisation's vault. `Caller` is whatever the
 * engine needs to know about who asks; every method decides by it. Refusals are values; a rejected promise is a
 * failure of the engine. `./conformance` says what every implementation does.
 */
export interface Repository<Caller> {
  /** A transaction bundle (R4 §3.1.0.11.2) of creates: all or nothing, acknowledged when durable. */
  transaction(caller: Caller, bundle: Uint8Array | string, options?: TransactionOptions): Promise<TransactionResult>;
  /** The current version (R4 §3.1.0.1). */
  read(caller: Caller, type: ResourceType, id: string): Promise<ReadResult>;
  /** One version (R4 §3.1.0.2). */
  vread(caller: Caller, type: ResourceType, id: string, versionId: string): Promise<ReadResult>;
}
