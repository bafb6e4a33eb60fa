import { type GetEntry, requestEntries } from './bundle-entry.ts';
import { assignTargets, type Target } from './bundle-targets.ts';
import { type ConditionLookup, Conditions } from './conditions.ts';
import { FhirError } from './fhir-error.ts';
import { IdentifierIndex } from './identifier-index.ts';
import { rewriteLinks } from './links.ts';
import { isUrn, parseReference } from './reference.ts';
import { withId } from './resource.ts';
import type { ResourceType } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

/** What the repository knows of a resource that an entry would change. */
export interface CurrentResource {
  readonly kind: 'current' | 'gone';
  readonly versionId: string;
  /** Its JSON, where it was asked for. */
  readonly text?: string;
}

export interface ResourceName {
  readonly type: ResourceType;
  readonly id: string;
}

/** What the repository already holds. */
export interface ResourceLookup extends ConditionLookup {
  /**
   * The resources that entries are about to change, in their order; undefined for unknown ones. Asked once and for all of them,
   * so that whoever may not is refused before anything else happens; a patch needs the text. Absent:
   * only creates are taken.
   */
  findTargets?(
    targets: readonly (ResourceName & { readonly method: 'PUT' | 'PATCH' | 'DELETE' })[],
  ): Promise<readonly (CurrentResource | undefined)[]> | readonly (CurrentResource | undefined)[];
}

export interface ResolveOptions {
  /** A fresh logical id, such as `crypto.randomUUID()`; must fit FHIR's `id` (no "_"). */
  readonly newId: () => string;
  readonly lookup: ResourceLookup;
  /** Recognise directory resources (Organization, Practitioner, Location …) by identifier instead of doubling them. */
  readonly matchDirectoryByIdentifier?: boolean;
  /** This repository's own base URL with a slash at the end; relative references from elsewhere become absolute. */
  readonly baseUrl?: string;
}

interface Resolved extends ResourceName {
  readonly index: number;
  readonly fullUrl: string | undefined;
}

interface Written extends Resolved {
  /** With its id and all references rewritten; `meta` is the sender's. Of a patch, what came out of it. */
  readonly resource: FhirTree;
  /** `Type/id` of everything here that it references, each once. */
  readonly references: readonly string[];
}

export interface CreatedEntry extends Written {
  readonly kind: 'create';
}

export interface UpdatedEntry extends Written {
  readonly kind: 'update';
  /** The version that it replaces. */
  readonly replaces: string;
}

export interface MatchedEntry extends Resolved {
  readonly kind: 'matched';
}

export interface DeletedEntry {
  readonly kind: 'delete';
  readonly index: number;
  readonly type: ResourceType;
  /** Undefined: there is nothing to delete, which is no fault (R4 §3.1.0.7). */
  readonly id: string | undefined;
}

export interface ReadEntry extends Pick<GetEntry, 'index' | 'url'> {
  readonly kind: 'read';
}

export type WrittenEntry = CreatedEntry | UpdatedEntry;
export type ResolvedEntry = WrittenEntry | MatchedEntry | DeletedEntry | ReadEntry;

export interface ResolvedBundle {
  /** One for each entry of the bundle, in its order. */
  readonly entries: readonly ResolvedEntry[];
  /** What each fullUrl and conditional reference of the bundle became: `Type/id`. */
  readonly links: ReadonlyMap<string, string>;
}

/**
 * Turns a transaction (R4 §3.1.0.11.2) into what is to be written: every POST gets a new id or is matched to what exists
 * (`ifNoneExist`, identifiers of directory resources), PUT, PATCH and DELETE find what they change, and every link to another
 * entry, forward, backward or circular, becomes `Type/id`. Nothing is written. Everything is refused, or nothing.
 *
 * @throws FhirError the codes of `requestEntries` and `assignTargets`; `reference-unresolved` for a urn that is no entry;
 *   `condition-unsupported`, `no-match`, `multiple-matches` for conditions; `id-invalid` for a bad `newId`.
 */
export async function resolveBundle(bundle: FhirTree, options: ResolveOptions): Promise<ResolvedBundle> {
  const entries = requestEntries(bundle);
  const conditions = new Conditions(options.lookup);
  const targets = await assignTargets(entries, conditions, options);
  const links = new Map<string, string>();
  const own = new IdentifierIndex();
  for (const target of targets) {
    if (!isLinked(target)) continue;
    if (target.entry.fullUrl !== undefined) links.set(target.entry.fullUrl, `${target.entry.type}/${target.id}`);
    own.add(target.entry.type, resourceOf(target), target.id);
  }
  const rewritten = targets.map((target) =>
    isWritten(target) ? rewriteEntry(target, links, options.baseUrl) : target,
  );
  for (const entry of rewritten) {
    if (!('conditions' in entry)) continue;
    for (const [reference, place] of entry.conditions) {
      if (!links.has(reference)) links.set(reference, await conditions.resolve(reference, place, own));
    }
  }
  return { entries: rewritten.map((entry) => finished(entry, links)), links };
}

type WrittenTarget = Extract<Target, { readonly kind: 'create' | 'update' }>;
type LinkedTarget = Extract<Target, { readonly kind: 'create' | 'update' | 'matched' }>;

function isWritten(target: Target): target is WrittenTarget {
  return target.kind === 'create' || target.kind === 'update';
}

function isLinked(target: Target): target is LinkedTarget {
  return isWritten(target) || target.kind === 'matched';
}

function resourceOf(target: LinkedTarget): FhirTree {
  return target.kind === 'matched' ? target.entry.resource : target.resource;
}

interface Rewritten {
  readonly target: WrittenTarget;
  readonly resource: FhirTree;
  readonly references: ReadonlySet<string>;
  /** Conditional references that are still in the resource, with their place. */
  readonly conditions: ReadonlyMap<string, string>;
}

function rewriteEntry(
  target: WrittenTarget,
  links: ReadonlyMap<string, string>,
  baseUrl: string | undefined,
): Rewritten {
  const { entry, id } = target;
  const references = new Set<string>();
  const conditions = new Map<string, string>();
  const place = `Bundle.entry[${entry.index}].resource`;
  const base = foreignBase(entry.fullUrl, baseUrl);
  const rewrite = (link: string): string | undefined => {
    if (isUrn(link)) throw new FhirError('reference-unresolved', 'a reference names no entry of the bundle', place);
    const parsed = parseReference(link);
    if (parsed.kind === 'conditional') conditions.set(link, place);
    if (parsed.kind !== 'local') return undefined;
    // Relative to the server that the entry comes from (R4 §2.36.4, bundle.html#references), which need not be this one:
    // left as it is, it would name whoever has that id here.
    const own = base === undefined ? `${parsed.type}/${parsed.id}` : links.get(base + link);
    if (own !== undefined) references.add(own);
    return base === undefined ? undefined : (own ?? base + link);
  };
  const resource = rewriteLinks(target.resource, (link, linkKind) => {
    const mapped = links.get(link);
    if (linkKind !== 'reference') return mapped;
    if (mapped === undefined) return rewrite(link);
    references.add(mapped);
    return mapped;
  });
  return { target, resource: withId(resource, id), references, conditions };
}

/** The base of an entry's RESTful fullUrl, if that is not this repository. */
function foreignBase(fullUrl: string | undefined, baseUrl: string | undefined): string | undefined {
  const parsed = fullUrl === undefined ? undefined : parseReference(fullUrl);
  return parsed?.kind === 'absolute' && parsed.base !== baseUrl ? parsed.base : undefined;
}

function finished(
  entry: Rewritten | Exclude<Target, WrittenTarget>,
  links: ReadonlyMap<string, string>,
): ResolvedEntry {
  if ('conditions' in entry) {
    const { target, conditions } = entry;
    const { id } = target;
    const { index, type, fullUrl } = target.entry;
    const resource =
      conditions.size === 0
        ? entry.resource
        : rewriteLinks(entry.resource, (link, linkKind) =>
            linkKind === 'reference' && conditions.has(link) ? links.get(link) : undefined,
          );
    const found = [...conditions.keys()].flatMap((condition) => links.get(condition) ?? []);
    const references = [...new Set([...entry.references, ...found])];
    const written = { index, type, id, fullUrl, resource, references };
    return target.kind === 'create'
      ? { kind: 'create', ...written }
      : { kind: 'update', ...written, replaces: target.replaces };
  }
  switch (entry.kind) {
    case 'matched': {
      const { index, type, fullUrl } = entry.entry;
      return { kind: 'matched', index, type, id: entry.id, fullUrl };
    }
    case 'delete':
      return { kind: 'delete', index: entry.entry.index, type: entry.entry.type, id: entry.id };
    case 'read':
      return { kind: 'read', index: entry.entry.index, url: entry.entry.url };
  }
}
