import { parseReference } from '../../reference.ts';
import { isResourceType } from '../../resource-table.ts';
import { type FhirTree, isTree, listOf, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { isAbsoluteUrl } from '../primitive-format.ts';
import { checkDocument, checkMessage } from './document.ts';
import { objectsAt } from './trees.ts';

/** Bundles whose entries need no identity of their own (R4 §2.36.4, Bundle.entry.fullUrl). */
const URL_OPTIONAL: ReadonlySet<string> = new Set(['transaction', 'transaction-response', 'batch', 'batch-response']);
const PAGING: ReadonlySet<string> = new Set(['first', 'previous', 'next', 'last']);

/** The rules of a Bundle that its invariants do not state (R4 §2.36, §3.1.1, documents §3.3, messages §3.4). */
export function checkBundle(walk: Walk, bundle: FhirTree, path: string): void {
  const type = stringOf(bundle.type) ?? '';
  const entries = objectsAt(bundle, 'entry', path);
  checkLinks(walk, bundle, type, path);
  checkUnique(walk, entries, type, path);
  for (const [entry, at] of entries) checkFullUrl(walk, entry, type, at);
  if ((type === 'document' || type === 'message') && entries.length === 0) {
    walk.findings.error('invalid', 'Documents or Messages must contain at least one entry', path);
  }
  if (type === 'document') checkDocument(walk, bundle, entries, path);
  if (type === 'message') checkMessage(walk, bundle, entries);
  if (type === 'searchset') checkSearchSet(walk, bundle, entries);
}

function checkLinks(walk: Walk, bundle: FhirTree, type: string, path: string): void {
  const links = objectsAt(bundle, 'link', path);
  const counts = Map.groupBy(links, ([{ relation }]) => stringOf(relation) ?? '');
  const paged = type === 'searchset' || type === 'history';
  for (const [{ relation }, at] of links) {
    const name = stringOf(relation) ?? '';
    if (PAGING.has(name) && !paged)
      walk.findings.error('invalid', 'links between pages belong to search sets and histories only', `${at}.relation`);
    else if ((PAGING.has(name) || name === 'self') && (counts.get(name)?.length ?? 0) > 1) {
      walk.findings.error('invalid', 'this link relation can only occur once', at);
    }
  }
}

/** bdl-7, in one pass instead of comparing all entries with each other. */
function checkUnique(walk: Walk, entries: readonly (readonly [FhirTree, string])[], type: string, path: string): void {
  if (type === 'history') return;
  const seen = new Set<string>();
  for (const [{ fullUrl, resource }] of entries) {
    if (typeof fullUrl !== 'string') continue;
    const meta = isTree(resource) && isTree(resource.meta) ? resource.meta : undefined;
    const key = `${fullUrl} ${stringOf(meta?.versionId) ?? ''}`;
    if (seen.has(key)) {
      walk.findings.error(
        'invariant',
        'Constraint bdl-7 not met: FullUrl must be unique in a bundle, or else entries with same fullUrl must have different meta.versionId (except in history bundles)',
        path,
      );
      return;
    }
    seen.add(key);
  }
}

function checkFullUrl(walk: Walk, { fullUrl, resource, search, _fullUrl }: FhirTree, type: string, at: string): void {
  if (typeof fullUrl !== 'string') {
    // What a server has to say of a search is nowhere else.
    const isOutcome = isTree(search) && search.mode === 'outcome';
    if (!URL_OPTIONAL.has(type) && !isOutcome && _fullUrl === undefined) {
      walk.findings.error(
        'invalid',
        'Except for transactions and batches, each entry in a Bundle must have a fullUrl',
        at,
      );
    }
    return;
  }
  if (!isAbsoluteUrl(fullUrl)) {
    walk.findings.error('invalid', 'The fullUrl must be an absolute URL', `${at}.fullUrl`);
    return;
  }
  if (!isTree(resource)) return;
  const parsed = parseReference(fullUrl);
  if (parsed.kind !== 'absolute') return;
  if (typeof resource.id !== 'string') {
    walk.findings.error('invalid', 'the fullUrl looks like that of a server, but the resource has no id', at);
  } else if (!fullUrl.endsWith(`/${stringOf(resource.resourceType)}/${resource.id}`)) {
    walk.findings.error('invalid', 'the fullUrl looks like that of a server, so it must end with type and id', at);
  }
}

function checkSearchSet(walk: Walk, bundle: FhirTree, entries: readonly (readonly [FhirTree, string])[]): void {
  const types = searchedTypes(bundle);
  for (const [{ resource, search }, at] of entries) {
    if (!isTree(resource)) {
      walk.findings.error('invalid', 'SearchSet Bundle Entries must have resources', at);
      continue;
    }
    const mode = isTree(search) ? search.mode : undefined;
    const place = `${at}.resource`;
    const type = stringOf(resource.resourceType) ?? '';
    if (mode === 'outcome') {
      if (type !== 'OperationOutcome')
        walk.findings.error('invalid', 'an entry of mode outcome is an OperationOutcome', place);
    } else if (mode === 'match' || mode === 'include') {
      if (resource.id === undefined) walk.findings.error('invalid', 'Search results must have ids', place);
      if (mode === 'match' && types.size > 0 && !types.has(type)) {
        walk.findings.error('invalid', 'this is not a matching resource type for the specified search', place);
      }
    }
  }
}

/** The types that a search asked for, by the self link. */
function searchedTypes(bundle: FhirTree): ReadonlySet<string> {
  const self = listOf(bundle.link).find((link): link is FhirTree => isTree(link) && link.relation === 'self');
  const url = stringOf(self?.url);
  if (url === undefined) return new Set();
  const [before = '', query = ''] = url.split('?', 2);
  const last = before.split('/').at(-1);
  if (isResourceType(last)) return new Set([last]);
  const asked = query.split('&').find((part) => part.startsWith('_type='));
  return new Set(asked === undefined ? [] : decoded(asked.slice('_type='.length)).split(',').filter(isResourceType));
}

function decoded(text: string): string {
  return text.replaceAll(/%2c/gi, ',');
}
