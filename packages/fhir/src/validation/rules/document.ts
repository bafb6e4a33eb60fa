import { type FhirTree, isTree, listOf, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { objectsAt, stringsOf } from './trees.ts';

type Entries = readonly (readonly [entry: FhirTree, path: string])[];

/** A document (R4 §3.3.1): what the Composition names is in the bundle, and everything in the bundle hangs together. */
export function checkDocument(walk: Walk, bundle: FhirTree, entries: Entries, path: string): void {
  const [first] = entries;
  if (first === undefined) return;
  const composition = first[0].resource;
  if (!isTree(composition)) {
    walk.findings.error('invalid', 'No resource on first entry', first[1]);
    return;
  }
  const at = `${first[1]}.resource`;
  const names = namesOf(entries);
  for (const element of ['subject', 'author', 'encounter', 'custodian'])
    checkInside(walk, composition, element, at, names);
  for (const [attester, place] of objectsAt(composition, 'attester', at))
    checkInside(walk, attester, 'party', place, names);
  for (const [event, place] of objectsAt(composition, 'event', at)) checkInside(walk, event, 'detail', place, names);
  checkSections(walk, composition, at, names);
  if (walk.strict) checkLinked(walk, bundle, entries, path);
}

/** A message (R4 §3.4): its focus is in the bundle. */
export function checkMessage(walk: Walk, _bundle: FhirTree, entries: Entries): void {
  const [first] = entries;
  if (first === undefined) return;
  const header = first[0].resource;
  if (isTree(header)) checkInside(walk, header, 'focus', `${first[1]}.resource`, namesOf(entries));
  else walk.findings.error('invalid', 'No resource on first entry', first[1]);
}

/** Nesting is bounded by the parser. */
function checkSections(walk: Walk, within: FhirTree, path: string, names: ReadonlyMap<string, number>): void {
  for (const [section, at] of objectsAt(within, 'section', path)) {
    for (const element of ['author', 'focus', 'entry']) checkInside(walk, section, element, at, names);
    checkSections(walk, section, at, names);
  }
}

function checkInside(
  walk: Walk,
  tree: FhirTree,
  element: string,
  path: string,
  names: ReadonlyMap<string, number>,
): void {
  for (const [index, value] of listOf(tree[element]).entries()) {
    const reference = isTree(value) ? stringOf(value.reference) : undefined;
    if (reference === undefined || reference.startsWith('#') || indexIn(names, reference) !== undefined) continue;
    walk.findings.error(
      'not-found',
      'the reference must lead to an entry of the bundle',
      `${path}.${element}[${index}]`,
    );
  }
}

/** Every name an entry may be referred to by: its URL, the end of it, its type and id. */
function namesOf(entries: Entries): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (const [index, [{ fullUrl, resource }]] of entries.entries()) {
    if (typeof fullUrl === 'string') {
      names.set(fullUrl, index);
      const tail = /[A-Z][A-Za-z]+\/[A-Za-z0-9\-.]+$/.exec(fullUrl)?.[0];
      if (tail !== undefined) names.set(tail, index);
    }
    if (isTree(resource) && typeof resource.id === 'string')
      names.set(`${stringOf(resource.resourceType)}/${resource.id}`, index);
  }
  return names;
}

function indexIn(names: ReadonlyMap<string, number>, reference: string): number | undefined {
  const bare = reference.split('#', 1)[0] ?? reference;
  return names.get(bare) ?? names.get(bare.replace(/\/_history\/[^/]*$/, ''));
}

/** R4 §3.3.1: a document holds only what its Composition leads to, or what leads to such. */
function checkLinked(walk: Walk, bundle: FhirTree, entries: Entries, path: string): void {
  const names = namesOf(entries);
  const links = entries.map(([{ resource }]) => [...stringsOf(resource)].flatMap((text) => indexIn(names, text) ?? []));
  const neighbours = entries.map(() => new Set<number>());
  for (const [from, targets] of links.entries()) {
    for (const to of targets) {
      neighbours[from]?.add(to);
      neighbours[to]?.add(from);
    }
  }
  const reached = new Set([0]);
  for (const link of listOf(bundle.link)) {
    const linked = isTree(link) && typeof link.url === 'string' ? indexIn(names, link.url) : undefined;
    if (linked !== undefined) reached.add(linked);
  }
  for (const index of reached) for (const next of neighbours[index] ?? []) reached.add(next);
  for (const [index, [{ resource }, at]] of entries.entries()) {
    if (!reached.has(index) && resource !== undefined) {
      walk.findings.error(
        'informational',
        "Entry isn't reachable by traversing links (forward or backward) from the Composition",
        at === '' ? path : at,
      );
    }
  }
}
