import { type FhirTree, parseFhirJson } from '@salus/fhir';
import { type CompartmentFilter, dataTimeOf, type ForeignResource } from '@salus/records';
import { fullUrlOf } from '../search-set.ts';
import type { IpsInput, IpsSource } from './ips-document.ts';
import { tooLargeEntry } from './outcome-entry.ts';
import type { PatientDoor } from './patient-door.ts';

interface ForeignEntries {
  readonly entries: readonly FhirTree[];
  readonly next: string | undefined;
  /** Every organisation answered. */
  readonly isWhole: boolean;
}

/** Of `$everything`: what other organisations show of the patient now (ADR 0015), and the directory entries that it names. */
export async function foreignEntries(
  { organisation, caller, patient }: PatientDoor,
  page: { readonly filter: CompartmentFilter; readonly count: number; readonly after: string },
): Promise<ForeignEntries> {
  const { foreign } = organisation.exchange;
  const { resources, next, isWhole } = await foreign.everything(caller, patient.fhirId, page);
  if (resources.length === 0) return { entries: [], next, isWhole };
  const named = await foreign.directoryOf(caller, resources);
  const entryIn = (mode: 'match' | 'include') => (resource: ForeignResource) =>
    entryOf(organisation.baseUrl, resource, mode);
  return {
    entries: [...resources.map(entryIn('match')), ...named.resources.map(entryIn('include'))],
    next,
    isWhole: isWhole && named.isWhole,
  };
}

/**
 * Of `$summary`: what other organisations show of the patient now, as sources that name their author, the newest where there is
 * more than may be read, and the directory entries that they name.
 */
export async function summaryElsewhere(
  { organisation, caller, patient }: PatientDoor,
  { types, count }: { readonly types: ReadonlySet<string>; readonly count: number },
): Promise<Pick<IpsInput, 'sources' | 'directory' | 'isWhole'>> {
  const { baseUrl, exchange } = organisation;
  const found = await exchange.foreign.newest(caller, patient.fhirId, { filter: { types }, count });
  const named = await exchange.foreign.directoryOf(caller, found.resources);
  const sourceOf = (resource: ForeignResource): readonly IpsSource[] => {
    const { text, source, tree } = resource;
    if (text === null) return [];
    const fullUrl = fullUrlOf(baseUrl, resource, resource);
    return [{ fullUrl, resource: parseFhirJson(text), atMs: dataTimeOf(tree).fromMs, author: source.author }];
  };
  return {
    sources: found.resources.flatMap(sourceOf),
    directory: named.resources.flatMap(sourceOf),
    isWhole: found.isWhole && named.isWhole,
  };
}

function entryOf(baseUrl: string, resource: ForeignResource, mode: 'match' | 'include'): FhirTree {
  const { text } = resource;
  if (text === null) return tooLargeEntry(resource);
  return { fullUrl: fullUrlOf(baseUrl, resource, resource), resource: parseFhirJson(text), search: { mode } };
}
