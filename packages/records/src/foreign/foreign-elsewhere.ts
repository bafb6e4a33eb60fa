import type { KeptRecords } from '../exchange/kept-records.ts';
import type { OpenReading } from '../exchange/open-readings.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import { type Asker, isOver, isTheirs, type Member, patientsFirst, sourceOf } from './foreign-access.ts';
import type { ForeignIds } from './foreign-ids.ts';
import type { ForeignLinks } from './foreign-links.ts';
import type { ForeignResources } from './foreign-resource.ts';
import type { ForeignSessions } from './foreign-sessions.ts';

/** A patient elsewhere who is one here. */
export interface Elsewhere {
  readonly author: string;
  readonly pid: string;
  /** Sessions of the person who asks. */
  readonly sessions: readonly OpenReading[];
  /** Kept copies count, too: the link outlives sessions. */
  readonly isLinked: boolean;
}

interface Parts {
  readonly reader: ExchangeReader;
  readonly kept: KeptRecords;
  readonly ids: ForeignIds;
  readonly links: ForeignLinks;
  readonly resources: ForeignResources;
  readonly sessions: ForeignSessions;
}

/** Where else patients of this organisation are known, as far as whoever asks might look there. */
export class Whereabouts {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Opens the sessions that an app may have. `isNothing`: there is nothing to look for, whoever the patient is. */
  async prepare({ who, use }: Asker): Promise<{ readonly isNothing: boolean; readonly isWhole: boolean }> {
    const { reader, links, sessions } = this.#parts;
    const isWhole = use === undefined || (await sessions.open(use));
    return { isNothing: isWhole && reader.listOpen(who.id).length === 0 && (await links.isEmpty()), isWhole };
  }

  async list({ who, use }: Asker, ownPid: string): Promise<readonly Elsewhere[]> {
    // An app reads of the patient who let it in.
    if (use !== undefined && use.pid !== ownPid) return [];
    const { reader, links } = this.#parts;
    const found = new Map<string, Elsewhere>();
    const nameOf = ({ author, pid }: Pick<Elsewhere, 'author' | 'pid'>): string => `${author} ${pid}`;
    for (const { author, pid } of await links.listOf(ownPid)) {
      found.set(nameOf({ author, pid }), { author, pid, sessions: [], isLinked: true });
    }
    for (const reading of reader.listOpen(who.id)) {
      const name = nameOf(reading);
      const known = found.get(name);
      if (known === undefined && reading.ownPid !== ownPid) continue;
      const { author, pid } = reading;
      const sessions = [...(known?.sessions ?? []), reading];
      found.set(name, { author, pid, sessions, isLinked: known?.isLinked === true });
    }
    return [...found.values()];
  }

  /** The author's FHIR id of the person; learnt from one record of a session when nothing has named it yet. */
  async subjectOf(who: Member, { author, pid, sessions, isLinked }: Elsewhere): Promise<string | undefined> {
    const { reader, ids, kept, resources } = this.#parts;
    for (const { session } of sessions) {
      try {
        await reader.demandLive(session);
        const known = await ids.findSubject(author, pid);
        if (known !== undefined) return known;
        const { records } = await reader.chart(session);
        const [first] = [...records.values()].sort(patientsFirst);
        if (first === undefined) continue;
        const read = await reader.read(session, [first.recordId]);
        await resources.of(sourceOf({ author, pid, patient: null }, session, records), read);
        const named = await ids.findSubject(author, pid);
        if (named !== undefined) return named;
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
      }
    }
    return isLinked && (await kept.isReader(pid, who)) ? ids.findSubject(author, pid) : undefined;
  }
}
