import {
  FhirError,
  type FhirTree,
  type FhirValue,
  isTree,
  mapReferences,
  ownerOf,
  parseReference,
  rewriteLinks,
  withId,
} from '@salus/fhir';
import { textOf } from '../fhir-values.ts';

/** Where a resource comes from, and as what it is shown here. */
export interface ForeignPlace {
  /** Of the author's FHIR API, without a slash at the end. */
  readonly base: string;
  /** FHIR id at the author's. */
  readonly id: string;
  readonly version: number;
  readonly localId: string;
  /** May the name that a reference gives its target be shown? `Type/id` at the author's. */
  mayName(target: string): boolean;
}

/**
 * A resource of another organisation as this one's base shows it: under its local id, `meta.source` the author's URL of the
 * version, relative references absolute below the author's base. A `display` stays only where the target may be named: who may
 * read a referral does not thereby learn the name of a psychiatric ward.
 */
export function asForeign(tree: FhirTree, place: ForeignPlace): FhirTree {
  const { base, id, version, localId } = place;
  const named = mapReferences(tree, (reference) =>
    mayShowDisplay(reference, place) ? reference : nameless(reference),
  );
  const rewritten = withId(
    rewriteLinks(named, (link) => absolute(link, base)),
    localId,
  );
  const { resourceType, id: _id, meta: oldMeta, ...rest } = rewritten;
  const kept: Record<string, FhirValue | undefined> = isTree(oldMeta) ? { ...oldMeta } : {};
  const { versionId: _version, lastUpdated, source: _source, _source: _besideSource, ...metaRest } = kept;
  const source = `${base}/${textOf(resourceType)}/${id}/_history/${version}`;
  const meta: FhirTree = {
    versionId: String(version),
    ...(lastUpdated === undefined ? {} : { lastUpdated }),
    source,
    ...metaRest,
  };
  return { resourceType, id: localId, meta, ...rest };
}

/**
 * The same resource as a search of this base looks at it: the author's Patient is the patient here who is the same person. Never
 * shown.
 */
export function asSearchedHere(
  tree: FhirTree,
  {
    base,
    localId,
    subject,
    patient,
  }: Pick<ForeignPlace, 'base' | 'localId'> & {
    readonly subject: string | null;
    /** FHIR id of the patient here. */
    readonly patient: string;
  },
): FhirTree {
  const own = `Patient/${patient}`;
  const searched = rewriteLinks(withId(tree, localId), (link) =>
    subject !== null && targetOf(link) === `Patient/${subject}` ? own : absolute(link, base),
  );
  if (tree.resourceType !== 'Patient') return searched;
  return { ...searched, link: [{ other: { reference: own }, type: 'seealso' }] };
}

/** Own and foreign Patient: R4 Patient.link, `seealso`. What is there already stays once. */
export function withSeeAlso(tree: FhirTree, urls: readonly string[]): FhirTree {
  const added = urls.map((reference): FhirTree => ({ other: { reference }, type: 'seealso' }));
  return { ...tree, link: [...linksBeside(tree, urls), ...added] };
}

/** A Patient that comes back as it was shown: the links of one person's session are no part of the record. */
export function withoutSeeAlso(tree: FhirTree, urls: readonly string[]): FhirTree {
  const { link: _link, ...rest } = tree;
  const link = linksBeside(tree, urls);
  return link.length === 0 ? rest : { ...rest, link };
}

function linksBeside({ link }: FhirTree, urls: readonly string[]): readonly FhirValue[] {
  const isOther = (each: FhirValue): boolean =>
    !(isTree(each) && isTree(each.other) && urls.includes(textOf(each.other.reference)));
  return Array.isArray(link) ? (link as readonly FhirValue[]).filter(isOther) : [];
}

/** Of the author's Patient whose resource it is; null where it names none. */
export function subjectOf(tree: FhirTree): string | null {
  try {
    const owner = ownerOf(tree);
    const named = owner.kind === 'patient' && owner.subject !== undefined ? parseReference(owner.subject) : undefined;
    return named?.kind === 'local' ? named.id : null;
  } catch (error) {
    if (error instanceof FhirError) return null;
    throw error;
  }
}

/** `Type/id` of every target that a reference names with a display. */
export function displayedTargets(tree: FhirTree): readonly string[] {
  const targets = new Set<string>();
  mapReferences(tree, (reference) => {
    const target = typeof reference.reference === 'string' ? targetOf(reference.reference) : undefined;
    if (hasDisplay(reference) && target !== undefined) targets.add(target);
    return reference;
  });
  return [...targets];
}

/** What references of a shown resource name, each once. */
export function referencesIn(tree: FhirTree): readonly string[] {
  const named = new Set<string>();
  mapReferences(tree, (reference) => {
    if (typeof reference.reference === 'string') named.add(reference.reference);
    return reference;
  });
  return [...named];
}

function mayShowDisplay(reference: FhirTree, place: ForeignPlace): boolean {
  if (!hasDisplay(reference)) return true;
  if (typeof reference.reference !== 'string') return false;
  // What it contains was released with it.
  if (reference.reference.startsWith('#')) return true;
  const target = targetOf(reference.reference);
  return target !== undefined && place.mayName(target);
}

function hasDisplay(reference: FhirTree): boolean {
  return reference.display !== undefined || reference._display !== undefined;
}

/** R4 data-absent-reason: where a name was all there was, an empty object would be no FHIR (json.html §2.6.2). */
const MASKED: FhirTree = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }],
};

function nameless({ display: _display, _display: _besideDisplay, ...reference }: FhirTree): FhirTree {
  return Object.keys(reference).length === 0 ? MASKED : reference;
}

/** `Type/id` of a relative reference. */
function targetOf(reference: string): string | undefined {
  const parsed = parseReference(reference);
  return parsed.kind === 'local' ? `${parsed.type}/${parsed.id}` : undefined;
}

function absolute(link: string, base: string): string | undefined {
  return parseReference(link).kind === 'local' ? `${base}/${link}` : undefined;
}
