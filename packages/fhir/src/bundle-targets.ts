import type { CurrentResource, ResolveOptions } from './bundle.ts';
import type { DeleteEntry, GetEntry, PatchEntry, PostEntry, PutEntry, RequestEntry } from './bundle-entry.ts';
import type { Conditions } from './conditions.ts';
import { FhirError } from './fhir-error.ts';
import { IdentifierIndex } from './identifier-index.ts';
import { findIdentifierQuery, identifiersOf } from './identifier-query.ts';
import { applyJsonPatch, patchOfBinary } from './json-patch.ts';
import { parseFhirJson } from './parse-json.ts';
import { rowOf } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

/** An entry with the resource that it makes, changes or finds. */
export type Target =
  | { readonly kind: 'create'; readonly entry: PostEntry | PutEntry; readonly id: string; readonly resource: FhirTree }
  | UpdateTarget
  | { readonly kind: 'matched'; readonly entry: PostEntry; readonly id: string }
  | { readonly kind: 'delete'; readonly entry: DeleteEntry; readonly id: string | undefined }
  | { readonly kind: 'read'; readonly entry: GetEntry };

interface UpdateTarget {
  readonly kind: 'update';
  readonly entry: PutEntry | PatchEntry;
  readonly id: string;
  readonly resource: FhirTree;
  readonly replaces: string;
}

type ChangingEntry = PutEntry | PatchEntry | DeleteEntry;

/**
 * Finds what each entry is about, in the order of R4 §3.1.0.11.2: DELETE, POST, PUT and PATCH, GET. Conditions see the
 * repository as it was before, without what the bundle deletes.
 *
 * @throws FhirError `multiple-matches`, `no-match`, `resource-unknown`, `resource-gone`, `version-mismatch`,
 *   `create-by-update`, `overlapping-entries`, `id-invalid`, `condition-unsupported`, the codes of patches
 */
export async function assignTargets(
  entries: readonly RequestEntry[],
  conditions: Conditions,
  options: ResolveOptions,
): Promise<readonly Target[]> {
  const targets = new Map<number, Target>();
  const deletions = entries.filter((entry) => entry.method === 'DELETE');
  const changes: { readonly entry: ChangingEntry; readonly id: string }[] = [];
  for (const entry of deletions) {
    const id = await findTarget(entry, conditions);
    if (id === undefined) targets.set(entry.index, { kind: 'delete', entry, id });
    else {
      conditions.markDeleted(entry.type, id);
      changes.push({ entry, id });
    }
  }
  const posts = entries.filter((entry) => entry.method === 'POST');
  for (const target of await assignPosts(posts, conditions, options)) targets.set(target.entry.index, target);
  for (const entry of entries) {
    if (entry.method === 'GET') targets.set(entry.index, { kind: 'read', entry });
    if (entry.method !== 'PUT' && entry.method !== 'PATCH') continue;
    const id = await findTarget(entry, conditions);
    if (id === undefined) targets.set(entry.index, unmatched(entry, options));
    else changes.push({ entry, id });
  }
  for (const target of await assignChanges(changes, options)) targets.set(target.entry.index, target);
  const assigned = entries.map(({ index }) => targets.get(index)!);
  demandApart(assigned);
  return assigned;
}

async function assignPosts(
  entries: readonly PostEntry[],
  conditions: Conditions,
  options: ResolveOptions,
): Promise<readonly Target[]> {
  /** Conditional entries so far: the same condition twice in one bundle means one resource, not two. */
  const conditional = new IdentifierIndex();
  const targets: Target[] = [];
  for (const entry of entries) {
    const matches = await matchesOf(entry, conditions, { conditional, options });
    if (matches === undefined) {
      targets.push({ kind: 'create', entry, id: options.newId(), resource: entry.resource });
      continue;
    }
    if (matches.size > 1) {
      throw new FhirError('multiple-matches', 'more than one resource has this identifier', conditionPlace(entry));
    }
    const [match] = matches;
    const id = match ?? options.newId();
    conditional.add(entry.type, entry.resource, id);
    if (match === undefined) targets.push({ kind: 'create', entry, id, resource: entry.resource });
    else targets.push({ kind: 'matched', entry, id });
  }
  return targets;
}

/** What a POST must not double; undefined where it makes a resource without a condition. */
async function matchesOf(
  entry: PostEntry,
  conditions: Conditions,
  {
    conditional,
    options,
  }: { readonly conditional: IdentifierIndex; readonly options: Pick<ResolveOptions, 'matchDirectoryByIdentifier'> },
): Promise<ReadonlySet<string> | undefined> {
  const place = conditionPlace(entry);
  const { type, ifNoneExist } = entry;
  if (ifNoneExist !== undefined) {
    const query = findIdentifierQuery(ifNoneExist, place);
    const own = query === undefined ? [] : conditional.find(type, query);
    return new Set([...own, ...(await conditions.find(type, ifNoneExist, place))]);
  }
  if (options.matchDirectoryByIdentifier !== true || rowOf(type).category !== 'directory') return undefined;
  const queries = identifiersOf(entry.resource);
  if (queries.length === 0) return undefined;
  const matches = new Set<string>();
  for (const query of queries) {
    for (const id of conditional.find(type, query)) matches.add(id);
    for (const id of await conditions.findByIdentifier(type, query)) matches.add(id);
  }
  return matches;
}

function conditionPlace({ index, ifNoneExist }: PostEntry): string {
  const name = ifNoneExist === undefined ? 'resource.identifier' : 'request.ifNoneExist';
  return `Bundle.entry[${index}].${name}`;
}

/** R4 §3.1.0.4.3: none, or one; several are refused. */
async function findTarget(entry: ChangingEntry, conditions: Conditions): Promise<string | undefined> {
  const { target, type, index } = entry;
  if (target.kind === 'id') return target.id;
  const place = `Bundle.entry[${index}].request.url`;
  const [id, second] = await conditions.find(type, target.query, place);
  if (second !== undefined) throw new FhirError('multiple-matches', 'more than one resource matches', place);
  return id;
}

/** A conditional update without a match creates (R4 §3.1.0.4.3), unless the client chose an id; a patch has nothing to patch. */
function unmatched(entry: PutEntry | PatchEntry, options: ResolveOptions): Target {
  const place = `Bundle.entry[${entry.index}].request`;
  if (entry.ifMatch !== undefined) throw new FhirError('version-mismatch', 'no resource matches', `${place}.ifMatch`);
  if (entry.method === 'PATCH') throw new FhirError('no-match', 'no resource matches', `${place}.url`);
  if (entry.resource.id !== undefined) throw createByUpdate(place);
  return { kind: 'create', entry, id: options.newId(), resource: entry.resource };
}

async function assignChanges(
  changes: readonly { readonly entry: ChangingEntry; readonly id: string }[],
  { lookup }: ResolveOptions,
): Promise<readonly Target[]> {
  if (changes.length === 0) return [];
  const named = changes.map(({ entry, id }) => ({ type: entry.type, id, method: entry.method }));
  if (lookup.findTargets === undefined) throw new FhirError('not-supported', 'only creates are taken here');
  const found = await lookup.findTargets(named);
  return changes.map(({ entry, id }, at) => changed(entry, id, found[at]));
}

function changed(entry: ChangingEntry, id: string, current: CurrentResource | undefined): Target {
  const place = `Bundle.entry[${entry.index}].request`;
  if (entry.ifMatch !== undefined && (current?.kind !== 'current' || current.versionId !== entry.ifMatch)) {
    throw new FhirError('version-mismatch', 'If-Match names another version than the current one', `${place}.ifMatch`);
  }
  if (entry.method === 'DELETE') return { kind: 'delete', entry, id: current?.kind === 'current' ? id : undefined };
  if (current === undefined) {
    if (entry.method === 'PUT') throw createByUpdate(place);
    throw new FhirError('resource-unknown', 'there is no such resource', `${place}.url`);
  }
  if (current.kind === 'gone') throw new FhirError('resource-gone', 'the resource was deleted', `${place}.url`);
  const replaces = current.versionId;
  if (entry.method === 'PATCH') return { kind: 'update', entry, id, resource: patched(entry, id, current), replaces };
  if (entry.resource.id !== undefined && entry.resource.id !== id) {
    throw new FhirError('id-invalid', 'the resource has another id than the one that matches', place);
  }
  return { kind: 'update', entry, id, resource: entry.resource, replaces };
}

function patched({ type, index, patch }: PatchEntry, id: string, { text }: CurrentResource): FhirTree {
  if (text === undefined) throw new TypeError('broken invariant: a patch was told what it changes');
  const place = `Bundle.entry[${index}].resource`;
  const resource = applyJsonPatch(parseFhirJson(text), patchOfBinary(patch, place));
  if (resource.resourceType !== type || resource.id !== id) {
    throw new FhirError('patch-failed', 'a patch changes neither type nor id', place);
  }
  return resource;
}

/** R4 §3.1.0.11.2: identities of what is written must not overlap. */
function demandApart(targets: readonly Target[]): void {
  const names = new Set<string>();
  for (const target of targets) {
    if (target.kind === 'read' || target.kind === 'matched' || target.id === undefined) continue;
    const name = `${target.entry.type}/${target.id}`;
    if (names.has(name)) {
      const place = `Bundle.entry[${target.entry.index}].request.url`;
      throw new FhirError('overlapping-entries', 'two entries change the same resource', place);
    }
    names.add(name);
  }
}

function createByUpdate(place: string): FhirError {
  return new FhirError('create-by-update', 'this server chooses ids itself: POST a new resource', `${place}.url`);
}
