import { type PostEntry, postEntries } from './bundle-entry.ts';
import { FhirError } from './fhir-error.ts';
import { IdentifierIndex } from './identifier-index.ts';
import { type IdentifierQuery, identifiersOf, parseIdentifierQuery } from './identifier-query.ts';
import { rewriteLinks } from './links.ts';
import { isUrn, parseReference } from './reference.ts';
import { withId } from './resource.ts';
import { type ResourceType, rowOf } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

/** What the repository already holds. */
export interface ResourceLookup {
  /** The ids of current resources of that type with that identifier; two are enough to refuse, so at most two. */
  findByIdentifier(type: ResourceType, query: IdentifierQuery): Promise<readonly string[]> | readonly string[];
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

export interface CreatedEntry {
  readonly kind: 'create';
  readonly index: number;
  readonly type: ResourceType;
  readonly id: string;
  readonly fullUrl: string | undefined;
  /** With the new id and all references rewritten; `meta` is the sender's. */
  readonly resource: FhirTree;
}

export interface MatchedEntry {
  readonly kind: 'matched';
  readonly index: number;
  readonly type: ResourceType;
  readonly id: string;
  readonly fullUrl: string | undefined;
}

export type ResolvedEntry = CreatedEntry | MatchedEntry;

export interface ResolvedBundle {
  /** One for each entry of the bundle, in its order. */
  readonly entries: readonly ResolvedEntry[];
  /** What each fullUrl and conditional reference of the bundle became: `Type/id`. */
  readonly links: ReadonlyMap<string, string>;
}

/**
 * Turns a transaction (R4 §3.1.0.11.2) into resources to create: every POST gets a new id or is matched to what exists
 * (`ifNoneExist`, identifiers of directory resources), and every link to another entry, forward, backward or circular,
 * becomes `Type/id`. Nothing is written. Everything is refused, or nothing.
 *
 * @throws FhirError the codes of `postEntries`; `reference-unresolved` for a urn that is no entry;
 *   `condition-unsupported`, `no-match`, `multiple-matches` for conditions; `id-invalid` for a bad `newId`.
 */
export async function resolveBundle(bundle: FhirTree, options: ResolveOptions): Promise<ResolvedBundle> {
  const entries = postEntries(bundle);
  const find = remembered(options.lookup);
  const targets = await assignTargets(entries, find, options);
  const links = new Map<string, string>();
  const own = new IdentifierIndex();
  for (const { entry, id } of targets) {
    if (entry.fullUrl !== undefined) links.set(entry.fullUrl, `${entry.type}/${id}`);
    own.add(entry.type, entry.resource, id);
  }
  const rewritten = targets.map((target) => rewriteEntry(target, links, options.baseUrl));
  const conditions = new Map(rewritten.flatMap(({ conditions }) => [...conditions]));
  for (const [reference, place] of conditions) {
    links.set(reference, await resolveCondition(reference, place, own, find));
  }
  return { entries: rewritten.map((entry) => finished(entry, links)), links };
}

interface Target {
  readonly entry: PostEntry;
  readonly kind: 'create' | 'matched';
  readonly id: string;
}

type Find = (type: ResourceType, query: IdentifierQuery) => Promise<readonly string[]>;

/** One question to the repository for each identifier, however often a bundle names it. */
function remembered(lookup: ResourceLookup): Find {
  const answers = new Map<string, readonly string[]>();
  return async (type, query) => {
    const key = JSON.stringify([type, query.system === undefined ? 0 : query.system, query.value]);
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = await lookup.findByIdentifier(type, query);
    answers.set(key, answer);
    return answer;
  };
}

async function assignTargets(
  entries: readonly PostEntry[],
  find: Find,
  options: ResolveOptions,
): Promise<readonly Target[]> {
  /** Conditional entries so far: the same condition twice in one bundle means one resource, not two. */
  const conditional = new IdentifierIndex();
  const targets: Target[] = [];
  for (const entry of entries) {
    const { queries, place } = conditionsOf(entry, options);
    const matches = new Set<string>();
    for (const query of queries) {
      for (const id of conditional.find(entry.type, query)) matches.add(id);
      for (const id of await find(entry.type, query)) matches.add(id);
    }
    if (matches.size > 1) {
      throw new FhirError('multiple-matches', 'more than one resource has this identifier', place);
    }
    const [match] = matches;
    const id = match ?? options.newId();
    if (queries.length > 0) conditional.add(entry.type, entry.resource, id);
    targets.push({ entry, kind: match === undefined ? 'create' : 'matched', id });
  }
  return targets;
}

function conditionsOf(
  entry: PostEntry,
  options: ResolveOptions,
): { queries: readonly IdentifierQuery[]; place: string } {
  if (entry.ifNoneExist !== undefined) {
    const place = `Bundle.entry[${entry.index}].request.ifNoneExist`;
    return { queries: [parseIdentifierQuery(entry.ifNoneExist, place)], place };
  }
  const place = `Bundle.entry[${entry.index}].resource.identifier`;
  const match = options.matchDirectoryByIdentifier === true && rowOf(entry.type).category === 'directory';
  return { queries: match ? identifiersOf(entry.resource) : [], place };
}

interface Rewritten {
  readonly target: Target;
  readonly resource: FhirTree;
  /** Conditional references that are still in the resource, with their place. */
  readonly conditions: ReadonlyMap<string, string>;
}

function rewriteEntry(target: Target, links: ReadonlyMap<string, string>, baseUrl: string | undefined): Rewritten {
  const { entry, kind, id } = target;
  const conditions = new Map<string, string>();
  if (kind === 'matched') return { target, resource: entry.resource, conditions };
  const place = `Bundle.entry[${entry.index}].resource`;
  const base = foreignBase(entry.fullUrl, baseUrl);
  const resource = rewriteLinks(entry.resource, (link, linkKind) => {
    const mapped = links.get(link);
    if (mapped !== undefined || linkKind !== 'reference') return mapped;
    if (isUrn(link)) throw new FhirError('reference-unresolved', 'a reference names no entry of the bundle', place);
    const parsed = parseReference(link);
    if (parsed.kind === 'conditional') conditions.set(link, place);
    if (parsed.kind !== 'local') return undefined;
    // Relative to the server that the entry comes from (R4 §2.36.4, bundle.html#references), which need not be this one:
    // left as it is, it would name whoever has that id here.
    return base === undefined ? undefined : (links.get(base + link) ?? base + link);
  });
  return { target, resource: withId(resource, id), conditions };
}

/** The base of an entry's RESTful fullUrl, if that is not this repository. */
function foreignBase(fullUrl: string | undefined, baseUrl: string | undefined): string | undefined {
  const parsed = fullUrl === undefined ? undefined : parseReference(fullUrl);
  return parsed?.kind === 'absolute' && parsed.base !== baseUrl ? parsed.base : undefined;
}

async function resolveCondition(reference: string, place: string, own: IdentifierIndex, find: Find): Promise<string> {
  const parsed = parseReference(reference);
  if (parsed.kind !== 'conditional') throw new TypeError('only conditional references are collected');
  const query = parseIdentifierQuery(parsed.query, place);
  const matches = new Set([...own.find(parsed.type, query), ...(await find(parsed.type, query))]);
  const [id] = matches;
  if (id === undefined) throw new FhirError('no-match', 'a conditional reference matches nothing', place);
  if (matches.size > 1) {
    throw new FhirError('multiple-matches', 'a conditional reference matches more than one resource', place);
  }
  return `${parsed.type}/${id}`;
}

function finished({ target, resource, conditions }: Rewritten, links: ReadonlyMap<string, string>): ResolvedEntry {
  const { kind, id } = target;
  const { index, type, fullUrl } = target.entry;
  if (kind === 'matched') return { kind, index, type, id, fullUrl };
  const whole =
    conditions.size === 0
      ? resource
      : rewriteLinks(resource, (link, linkKind) =>
          linkKind === 'reference' && conditions.has(link) ? links.get(link) : undefined,
        );
  return { kind, index, type, id, fullUrl, resource: whole };
}
