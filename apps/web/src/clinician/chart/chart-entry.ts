import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { nameOfResource } from '../../fhir/reference.ts';
import { isEnteredInError } from '../../fhir/status.ts';
import { whenOf } from '../../fhir/when.ts';

/** One resource of a patient as a clinician sees it: what it says, and whose it is. */
export interface ChartEntry {
  readonly key: string;
  /** Slug of the organisation that wrote it and keeps it. */
  readonly organisation: string;
  readonly isOwn: boolean;
  /** `Type/id` in the own base. */
  readonly reference: string;
  readonly type: string;
  readonly resource: FhirTree;
  /** When what it tells of happened, else when it was written down; 0 where neither is known. */
  readonly atMs: number;
}

/** A page of a search (R4 §3.1.1): what matched, and where the next page is. */
export interface ChartPage {
  readonly entries: readonly ChartEntry[];
  readonly next: URL | undefined;
  /** Somebody elsewhere who was asked did not answer. */
  readonly isPart: boolean;
}

/** The base of an organisation in the address that a node gives as `meta.source`. */
const BASE = /\/([a-z][a-z0-9-]{1,31})\/fhir\/R4\//;

export function parseChartPage(bundle: FhirTree, own: string): ChartPage {
  const entries: ChartEntry[] = [];
  let isPart = false;
  for (const item of listOf(bundle.entry)) {
    if (!isTree(item) || !isTree(item.resource)) continue;
    const mode = isTree(item.search) ? item.search.mode : undefined;
    if (item.resource.resourceType === 'OperationOutcome') isPart ||= mode === 'outcome';
    else if (mode === undefined || mode === 'match') entries.push(entryOf(item.resource, own));
  }
  return { entries, next: nextOf(bundle.link), isPart };
}

export function entryOf(resource: FhirTree, own: string): ChartEntry {
  const meta = isTree(resource.meta) ? resource.meta : {};
  const organisation = BASE.exec(stringOf(meta.source) ?? '')?.[1] ?? own;
  const reference = nameOfResource(resource);
  const writtenMs = Date.parse(stringOf(meta.lastUpdated) ?? '');
  return {
    key: `${organisation} ${reference}`,
    organisation,
    isOwn: organisation === own,
    reference,
    type: stringOf(resource.resourceType) ?? '',
    resource,
    atMs: whenOf(resource)?.fromMs ?? (Number.isNaN(writtenMs) ? 0 : writtenMs),
  };
}

function nextOf(links: FhirValue | undefined): URL | undefined {
  const next = listOf(links).find((link): link is FhirTree => isTree(link) && link.relation === 'next');
  const url = stringOf(next?.url);
  return url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
}

/** Of some types, newest first, without what was entered in error. */
export function entriesOf(entries: readonly ChartEntry[], ...types: readonly string[]): readonly ChartEntry[] {
  return entries
    .filter(({ type, resource }) => types.includes(type) && !isEnteredInError(resource))
    .toSorted((left, right) => right.atMs - left.atMs || (left.key < right.key ? -1 : 1));
}
