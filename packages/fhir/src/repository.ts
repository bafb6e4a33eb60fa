import type { ResourceName } from './bundle.ts';
import type { EntryOutcome } from './bundle-response.ts';
import type { Issue } from './issue.ts';
import type { ResourceType } from './resource-table.ts';

export interface TransactionOptions {
  /** Recognise directory resources by identifier instead of doubling them (`salus import`). */
  readonly matchDirectoryByIdentifier?: boolean;
}

export type TransactionResult =
  /**
   * Durable, all of it: one outcome for each entry that is no read, in the bundle's order; see `transactionResponse`. `reads` are
   * decided, and are to be answered now.
   */
  | {
      readonly kind: 'committed';
      readonly outcomes: readonly EntryOutcome[];
      readonly reads?: readonly { readonly index: number; readonly url: string }[];
    }
  /** Nothing was written. `code` is a `FhirErrorCode` or one of the engine's own (a contract's refusal). */
  | { readonly kind: 'refused'; readonly code: string; readonly issues: readonly Issue[] };

export type WriteResult =
  /** Durable. `text`: what was written, where the engine has it at hand and the client itself sent it. */
  | { readonly kind: 'committed'; readonly outcome: EntryOutcome; readonly text?: string }
  | Extract<TransactionResult, { readonly kind: 'refused' }>;

/** A resource, or a patch (always JSON), as it came. */
export interface ResourceBody {
  readonly bytes: Uint8Array | string;
  readonly format: 'json' | 'xml';
}

/** What is changed: a resource by its id, or the one that a search finds (R4 §3.1.0.4.3). */
export type WriteTarget = ResourceName | { readonly type: ResourceType; readonly query: string };

export interface ChangeOptions {
  /** Version id that must be the current one. */
  readonly ifMatch?: string;
}

export type ReadResult =
  /** `text` is the resource's JSON with `id`, `meta.versionId` and `meta.lastUpdated`, number literals as written. */
  | { readonly kind: 'found'; readonly text: string; readonly versionId: string; readonly lastUpdatedMs: number }
  /** It existed, and was tombstoned or erased. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'not-found' }
  /** The caller may not read it, or not now. `code` is the engine's. */
  | { readonly kind: 'refused'; readonly code: string };

/** Whose history: of one resource, of a type, or of all (R4 §3.1.0.9). */
export type HistoryScope = ResourceName | { readonly type?: ResourceType; readonly id?: never };

export interface HistoryQuery {
  /** Entries of a page, at most. */
  readonly count: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** Only what happened at this time or later. */
  readonly sinceMs?: number;
  /** Only versions that were current at some point in this span, both ends included. */
  readonly at?: { readonly fromMs: number; readonly toMs: number };
}

export interface HistoryEntry extends ResourceName {
  readonly kind: 'create' | 'update' | 'delete';
  readonly versionId: string;
  readonly atMs: number;
  /** The version's JSON; absent of a deletion, and of a version that is hidden. */
  readonly text?: string;
}

export type HistoryResult =
  /** Newest first, and nothing that the caller may not see. A page may have fewer entries than asked and still a next one. */
  | { readonly kind: 'found'; readonly entries: readonly HistoryEntry[]; readonly next: string | undefined }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'refused'; readonly code: string };

/**
 * Where FHIR resources live: the port between FHIR's interfaces and an organisation's vault. `Caller` is whatever the
 * engine needs to know about who asks; every method decides by it. Refusals are values; a rejected promise is a
 * failure of the engine. `./conformance` says what every implementation does.
 */
export interface Repository<Caller> {
  /** A transaction bundle (R4 §3.1.0.11.2) of all interactions: all or nothing, acknowledged when durable. */
  transaction(caller: Caller, bundle: Uint8Array | string, options?: TransactionOptions): Promise<TransactionResult>;
  /** A new resource under an id of the server's (R4 §3.1.0.8), unless the condition finds one. */
  create(
    caller: Caller,
    type: ResourceType,
    body: ResourceBody,
    options?: { readonly ifNoneExist?: string },
  ): Promise<WriteResult>;
  /** The next version (R4 §3.1.0.4). A condition that finds nothing creates; no update makes a resource under the client's id. */
  update(caller: Caller, target: WriteTarget, body: ResourceBody, options?: ChangeOptions): Promise<WriteResult>;
  /** The next version by a JSON Patch (R4 §3.1.0.6). */
  patch(caller: Caller, target: WriteTarget, body: ResourceBody, options?: ChangeOptions): Promise<WriteResult>;
  /** Hides (R4 §3.1.0.7); that there is nothing to delete is no fault. */
  remove(caller: Caller, target: WriteTarget, options?: ChangeOptions): Promise<WriteResult>;
  /** The current version (R4 §3.1.0.1). */
  read(caller: Caller, type: ResourceType, id: string): Promise<ReadResult>;
  /** One version (R4 §3.1.0.2). */
  vread(caller: Caller, type: ResourceType, id: string, versionId: string): Promise<ReadResult>;
  /** What happened (R4 §3.1.0.9). */
  history(caller: Caller, scope: HistoryScope, query: HistoryQuery): Promise<HistoryResult>;
}
