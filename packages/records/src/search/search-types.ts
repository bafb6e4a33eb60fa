import type { FhirTree, OwnFilter, SearchRequest } from '@salus/fhir';
import type { ForeignResource } from '../foreign/foreign-resource.ts';
import type { RecordMeta, StoredRecord } from '../vault-types.ts';
import type { Beyond } from './beyond.ts';

/** What is looked for: one request for each type, one after the other. */
export interface Search {
  readonly requests: readonly SearchRequest[];
  /** A compartment (R4 §3.1.1.2.1): of each type, one of these holds. */
  readonly within?: ReadonlyMap<string, readonly OwnFilter[]>;
  /** Resources of other organisations that the asker may see. */
  readonly beyond?: Beyond | undefined;
  /** As it was asked, for the audit log, where it is sealed. */
  readonly query: string;
}

/** Where a page ended: the next one begins behind it. Holds what was found, so no client may see it unsealed. */
export interface SearchPosition {
  /** Of the request. */
  readonly at: number;
  readonly shard: number;
  readonly entry: number;
  /** Sort keys of the last match; empty when nothing sorts. */
  readonly keys: readonly (string | number | null)[];
  /** The last entry when the search began. */
  readonly last: number;
  /** The total, once counted. */
  readonly total: number | null;
}

/** Which record was found. */
export type FoundFacts = Pick<StoredRecord, 'recordId' | 'version'> & {
  readonly meta: Pick<RecordMeta, 'owner' | 'type' | 'id'>;
};

/** A record that the asker may see, opened. Its tree is the stored text's: large content stands as references. */
export interface FoundRecord {
  readonly record: FoundFacts;
  readonly tree: FhirTree;
  /** The resource's own JSON text; null where its attachments are too large to stand in a text. */
  readonly text: string | null;
  /** What another organisation released; its read is logged on both sides. */
  readonly elsewhere?: ForeignResource;
}

export interface SearchPage {
  readonly matches: readonly FoundRecord[];
  readonly included: readonly FoundRecord[];
  /** Not every resource that was to be included is. */
  readonly includesCut: boolean;
  /** Every other organisation that was asked has answered. */
  readonly isWhole: boolean;
  /** Of all pages; undefined when it was not asked for and not all fit on the first. */
  readonly total: number | undefined;
  readonly next: SearchPosition | undefined;
}
