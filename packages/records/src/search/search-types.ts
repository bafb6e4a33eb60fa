import type { FhirTree, OwnFilter, SearchRequest } from '@salus/fhir';
import type { StoredRecord } from '../vault-types.ts';

/** What is looked for: one request for each type, one after the other. */
export interface Search {
  readonly requests: readonly SearchRequest[];
  /** A compartment (R4 §3.1.1.2.1): of each type, one of these holds. */
  readonly within?: ReadonlyMap<string, readonly OwnFilter[]>;
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

/** A record that the asker may see, opened. Its tree is the stored text's: large content stands as references. */
export interface FoundRecord {
  readonly record: StoredRecord;
  readonly tree: FhirTree;
  /** The resource's own JSON text; null where its attachments are too large to stand in a text. */
  readonly text: string | null;
}

export interface SearchPage {
  readonly matches: readonly FoundRecord[];
  readonly included: readonly FoundRecord[];
  /** Not every resource that was to be included is. */
  readonly includesCut: boolean;
  /** Of all pages; undefined when it was not asked for and not all fit on the first. */
  readonly total: number | undefined;
  readonly next: SearchPosition | undefined;
}
