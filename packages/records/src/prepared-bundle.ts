import type { Bytes } from '@salus/crypto';
import type { Owner as FhirOwner, IdentifierQuery, IndexTerm, Issue, ResourceLookup, ResourceType } from '@salus/fhir';
import type { CareFact } from './care-facts.ts';
import type { ObjectPlace } from './objects/object-folder.ts';
import type { Identifier, WrittenAttachment } from './write-order.ts';

/** First version of every resource. */
export const FIRST_VERSION = 1;

/** What preparing a bundle asks of the store: `begin` at most once, and whatever conditions decide only after its answer. */
export interface BundleQuestions {
  /**
   * The bundle's digest (null of a single request) and all conditions that decide whether a resource is new: they are locked
   * until it is written. Not asked where nothing else is locked: then the digest comes with the result.
   */
  begin(facts: { readonly digest: string | null; readonly conditions: readonly TypedCondition[] }): Promise<void>;
  findByIdentifier(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]>;
  findBySearch(type: ResourceType, query: string): Promise<readonly string[]>;
  /** As `ResourceLookup`: whoever may not change one of them is refused with what this throws. */
  findTargets(targets: Parameters<FindTargets>[0]): Promise<Awaited<ReturnType<FindTargets>>>;
  /** Owners of resources that are here already, by `Type/id`; unknown ones are left out. */
  findOwners(references: readonly string[]): Promise<ReadonlyMap<string, FhirOwner>>;
}

type FindTargets = NonNullable<ResourceLookup['findTargets']>;

/** A condition on which it depends whether a resource is made: an identifier, or the text of another search. */
export interface TypedCondition {
  readonly type: ResourceType;
  readonly query: IdentifierQuery | string;
}

/** One request as `Bundle.entry.request` has it; its body is the resource, or the patch. */
export interface SingleRequest {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `Type`, `Type/id` or `Type?search`. */
  readonly url: string;
  readonly ifMatch?: string;
  readonly ifNoneExist?: string;
}

export interface BundleInput {
  readonly bytes: Uint8Array;
  readonly nowMs: number;
  /** Recognise directory resources by identifier instead of doubling them. */
  readonly matchDirectory: boolean;
  readonly baseUrl: string | null;
  /** Where large content goes. */
  readonly attachmentPlace: ObjectPlace;
  /** What `bytes` are written in; a patch is always JSON. */
  readonly format: 'json' | 'xml';
  /** `bytes` is the body of this request; null: a transaction bundle. */
  readonly single: SingleRequest | null;
}

/** A resource that is to be written. Holds no tree: it travels between threads. */
export interface PreparedCreate {
  /** An update is the next version of a resource that was found as target. */
  readonly kind: 'create' | 'update';
  readonly type: ResourceType;
  readonly id: string;
  /** The record's text, UTF-8. */
  readonly plaintext: Bytes;
  readonly pair: number;
  /** `Patient/<id>`, or null for a resource of the organisation. */
  readonly subject: string | null;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
  readonly references: readonly string[];
  readonly identifiers: readonly Identifier[];
  readonly relationships: readonly CareFact[];
  readonly attachments: readonly WrittenAttachment[];
  /** Under which a search finds it. */
  readonly terms: readonly IndexTerm[];
}

export interface PreparedMatch {
  readonly kind: 'matched';
  readonly type: ResourceType;
  readonly id: string;
}

export interface PreparedDelete {
  readonly kind: 'delete';
  readonly type: ResourceType;
  /** Undefined: there is nothing to delete. */
  readonly id: string | undefined;
}

export interface PreparedRead {
  readonly kind: 'read';
  readonly url: string;
}

export type PreparedEntry = PreparedCreate | PreparedMatch | PreparedDelete | PreparedRead;

/** `entries`: one for each entry of the bundle, in its order. `digest`: of a bundle that `begin` was not asked for, else null. */
export type PreparedBundle =
  | { readonly kind: 'prepared'; readonly entries: readonly PreparedEntry[]; readonly digest: string | null }
  | { readonly kind: 'refused'; readonly code: string; readonly issues: readonly Issue[] };

/** Of the entries that write. */
export function isWritten(entry: PreparedEntry): entry is PreparedCreate {
  return entry.kind === 'create' || entry.kind === 'update';
}
