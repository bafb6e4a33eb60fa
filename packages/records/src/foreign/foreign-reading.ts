import { FETCH_RECORDS_MAX } from '../exchange/exchange-peer.ts';
import type { KeptFacts, KeptRecords } from '../exchange/kept-records.ts';
import type { Chart, ChartRecord } from '../exchange/manifest-checks.ts';
import type { OpenReading } from '../exchange/open-readings.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { ReadRecord } from '../exchange/reading.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import type { Interaction } from '../sight.ts';
import {
  type Asker,
  allows,
  copyOf,
  FOREIGN_RECORDS_MAX,
  isOver,
  isSessionOf,
  isStale,
  isTheirs,
  type Member,
  sourceOf,
} from './foreign-access.ts';
import type { ForeignFacts } from './foreign-ids.ts';
import type { ForeignResource, ForeignResources } from './foreign-resource.ts';

/** One patient of an author. */
export interface Place {
  readonly author: string;
  readonly pid: string;
  /** FHIR id and pid of the same person here, where that is known. */
  readonly patient: string | null;
  readonly ownPid: string | null;
}

interface Parts {
  readonly reader: ExchangeReader;
  readonly kept: KeptRecords;
  readonly resources: ForeignResources;
}

/** Who asks, for what: the letter of the interaction is what scopes are asked for. */
export interface Look {
  readonly caller: VaultCaller;
  readonly asker: Asker;
  readonly interaction: Interaction;
}

/** The one way to a resource of another organisation: through an open session of the person, or as a copy that was kept. */
export class ForeignReading {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What a session lists and scopes leave, before any of it is read. Throws as `chart`. */
  async list(look: Look, place: Place, session: string): Promise<readonly ChartRecord[]> {
    const { records } = await this.#parts.reader.chart(session);
    return listed(look, place, records);
  }

  /**
   * What is wanted of one session; nothing when it is over, undefined when its author's node does not answer as it should, or
   * lists more than is read.
   */
  async ofSession(
    look: Look,
    place: Place,
    {
      session,
      wants,
      taken,
    }: { readonly session: string; wants(record: ChartRecord): boolean; readonly taken: number },
  ): Promise<readonly ForeignResource[] | undefined> {
    const { reader, resources } = this.#parts;
    try {
      return await this.#withChart(session, async (records) => {
        const wanted = listed(look, place, records)
          .filter(wants)
          .map(({ recordId }) => recordId)
          .sort();
        if (taken + wanted.length > FOREIGN_RECORDS_MAX) return undefined;
        const shown: ForeignResource[] = [];
        for (let at = 0; at < wanted.length; at += FETCH_RECORDS_MAX) {
          const read = await reader.read(session, wanted.slice(at, at + FETCH_RECORDS_MAX));
          shown.push(...(await resources.of(sourceOf(place, session, records), read)));
        }
        return shown;
      });
    } catch (error) {
      if (isOver(error)) return [];
      if (isTheirs(error)) return undefined;
      throw error;
    }
  }

  /**
   * A resource that was shown before; undefined where the person has neither an open session that grants it nor a copy. A session
   * that has ended since throws `session-ended` with the author's code as detail.
   */
  async known(look: Look, facts: ForeignFacts): Promise<ForeignResource | undefined> {
    const { reader, resources } = this.#parts;
    const { author, pid, recordId } = facts;
    let ended: RecordsError | undefined;
    const isOf = (each: OpenReading): boolean =>
      each.author === author && each.pid === pid && isSessionOf(look.asker, each);
    for (const { session, ownPid } of reader.listOpen(look.asker.who.id).filter(isOf)) {
      const place = { author, pid, patient: null, ownPid };
      try {
        const [found] = await this.#withChart(session, async (records) => {
          const record = records.get(recordId);
          if (record === undefined || !allows(look.caller, { ...place, id: facts.localId }, record, look.interaction))
            return [];
          return resources.of(sourceOf(place, session, records), await reader.read(session, [recordId]));
        });
        if (found !== undefined) return found;
      } catch (error) {
        if (!isOver(error)) throw error;
        ended = error;
      }
    }
    const copy = await this.#knownCopy(look, facts);
    if (copy === undefined && ended !== undefined) throw ended;
    return copy;
  }

  /** Copies that the person may read, of which nothing is shown yet. */
  async listKept({ caller, asker }: Look, { author, pid }: Place): Promise<readonly KeptFacts[]> {
    const { kept } = this.#parts;
    // What a copy is about its row does not tell: an app whose scopes narrow sees none.
    if (caller.narrow !== undefined || asker.use !== undefined || !(await kept.isReader(pid, asker.who))) return [];
    return (await kept.list(pid, asker.who)).filter((facts) => facts.author === author);
  }

  /** Those that are there: one that has gone since it was listed takes no other away. */
  async keptOf(who: Member, place: Place, recordIds: readonly string[]): Promise<readonly ForeignResource[]> {
    const copies: ReadRecord[] = [];
    for (const recordId of recordIds) {
      try {
        copies.push(copyOf(await this.#parts.kept.read(place.pid, recordId, who)));
      } catch (error) {
        if (!(error instanceof RecordsError) || error.code !== 'not-found') throw error;
      }
    }
    return this.#parts.resources.of(sourceOf(place, null, new Map()), copies);
  }

  /** With what a session lists; made anew when a record was corrected, hidden or labelled since. */
  async #withChart<T>(session: string, use: (records: Chart['records']) => Promise<T>): Promise<T> {
    const { reader } = this.#parts;
    const { records } = await reader.chart(session);
    try {
      return await use(records);
    } catch (error) {
      if (!isStale(error)) throw error;
      return use((await reader.chart(session, { fresh: true })).records);
    }
  }

  async #knownCopy(
    { caller, asker }: Look,
    { author, pid, recordId }: ForeignFacts,
  ): Promise<ForeignResource | undefined> {
    // An app reads in sessions alone.
    if (caller.narrow !== undefined || asker.use !== undefined) return undefined;
    const [found] = await this.keptOf(asker.who, { author, pid, patient: null, ownPid: null }, [recordId]);
    return found;
  }
}

function listed(look: Look, place: Place, records: Chart['records']): readonly ChartRecord[] {
  return [...records.values()].filter((record) => allows(look.caller, { ...place, id: '' }, record, look.interaction));
}
