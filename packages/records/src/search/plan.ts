import {
  type Filter,
  type IndexTerm,
  type OwnFilter,
  patientsNamedBy,
  type ResourceType,
  type SearchRequest,
  termsOfFilter,
  typeTerm,
} from '@salus/fhir';
import type { Patients } from '../patients.ts';
import type { Sight } from '../sight.ts';
import type { Owner } from '../vault-types.ts';

/** What a search on one type comes down to once its chains are followed. */
export interface SearchPlan {
  /** Of each group of terms a match has one. */
  readonly groups: readonly (readonly IndexTerm[])[];
  /** As `groups`, of terms that nearly everything in the shards has: they are worth a check, and no look at the index. */
  readonly common: readonly (readonly IndexTerm[])[];
  /** All of them hold. */
  readonly filters: readonly OwnFilter[];
  /** One of them holds; undefined: no compartment. */
  readonly within: readonly OwnFilter[] | undefined;
  /** FHIR ids, when they were asked for. */
  readonly ids: readonly string[] | undefined;
  /** Whose records can match and may be seen. */
  readonly owners: ReadonlySet<Owner> | 'all';
  /** FHIR ids of the patients here whom the search names, in order: whose records elsewhere are asked for. */
  readonly patients: readonly string[];
}

/** More ids, and results of a chain, than any client can mean. */
export const IDS_MAX = 1_000;

export async function planOf(
  { sight, patients, nowMs }: { readonly sight: Sight; readonly patients: Patients; readonly nowMs: number },
  { type }: Pick<SearchRequest, 'type'>,
  filters: readonly OwnFilter[],
  { within, around }: { readonly within: readonly OwnFilter[] | undefined; readonly around: readonly string[] },
): Promise<SearchPlan> {
  const groups: (readonly IndexTerm[])[] = [];
  const common: (readonly IndexTerm[])[] = [];
  for (const filter of filters) {
    const terms = termsOfFilter(type, filter, nowMs);
    if (terms === undefined) continue;
    // A patient's shard holds that patient's records.
    if (patientsNamedBy(type, filter) === undefined) groups.push(terms);
    else common.push(terms);
  }
  const inside = within?.map((filter) => termsOfFilter(type, filter, nowMs));
  if (inside?.every((terms) => terms !== undefined)) groups.push([...new Set(inside.flat())]);
  if (groups.length === 0) groups.push(common.pop() ?? [typeTerm(type)]);
  const owners = await ownersOf(patients, type, filters, await sight.owners());
  const named = unique([...around, ...patientsIn(filters), ...patientsIn(within ?? [])]);
  return { groups, common, filters, within, ids: idsOf(filters), owners, patients: named };
}

/** Of what searches within a search are: of the patients whom it names, or is about. */
export function scopeOf(
  type: ResourceType,
  filters: readonly OwnFilter[],
  around: readonly string[],
): readonly string[] {
  const itself = type === 'Patient' ? (idsOf(filters) ?? []) : [];
  return unique([...around, ...patientsIn(filters), ...itself]);
}

/** Whom the references of filters may name. */
export function patientsIn(filters: readonly OwnFilter[]): readonly string[] {
  return filters.flatMap((filter) => {
    if (filter.kind !== 'values' || filter.modifier !== undefined || filter.parameter.type !== 'reference') return [];
    if (!filter.parameter.targets.includes('Patient')) return [];
    return filter.alternatives.flatMap((wanted) =>
      wanted.kind === 'reference' && (wanted.type ?? 'Patient') === 'Patient' ? [wanted.id] : [],
    );
  });
}

function unique(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].sort();
}

/** Cut down to the owners of the patients that a filter names. */
async function ownersOf(
  patients: Patients,
  type: SearchRequest['type'],
  filters: readonly Filter[],
  seen: ReadonlySet<Owner> | 'all',
): Promise<ReadonlySet<Owner> | 'all'> {
  let owners = seen;
  for (const filter of filters) {
    const ids = patientsNamedBy(type, filter);
    if (ids === undefined) continue;
    const named = new Set<Owner>();
    for (const id of ids) {
      const patient = await patients.findByFhirId(id);
      if (patient !== undefined) named.add(`pid:${patient.pid}`);
    }
    owners = owners === 'all' ? named : owners.intersection(named);
  }
  return owners;
}

function idsOf(filters: readonly OwnFilter[]): readonly string[] | undefined {
  for (const filter of filters) {
    if (filter.kind !== 'values' || filter.parameter.code !== '_id' || filter.modifier !== undefined) continue;
    return filter.alternatives.flatMap((wanted) => (wanted.kind === 'token' ? (wanted.code ?? []) : []));
  }
  return undefined;
}
