import {
  type Include,
  matchesFilter,
  type ResourceType,
  type SearchParameter,
  type SearchRequest,
  type SearchValue,
  searchableValues,
  searchParametersOf,
} from '@salus/fhir';
import { findBeyond, foundElsewhere } from './beyond.ts';
import type { Looking, Matcher } from './matcher.ts';
import type { FoundRecord } from './search-types.ts';

/** Resources that one page includes beside its matches. */
export const INCLUDED_MAX = 1_000;
/** How often `:iterate` goes on from what it found. */
const ROUNDS_MAX = 8;

interface Looker {
  readonly matcher: Matcher;
  readonly looking: Looking;
}

interface Gathering extends Looker {
  /** Of everything on the page. */
  readonly seen: Set<string>;
  readonly included: FoundRecord[];
}

/** What a page shows beside its matches (R4 §3.1.1.5.7); what may not be seen is left out. */
export async function includesOf(
  looker: Looker,
  { includes, revincludes }: Pick<SearchRequest, 'includes' | 'revincludes'>,
  matches: readonly FoundRecord[],
): Promise<{ readonly included: readonly FoundRecord[]; readonly isCut: boolean }> {
  const gathering: Gathering = { ...looker, seen: new Set(matches.map(nameOf)), included: [] };
  let sources = matches;
  for (let round = 0; round < ROUNDS_MAX && sources.length > 0; round += 1) {
    const before = gathering.included.length;
    const isFirst = round === 0;
    for (const include of includes) {
      if (isFirst || include.iterate) await follow(gathering, include, sources);
    }
    for (const include of revincludes) {
      if (isFirst || include.iterate) await followBack(gathering, include, sources);
    }
    sources = gathering.included.slice(before);
  }
  const isCut = gathering.included.length > INCLUDED_MAX || sources.length > 0;
  return {
    included: gathering.included.slice(0, INCLUDED_MAX),
    isCut: isCut && gathering.included.length >= INCLUDED_MAX,
  };
}

async function follow(gathering: Gathering, include: Include, sources: readonly FoundRecord[]): Promise<void> {
  const parameters = referencesOf(include);
  const asked = sources.filter(({ record }) => record.meta.type === include.source);
  const urls = new Set<string>();
  for (const { tree, elsewhere } of asked) {
    for (const parameter of parameters) {
      // What another organisation wrote about its Patient is about the patient here, too.
      const own = elsewhere === undefined ? [] : searchableValues(elsewhere.searched, parameter);
      for (const value of [...searchableValues(tree, parameter), ...own]) {
        if (gathering.included.length > INCLUDED_MAX) return;
        if (value.kind !== 'reference' || value.type === undefined) continue;
        if (include.target !== undefined && value.type !== include.target) continue;
        if (value.id !== undefined) await add(gathering, value.type, value.id);
        else if (value.reference !== undefined) urls.add(value.reference);
      }
    }
  }
  await addNamed(gathering, [...urls], asked);
}

async function add({ matcher, looking, seen, included }: Gathering, type: string, id: string): Promise<void> {
  const name = `${type}/${id}`;
  if (seen.has(name)) return;
  seen.add(name);
  const found = await matcher.findVisible(looking, type, id);
  if (found !== undefined) included.push(found);
}

/** Whole URLs lead to other organisations, as far as whoever asks may look there. */
async function addNamed(gathering: Gathering, urls: readonly string[], sources: readonly FoundRecord[]): Promise<void> {
  const { outside } = gathering.looking;
  if (outside?.beyond === undefined || urls.length === 0) return;
  const foreign = sources.flatMap(({ elsewhere }) => (elsewhere === undefined ? [] : [elsewhere]));
  const owners = sources.flatMap(({ record, elsewhere }) => (elsewhere === undefined ? [record.meta.owner] : []));
  const { resources, isWhole } = await outside.beyond.named(urls, { foreign, owners });
  outside.isWhole &&= isWhole;
  push(gathering, resources.map(foundElsewhere));
}

function push({ seen, included }: Gathering, found: readonly FoundRecord[]): void {
  for (const each of found) {
    if (included.length > INCLUDED_MAX) return;
    const name = nameOf(each);
    if (seen.has(name)) continue;
    seen.add(name);
    included.push(each);
  }
}

/** Those of the include's type that refer to a source. */
async function followBack(gathering: Gathering, include: Include, sources: readonly FoundRecord[]): Promise<void> {
  const { matcher, looking, included } = gathering;
  for (const parameter of referencesOf(include)) {
    const asked = sources
      .filter(({ record }) => include.target === undefined || record.meta.type === include.target)
      .filter(({ record }) => parameter.targets.some((target) => target === record.meta.type));
    if (asked.length === 0) continue;
    const alternatives = asked.map(referenceTo);
    const filter = { kind: 'values', parameter, modifier: undefined, alternatives } as const;
    const request = { type: include.source, filters: [filter] };
    for (const { record } of await matcher.matchesOf(looking, request, INCLUDED_MAX + 1)) {
      if (included.length > INCLUDED_MAX) return;
      if (!gathering.seen.has(`${record.meta.type}/${record.meta.id}`)) push(gathering, [await matcher.found(record)]);
    }
    await addReferring(gathering, { type: include.source, parameter, alternatives }, asked);
  }
}

/** Resources of other organisations that refer to a source: of the patients who are among the sources, or whose they are. */
async function addReferring(
  gathering: Gathering,
  {
    type,
    parameter,
    alternatives,
  }: {
    readonly type: ResourceType;
    readonly parameter: SearchParameter;
    readonly alternatives: readonly SearchValue[];
  },
  sources: readonly FoundRecord[],
): Promise<void> {
  const { outside, nowMs } = gathering.looking;
  const patients = new Set(
    sources.flatMap(({ record: { meta }, elsewhere }) => {
      if (elsewhere !== undefined) return elsewhere.source.patient ?? [];
      return meta.type === 'Patient' ? meta.id : [];
    }),
  );
  const filter = { kind: 'values', parameter, modifier: undefined, alternatives } as const;
  const resources = await findBeyond(outside, { type, patients: [...patients].sort(), ids: [] });
  const referring = resources.filter(({ searched }) => matchesFilter(searched, filter, nowMs));
  push(gathering, referring.map(foundElsewhere));
}

/** What others refer to the resource by: what another organisation wrote has the author's URL. */
function referenceTo({ record, elsewhere }: FoundRecord): SearchValue {
  if (elsewhere !== undefined) return { kind: 'url', url: elsewhere.url };
  return { kind: 'reference', type: record.meta.type as ResourceType, id: record.meta.id };
}

function referencesOf({ source, parameter }: Include) {
  if (parameter !== undefined) return [parameter];
  return [...searchParametersOf(source).values()].filter(({ type }) => type === 'reference');
}

function nameOf({ record, elsewhere }: FoundRecord): string {
  return elsewhere?.isDirectory === true ? elsewhere.url : `${record.meta.type}/${record.meta.id}`;
}
