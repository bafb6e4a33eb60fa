import { type Include, type ResourceType, type SearchRequest, searchableValues, searchParametersOf } from '@salus/fhir';
import type { Looking, Matcher } from './matcher.ts';
import type { FoundRecord } from './search-types.ts';

/** Resources that one page includes beside its matches. */
export const INCLUDED_MAX = 1_000;
/** How often `:iterate` goes on from what it found. */
const ROUNDS_MAX = 8;

interface Gathering {
  readonly matcher: Matcher;
  readonly looking: Looking;
  /** Of everything on the page, `Type/id`. */
  readonly seen: Set<string>;
  readonly included: FoundRecord[];
}

/** What a page shows beside its matches (R4 §3.1.1.5.7); what may not be seen is left out. */
export async function includesOf(
  matcher: Matcher,
  looking: Looking,
  { includes, revincludes }: Pick<SearchRequest, 'includes' | 'revincludes'>,
  matches: readonly FoundRecord[],
): Promise<{ readonly included: readonly FoundRecord[]; readonly isCut: boolean }> {
  const gathering: Gathering = { matcher, looking, seen: new Set(matches.map(nameOf)), included: [] };
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
  for (const { record, tree } of sources) {
    if (record.meta.type !== include.source) continue;
    for (const parameter of parameters) {
      for (const value of searchableValues(tree, parameter)) {
        if (gathering.included.length > INCLUDED_MAX) return;
        if (value.kind !== 'reference' || value.id === undefined || value.type === undefined) continue;
        if (include.target !== undefined && value.type !== include.target) continue;
        await add(gathering, value.type, value.id);
      }
    }
  }
}

async function add({ matcher, looking, seen, included }: Gathering, type: string, id: string): Promise<void> {
  const name = `${type}/${id}`;
  if (seen.has(name)) return;
  seen.add(name);
  const found = await matcher.findVisible(looking, type, id);
  if (found !== undefined) included.push(found);
}

/** Those of the include's type that refer to a source. */
async function followBack(
  { matcher, looking, seen, included }: Gathering,
  include: Include,
  sources: readonly FoundRecord[],
): Promise<void> {
  for (const parameter of referencesOf(include)) {
    const alternatives = sources
      .filter(({ record }) => include.target === undefined || record.meta.type === include.target)
      .filter(({ record }) => parameter.targets.some((target) => target === record.meta.type))
      .map(
        ({ record }) => ({ kind: 'reference', type: record.meta.type as ResourceType, id: record.meta.id }) as const,
      );
    if (alternatives.length === 0) continue;
    const filter = { kind: 'values', parameter, modifier: undefined, alternatives } as const;
    const request = { type: include.source, filters: [filter] };
    for (const { record } of await matcher.matchesOf(looking, request, INCLUDED_MAX + 1, 1)) {
      if (included.length > INCLUDED_MAX) return;
      const name = `${record.meta.type}/${record.meta.id}`;
      if (seen.has(name)) continue;
      seen.add(name);
      included.push(await matcher.found(record));
    }
  }
}

function referencesOf({ source, parameter }: Include) {
  if (parameter !== undefined) return [parameter];
  return [...searchParametersOf(source).values()].filter(({ type }) => type === 'reference');
}

function nameOf({ record }: FoundRecord): string {
  return `${record.meta.type}/${record.meta.id}`;
}
