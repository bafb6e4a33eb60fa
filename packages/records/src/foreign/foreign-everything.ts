import type { CompartmentFilter } from '../compartment.ts';
import type { BeyondFound } from '../search/beyond.ts';
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

interface Whole {
  readonly filter: CompartmentFilter;
  readonly count: number;
  readonly patient: string;
  readonly ownPid: string;
  readonly elsewhere: readonly Elsewhere[];
}

interface Asked extends Whole {
  /** Empty for the first page. */
  readonly after: string;
}

interface Listed {
  readonly key: string;
  readonly recordId: string;
  readonly place: Place;
  /** null: a copy that was kept. */
  readonly session: string | null;
  /** As for own records, what has no time is as good as of now; a copy's row does not tell. */
  readonly dataFromMs: number;
}

/** What a patient's record elsewhere holds for whoever asks: listed first, and only what stands on the page is read. */
export async function everythingOf(reading: ForeignReading, look: Look, asked: Asked): Promise<EverythingPage> {
  const { filter, count, after } = asked;
  const { listed, isWhole: isListed } = await listAll(reading, look, asked);
  const left = listed.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = left.slice(0, count);
  const { found, isWhole } = await readAll(reading, look, page);
  const { sinceMs = Number.NEGATIVE_INFINITY } = filter;
  const resources = found.filter(({ lastUpdatedMs }) => lastUpdatedMs >= sinceMs);
  const next = left.length > page.length ? (page.at(-1)?.key ?? after) : undefined;
  return { resources, next, isWhole: isListed && isWhole };
}

/**
 * The newest of it: nothing else is read, and what is left out makes it not whole. Authors take turns, so that none, however
 * much it lists and however it dates that, leaves no room for another.
 */
export async function newestOf(reading: ForeignReading, look: Look, asked: Whole): Promise<BeyondFound> {
  const { listed, isWhole: isListed } = await listAll(reading, look, asked);
  const byAuthor = Map.groupBy(
    listed.toSorted((a, b) => b.dataFromMs - a.dataFromMs || (a.key < b.key ? -1 : 1)),
    ({ place }) => place.author,
  );
  const turns = [...byAuthor.values()].flatMap((each) => each.map((one, turn) => ({ one, turn })));
  const newest = turns.toSorted((a, b) => a.turn - b.turn).map(({ one }) => one);
  const { found, isWhole } = await readAll(reading, look, newest.slice(0, asked.count));
  return { resources: found, isWhole: isListed && isWhole && listed.length <= asked.count };
}

async function readAll(
  reading: ForeignReading,
  look: Look,
  page: readonly Listed[],
): Promise<{ readonly found: readonly ForeignResource[]; readonly isWhole: boolean }> {
  const byPlace = Map.groupBy(page, ({ place, session }) => `${place.author} ${place.pid} ${session ?? ''}`);
  const found: ForeignResource[] = [];
  let isWhole = true;
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
  return { found, isWhole };
}

async function listAll(
  reading: ForeignReading,
  look: Look,
  { elsewhere, patient, ownPid, filter }: Whole,
): Promise<{ readonly listed: readonly Listed[]; readonly isWhole: boolean }> {
  const listed = new Map<string, Listed>();
  let isWhole = true;
  const add = (
    place: Place,
    { recordId, dataFromMs }: { readonly recordId: string; readonly dataFromMs: number | null },
    session: string | null,
  ): void => {
    const key = `${place.author} ${recordId}`;
    const fromMs = dataFromMs ?? Number.MAX_SAFE_INTEGER;
    if (!listed.has(key)) listed.set(key, { key, recordId, place, session, dataFromMs: fromMs });
  };
  for (const { author, pid, sessions, isLinked } of elsewhere) {
    const place: Place = { author, pid, patient, ownPid };
    for (const { session } of sessions) {
      try {
        for (const record of await reading.list(look, place, session)) {
          if (isInPeriod(record, filter)) add(place, record, session);
        }
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
        isWhole &&= isOver(error);
      }
    }
    if (!isLinked) continue;
    for (const { type, recordId } of await reading.listKept(look, place)) {
      if (filter.types?.has(type) ?? true) add(place, { recordId, dataFromMs: null }, null);
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
