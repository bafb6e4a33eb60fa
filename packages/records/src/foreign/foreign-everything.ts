import type { CompartmentFilter } from '../compartment.ts';
import { isOver, isTheirs } from './foreign-access.ts';
import type { Elsewhere } from './foreign-elsewhere.ts';
import type { ForeignReading, Look, Place } from './foreign-reading.ts';
import type { ForeignResource } from './foreign-resource.ts';

export interface EverythingPage {
  readonly resources: readonly ForeignResource[];
  /** Behind which the next page begins; undefined when this is the last. */
  readonly next: string | undefined;
  /** Every organisation answered. */
  readonly isWhole: boolean;
}

interface Asked {
  readonly filter: CompartmentFilter;
  readonly count: number;
  /** Empty for the first page. */
  readonly after: string;
  readonly patient: string;
  readonly ownPid: string;
  readonly elsewhere: readonly Elsewhere[];
}

interface Listed {
  readonly key: string;
  readonly recordId: string;
  readonly place: Place;
  /** null: a copy that was kept. */
  readonly session: string | null;
}

/** What a patient's record elsewhere holds for whoever asks: listed first, and only what stands on the page is read. */
export async function everythingOf(reading: ForeignReading, look: Look, asked: Asked): Promise<EverythingPage> {
  const { filter, count, after } = asked;
  const { listed, isWhole: isListed } = await listAll(reading, look, asked);
  const left = listed.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = left.slice(0, count);
  const byPlace = Map.groupBy(page, ({ place, session }) => `${place.author} ${place.pid} ${session ?? ''}`);
  const found: ForeignResource[] = [];
  let isWhole = isListed;
  for (const group of byPlace.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const ids = new Set(group.map(({ recordId }) => recordId));
    const { place, session } = first;
    const read =
      session === null
        ? await reading.keptOf(look.asker.who, place, [...ids])
        : await reading.ofSession(look, place, { session, taken: 0, wants: ({ recordId }) => ids.has(recordId) });
    isWhole &&= read !== undefined;
    found.push(...(read ?? []));
  }
  const { sinceMs = Number.NEGATIVE_INFINITY } = filter;
  const resources = found.filter(({ lastUpdatedMs }) => lastUpdatedMs >= sinceMs);
  const next = left.length > page.length ? (page.at(-1)?.key ?? after) : undefined;
  return { resources, next, isWhole };
}

async function listAll(
  reading: ForeignReading,
  look: Look,
  { elsewhere, patient, ownPid, filter }: Asked,
): Promise<{ readonly listed: readonly Listed[]; readonly isWhole: boolean }> {
  const listed = new Map<string, Listed>();
  let isWhole = true;
  const add = (place: Place, recordId: string, session: string | null): void => {
    const key = `${place.author} ${recordId}`;
    if (!listed.has(key)) listed.set(key, { key, recordId, place, session });
  };
  for (const { author, pid, sessions, isLinked } of elsewhere) {
    const place: Place = { author, pid, patient, ownPid };
    for (const { session } of sessions) {
      try {
        for (const record of await reading.list(look, place, session)) {
          if (isInPeriod(record, filter)) add(place, record.recordId, session);
        }
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
        isWhole &&= isOver(error);
      }
    }
    if (!isLinked) continue;
    for (const { type, recordId } of await reading.listKept(look, place)) {
      if (filter.types?.has(type) ?? true) add(place, recordId, null);
    }
  }
  return { listed: [...listed.values()], isWhole };
}

/** As `isInFilter` has it for own records, before any is read. */
function isInPeriod(
  record: { readonly type: string; readonly dataFromMs: number | null; readonly dataToMs: number | null },
  { types, fromMs, toMs }: CompartmentFilter,
): boolean {
  if (types !== undefined && !types.has(record.type)) return false;
  if (fromMs !== undefined && record.dataToMs !== null && record.dataToMs < fromMs) return false;
  return toMs === undefined || record.dataFromMs === null || record.dataFromMs <= toMs;
}
