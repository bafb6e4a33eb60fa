import type { KeptRecords } from '../exchange/kept-records.ts';
import type { OpenReading } from '../exchange/open-readings.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import { type Asker, isOver, isSessionOf, isTheirs, type Member, patientsFirst, sourceOf } from './foreign-access.ts';
import type { ForeignGrant } from './foreign-grants.ts';
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

  /** Is there nothing to look for, whoever the patient is? Nobody is asked: what was handed over was linked as well. */
  async isNothing({ who }: Asker): Promise<boolean> {
    const { reader, links } = this.#parts;
    return reader.listOpen(who.id).length === 0 && (await links.isEmpty());
  }

  /**
   * Opens the sessions that an app may have of its patient, or at one place. It spends uses of the patient's grants, and waits for
   * others' nodes: only where something there is asked for. False where not everything is open that might be.
   */
  async prepare({ use }: Asker, at?: Partial<Pick<ForeignGrant, 'author' | 'pid'>>): Promise<boolean> {
    return use === undefined || this.#parts.sessions.open(use, at);
  }

  /** As `list`, with the sessions that an app may have. */
  async open(asker: Asker, ownPid: string): Promise<{ readonly elsewhere: readonly Elsewhere[]; isWhole: boolean }> {
    const isWhole = asker.use?.pid !== ownPid || (await this.prepare(asker));
    return { elsewhere: await this.list(asker, ownPid), isWhole };
  }

  async list(asker: Asker, ownPid: string): Promise<readonly Elsewhere[]> {
    // An app reads of the patient who let it in.
    if (!isSessionOf(asker, { ownPid })) return [];
    const { reader, links } = this.#parts;
    const found = new Map<string, Elsewhere>();
    const nameOf = ({ author, pid }: Pick<Elsewhere, 'author' | 'pid'>): string => `${author} ${pid}`;
    for (const { author, pid } of await links.listOf(ownPid)) {
      found.set(nameOf({ author, pid }), { author, pid, sessions: [], isLinked: true });
    }
    for (const reading of reader.listOpen(asker.who.id)) {
      if (!isSessionOf(asker, reading)) continue;
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
