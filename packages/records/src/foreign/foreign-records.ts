import type { ResourceType } from '@salus/fhir';
import type { HomeAccess } from '../care.ts';
import { FETCH_RECORDS_MAX } from '../exchange/exchange-peer.ts';
import type { KeptRecords } from '../exchange/kept-records.ts';
import type { Chart } from '../exchange/manifest-checks.ts';
import type { OpenReading } from '../exchange/open-readings.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { ReadRecord } from '../exchange/reading.ts';
import type { Patients } from '../patients.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import type { Beyond, BeyondAsked, BeyondFound } from '../search/beyond.ts';
import { sightedOf, sightOf } from '../sight.ts';
import type { RecordRows } from '../vault-types.ts';
import {
  allows,
  copyOf,
  demandBound,
  isOver,
  isStale,
  isTheirs,
  type Member,
  memberOf,
  patientsFirst,
  sourceOf,
} from './foreign-access.ts';
import type { ForeignIds } from './foreign-ids.ts';
import type { ForeignLinks } from './foreign-links.ts';
import { type ForeignResource, ForeignResources } from './foreign-resource.ts';

/** Patients of this organisation whose records elsewhere one search looks for. */
const PATIENTS_MAX = 20;

interface Parts {
  readonly organisation: string;
  readonly access: HomeAccess;
  readonly rows: RecordRows;
  readonly patients: Patients;
  readonly reader: ExchangeReader;
  readonly kept: KeptRecords;
  readonly ids: ForeignIds;
  readonly links: ForeignLinks;
  baseUrlOf(organisation: string): string;
}

/** A patient elsewhere who is one here. */
interface Elsewhere {
  readonly author: string;
  readonly pid: string;
  /** Sessions of the person who asks. */
  readonly sessions: readonly OpenReading[];
  /** Kept copies count, too: the link outlives sessions. */
  readonly isLinked: boolean;
}

/**
 * What other organisations' patients granted, in this organisation's base (DESIGN §5, ADR 0015): for the one person whose signed
 * request opened a session, as long as it is open, and as kept copies for whoever might use their grant. Nothing of it is stored:
 * every look is a read at the author's node, decided and logged there.
 */
export class ForeignRecords {
  readonly #parts: Parts;
  readonly #resources: ForeignResources;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#resources = new ForeignResources(parts);
  }

  /**
   * A resource by its local id; undefined where the person has neither an open session that grants it nor a copy. A session that
   * has ended since throws `session-ended` with the author's code as detail.
   */
  async read(caller: VaultCaller, type: ResourceType, localId: string): Promise<ForeignResource | undefined> {
    const who = memberOf(caller, this.#parts.organisation);
    const facts = who === undefined ? undefined : await this.#parts.ids.find(type, localId);
    if (who === undefined || facts === undefined) return undefined;
    const { author, pid, recordId } = facts;
    let ended: RecordsError | undefined;
    const open = this.#parts.reader.listOpen(who.id).filter((each) => each.author === author && each.pid === pid);
    for (const { session } of open) {
      try {
        const found = await this.#withChart(session, async (records) => {
          const known = records.get(recordId);
          if (known === undefined || !allows(caller, { pid, id: localId }, known, 'r')) return [];
          const read = await this.#parts.reader.read(session, [recordId]);
          return this.#resources.of(sourceOf({ author, pid, patient: null }, session, records), read);
        });
        if (found[0] !== undefined) return found[0];
      } catch (error) {
        if (!isOver(error)) throw error;
        ended = error;
      }
    }
    const copy = await this.#readKept(caller, who, facts);
    if (copy === undefined && ended !== undefined) throw ended;
    return copy;
  }

  /** Author's URLs of the Patients elsewhere whom the person may read now, or has copies of, and who are this patient. */
  async seeAlso(caller: VaultCaller, fhirId: string): Promise<readonly string[]> {
    const who = memberOf(caller, this.#parts.organisation);
    if (who === undefined || (await this.#isNothingElsewhere(who))) return [];
    const patient = await this.#parts.patients.findByFhirId(fhirId);
    if (patient === undefined) return [];
    const urls: string[] = [];
    for (const elsewhere of await this.#elsewhere(who, patient.pid)) {
      const subject = await this.#subjectOf(who, elsewhere);
      if (subject !== undefined) urls.push(`${this.#parts.baseUrlOf(elsewhere.author)}/Patient/${subject}`);
    }
    return urls;
  }

  /** What a search finds beside what is stored here; undefined when there can be nothing. */
  async beyond(caller: VaultCaller): Promise<Beyond | undefined> {
    const who = memberOf(caller, this.#parts.organisation);
    if (who === undefined || (await this.#isNothingElsewhere(who))) return undefined;
    // One search asks for page and total: what it read once it does not read again.
    const found = new Map<string, Promise<BeyondFound>>();
    return {
      find: (asked) => {
        const name = JSON.stringify([asked.type, asked.patients, asked.ids]);
        const known = found.get(name) ?? this.#find(caller, who, asked);
        found.set(name, known);
        return known;
      },
    };
  }

  async #find(caller: VaultCaller, who: Member, { type, patients, ids }: BeyondAsked): Promise<BeyondFound> {
    if (patients.length === 0) {
      const byId = await Promise.all(ids.slice(0, FETCH_RECORDS_MAX).map((id) => this.#findById(caller, type, id)));
      return { resources: byId.filter((each) => each !== undefined), isWhole: true };
    }
    const resources: ForeignResource[] = [];
    // By author's record: several sessions may show the same one.
    const known = new Set<string>();
    const take = (found: readonly ForeignResource[]): void => {
      for (const each of found) known.add(each.recordId);
      resources.push(...found);
    };
    let isWhole = true;
    for (const fhirId of patients.slice(0, PATIENTS_MAX)) {
      const patient = await this.#parts.patients.findByFhirId(fhirId);
      if (patient === undefined || !(await this.#maySeePatient(caller, fhirId))) continue;
      for (const { author, pid, sessions, isLinked } of await this.#elsewhere(who, patient.pid)) {
        const asked = { author, pid, patient: fhirId, type, known };
        for (const { session } of sessions) {
          const read = await this.#readSession(caller, { ...asked, session });
          if (read === undefined) isWhole = false;
          else take(read);
        }
        if (isLinked) take(await this.#listKept(caller, who, asked));
      }
    }
    return { resources, isWhole };
  }

  /** Of one session; nothing when it is over, undefined when its author's node does not answer as it should. */
  async #readSession(
    caller: VaultCaller,
    asked: {
      readonly author: string;
      readonly pid: string;
      readonly patient: string;
      readonly session: string;
      readonly type: string;
      readonly known: ReadonlySet<string>;
    },
  ): Promise<readonly ForeignResource[] | undefined> {
    const { session, type, known: taken, pid } = asked;
    const { reader } = this.#parts;
    try {
      return await this.#withChart(session, async (records) => {
        const wanted = [...records.values()]
          .filter((known) => known.type === type && allows(caller, { pid, id: '' }, known, 's'))
          .map(({ recordId }) => recordId)
          .filter((recordId) => !taken.has(recordId))
          .sort();
        demandBound(taken.size + wanted.length);
        const shown: ForeignResource[] = [];
        for (let at = 0; at < wanted.length; at += FETCH_RECORDS_MAX) {
          const read = await reader.read(session, wanted.slice(at, at + FETCH_RECORDS_MAX));
          shown.push(...(await this.#resources.of(sourceOf(asked, session, records), read)));
        }
        return shown;
      });
    } catch (error) {
      if (isOver(error)) return [];
      if (isTheirs(error)) return undefined;
      throw error;
    }
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

  async #findById(caller: VaultCaller, type: ResourceType, id: string): Promise<ForeignResource | undefined> {
    try {
      return await this.read(caller, type, id);
    } catch (error) {
      if (isOver(error)) return undefined;
      throw error;
    }
  }

  async #listKept(
    caller: VaultCaller,
    who: Member,
    asked: {
      readonly author: string;
      readonly pid: string;
      readonly patient: string;
      readonly type: string;
      readonly known: ReadonlySet<string>;
    },
  ): Promise<readonly ForeignResource[]> {
    const { author, pid, type, known } = asked;
    const { kept } = this.#parts;
    if (caller.narrow !== undefined || !(await kept.isReader(pid, who))) return [];
    const wanted = (await kept.list(pid, who)).filter(
      (facts) => facts.author === author && facts.type === type && !known.has(facts.recordId),
    );
    demandBound(known.size + wanted.length);
    const copies: ReadRecord[] = [];
    for (const { recordId } of wanted) copies.push(copyOf(await kept.read(pid, recordId, who)));
    return this.#resources.of(sourceOf(asked, null, new Map()), copies);
  }

  async #readKept(
    caller: VaultCaller,
    who: Member,
    { author, pid, recordId }: { readonly author: string; readonly pid: string; readonly recordId: string },
  ): Promise<ForeignResource | undefined> {
    // What a copy is about its row does not tell: an app whose scopes narrow sees none.
    if (caller.narrow !== undefined) return undefined;
    try {
      const copy = copyOf(await this.#parts.kept.read(pid, recordId, who));
      const [found] = await this.#resources.of(sourceOf({ author, pid, patient: null }, null, new Map()), [copy]);
      return found;
    } catch (error) {
      if (error instanceof RecordsError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  /** The author's FHIR id of the person; learnt from one record of a session when nothing has named it yet. */
  async #subjectOf(who: Member, { author, pid, sessions, isLinked }: Elsewhere): Promise<string | undefined> {
    const { reader, ids, kept } = this.#parts;
    for (const { session } of sessions) {
      try {
        await reader.demandLive(session);
        const known = await ids.findSubject(author, pid);
        if (known !== undefined) return known;
        const { records } = await reader.chart(session);
        const [first] = [...records.values()].sort(patientsFirst);
        if (first === undefined) continue;
        const read = await reader.read(session, [first.recordId]);
        await this.#resources.of(sourceOf({ author, pid, patient: null }, session, records), read);
        const named = await ids.findSubject(author, pid);
        if (named !== undefined) return named;
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
      }
    }
    return isLinked && (await kept.isReader(pid, who)) ? ids.findSubject(author, pid) : undefined;
  }

  /** Where else a patient of this organisation is known, as far as this person might look there. */
  async #elsewhere(who: Member, ownPid: string): Promise<readonly Elsewhere[]> {
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

  async #isNothingElsewhere(who: Member): Promise<boolean> {
    return this.#parts.reader.listOpen(who.id).length === 0 && (await this.#parts.links.isEmpty());
  }

  /** Whom a search names the asker must be allowed to see: else it would tell who is a patient elsewhere. */
  async #maySeePatient(caller: VaultCaller, fhirId: string): Promise<boolean> {
    const record = await this.#parts.rows.findResource('Patient', fhirId);
    if (record?.status !== 'current') return false;
    return (await sightOf(this.#parts, caller).decide(sightedOf(record), 's')).kind === 'allowed';
  }
}
