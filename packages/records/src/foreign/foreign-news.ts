import { type FhirTree, matchesFilter, type SearchRequest } from '@salus/fhir';
import type { HomeAccess } from '../care.ts';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { Patients } from '../patients.ts';
import type { VaultCaller } from '../repository.ts';
import { isOwn } from '../search/chains.ts';
import { patientsIn } from '../search/plan.ts';
import type { Clock, RecordRows } from '../vault-types.ts';
import { allows, askerOf, FOREIGN_RECORDS_MAX, isOver, isSessionOf, isTheirs } from './foreign-access.ts';
import type { ForeignChanges } from './foreign-changes.ts';
import type { Whereabouts } from './foreign-elsewhere.ts';
import type { ForeignIds } from './foreign-ids.ts';
import { maySeePatient } from './foreign-patient.ts';
import type { ForeignReading, Look, Place } from './foreign-reading.ts';
import type { ForeignSessions } from './foreign-sessions.ts';

/** Patients whom one subscription may name: all are looked for at each news. */
const PATIENTS_MAX = 20;
/** What an author listed this long ago is asked for anew before it is told. */
const LISTED_MS = 10_000;
const UNLEARNT = 0;
const LEARNT = 1;

/** A version of another organisation's resource that a subscriber is to be told of. */
export interface ForeignVersion {
  readonly recordId: string;
  readonly version: number;
  readonly author: string;
  readonly type: string;
  /** Local id. */
  readonly id: string;
  /** FHIR id of its patient here. */
  readonly patient: string;
}

/** Versions by author and record id: ids are their authors' choice, and no author's hide another's. */
export type SeenVersions = ReadonlyMap<string, number>;

/** What there may be news by: of each patient of an author, under a name for both, what differs once there may be any. */
export type NewsMark = ReadonlyMap<string, string>;
/** Of a patient whose records have just changed: what an author does not list yet would count as left out. */
export const UNSETTLED = '';

export interface FoundNews {
  readonly matches: readonly ForeignVersion[];
  /** All that was looked at, whether or not it matched. */
  readonly looked: SeenVersions;
  /** Names of the mark under which not everything was answered. */
  readonly unanswered: ReadonlySet<string>;
}

interface Parts {
  readonly organisation: string;
  readonly access: HomeAccess;
  readonly rows: RecordRows;
  readonly clock: Clock;
  readonly patients: Patients;
  readonly reader: ExchangeReader;
  readonly ids: ForeignIds;
  readonly reading: ForeignReading;
  readonly whereabouts: Whereabouts;
  readonly sessions: Pick<ForeignSessions, 'listOf'>;
  readonly changes: ForeignChanges;
}

type Watched = Pick<SearchRequest, 'type' | 'filters'>;

interface Asked {
  readonly seen: SeenVersions | undefined;
  /** Names of the mark: nothing else is looked at. Absent: everything. */
  readonly at?: ReadonlySet<string>;
  /** An app's sessions are opened, too, where it is looked. */
  readonly open: boolean;
}

/** The places of one patient here, with the sessions there. */
interface Watching {
  readonly place: Place & { readonly patient: string };
  readonly sessions: readonly string[];
}

/**
 * What other organisations have that is new to a subscriber: in the sessions that the subscriber holds open, and for a patient's
 * app in those that its node opens when the ledger says that something came. Each version is read at its author's, decided and
 * logged there, before it is compared; and each counts once.
 */
export class ForeignNews {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether there may be anything new; `UNSETTLED` where it is too early to ask, and nowhere else. */
  async mark(caller: VaultCaller): Promise<NewsMark> {
    const { organisation, reader, sessions, changes } = this.#parts;
    const asker = askerOf(caller, organisation);
    if (asker === undefined) return new Map();
    // An app's sessions come and go with its reads; what it may have opened are the grants that were handed over.
    const open =
      asker.use === undefined
        ? reader.listOpen(asker.who.id).map(({ session, author, pid }) => ({ name: session, author, pid }))
        : (await sessions.listOf(asker.use.pid)).map(({ grant, author, pid }) => ({ name: grant, author, pid }));
    const mark = new Map<string, string>();
    for (const [place, found] of Map.groupBy(open, nameOf)) {
      const settled = found.map(({ pid }) => changes.settledOf(`pid:${pid}`));
      const counts = new Set(settled.map((change) => change?.count));
      const names = found.map(({ name }) => name).sort();
      mark.set(place, settled.includes(undefined) ? UNSETTLED : JSON.stringify([names, ...counts]));
    }
    return mark;
  }

  /**
   * What is new beside what was seen, of the patients whom the search names. `seen` undefined: all that is there now is no news,
   * and is not read; where that is not answered, it is learnt at a later look.
   */
  async find(caller: VaultCaller, watched: Watched, { seen, at, open }: Asked): Promise<FoundNews> {
    const asker = askerOf(caller, this.#parts.organisation);
    const matches: ForeignVersion[] = [];
    const looked = new Map<string, number>();
    const unanswered = new Set<string>();
    if (asker === undefined) return { matches, looked, unanswered };
    const look: Look = { caller, asker, interaction: 's' };
    for (const patient of watchedPatients(watched)) {
      const places = await this.#placesOf(look, patient, { at, open, unanswered });
      // Whoever is slow to answer holds up nobody else's.
      const found = await Promise.all(
        places.map((watching) => this.#ofPlace(look, watching, { watched, seen, looked, unanswered })),
      );
      matches.push(...found.flat());
    }
    if (seen === undefined) for (const place of unanswered) looked.set(unlearntName(place), UNLEARNT);
    return { matches, looked, unanswered };
  }

  /** May it still be told? Session, grant and version are asked of the ledger, who may see the patient of roles and care. */
  async mayTell(caller: VaultCaller, { type, id, recordId, version, patient }: ForeignVersion): Promise<boolean> {
    const { organisation, ids, reader, changes, clock } = this.#parts;
    const asker = askerOf(caller, organisation);
    const facts = asker === undefined ? undefined : await ids.find(type, id);
    if (asker === undefined || facts?.recordId !== recordId) return false;
    if (!(await this.#maySee({ caller, asker, interaction: 's' }, patient))) return false;
    for (const { session, author, pid, ownPid } of reader.listOpen(asker.who.id)) {
      if (author !== facts.author || pid !== facts.pid || !isSessionOf(asker, { ownPid })) continue;
      try {
        await reader.demandLive(session);
        // What waited long is asked for anew: of a denial there the ledger does not know.
        const listedMs = clock() - LISTED_MS;
        if (changes.settledOf(`pid:${pid}`) !== undefined) await reader.refresh(session, listedMs);
        else if (reader.isListedBefore(session, listedMs)) continue;
        const record = (await reader.chart(session)).records.get(recordId);
        if (record?.version !== version || !allows(caller, { pid, ownPid, id }, record, 's')) continue;
        if (await reader.isCurrent(session, recordId)) return true;
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
      }
    }
    return false;
  }

  async #placesOf(
    look: Look,
    patient: string,
    { at, open, unanswered }: Pick<Asked, 'at' | 'open'> & { readonly unanswered: Set<string> },
  ): Promise<readonly Watching[]> {
    const known = await this.#parts.patients.findByFhirId(patient);
    if (known === undefined || !(await this.#maySee(look, patient))) return [];
    const { whereabouts, sessions } = this.#parts;
    const { asker } = look;
    const { pid: ownPid } = known;
    if (open && asker.use?.pid === ownPid) {
      // Each spends a use of a grant: of those alone where there may be news, whatever happens elsewhere.
      for (const [name, [grant]] of Map.groupBy(await sessions.listOf(ownPid), nameOf)) {
        if (grant === undefined || at?.has(name) === false) continue;
        const { author, pid } = grant;
        if (!(await whereabouts.prepare(asker, { author, pid }))) unanswered.add(name);
      }
    }
    return (await whereabouts.list(asker, ownPid))
      .filter((each) => at?.has(nameOf(each)) ?? true)
      .map(({ author, pid, sessions: open }) => {
        return { place: { author, pid, patient, ownPid }, sessions: open.map(({ session }) => session) };
      });
  }

  async #maySee(look: Look, patient: string): Promise<boolean> {
    const known = await this.#parts.patients.findByFhirId(patient);
    return known !== undefined && maySeePatient(this.#parts, look, { fhirId: patient, pid: known.pid });
  }

  async #ofPlace(
    look: Look,
    { place, sessions }: Watching,
    {
      unanswered,
      ...asked
    }: {
      readonly watched: Watched;
      readonly seen: SeenVersions | undefined;
      readonly looked: Map<string, number>;
      readonly unanswered: Set<string>;
    },
  ): Promise<readonly ForeignVersion[]> {
    const name = nameOf(place);
    const { looked } = asked;
    const isUnlearnt = asked.seen?.get(unlearntName(name)) === UNLEARNT;
    const seen = isUnlearnt ? undefined : asked.seen;
    const matches: ForeignVersion[] = [];
    let isWhole = !unanswered.has(name);
    for (const session of sessions) {
      const found = await this.#ofSession(look, place, { ...asked, seen, session });
      matches.push(...found.matches);
      isWhole &&= found.isWhole;
    }
    if (!isWhole) unanswered.add(name);
    else if (isUnlearnt && sessions.length > 0) looked.set(unlearntName(name), LEARNT);
    return matches;
  }

  /** Not whole where the author's node does not answer as it should, or lists more than is read at once. */
  async #ofSession(
    look: Look,
    place: Watching['place'],
    asked: {
      readonly session: string;
      readonly watched: Watched;
      readonly seen: SeenVersions | undefined;
      readonly looked: Map<string, number>;
    },
  ): Promise<{ readonly matches: readonly ForeignVersion[]; readonly isWhole: boolean }> {
    const { session, watched, seen, looked } = asked;
    const { reading, reader, changes, clock } = this.#parts;
    const { author, patient } = place;
    try {
      await reader.demandLive(session);
      const settled = changes.settledOf(`pid:${place.pid}`);
      if (seen !== undefined && settled !== undefined) await reader.refresh(session, settled.atMs);
      const isNew = ({ recordId, version }: Pick<ChartRecord, 'recordId' | 'version'>): boolean => {
        const name = seenName({ author, recordId });
        return looked.get(name) !== version && seen?.get(name) !== version;
      };
      const fresh = (await reading.list(look, place, session))
        .filter(({ type }) => type === watched.type)
        .filter(isNew);
      const note = ({ recordId, version }: Pick<ChartRecord, 'recordId' | 'version'>): void =>
        void looked.set(seenName({ author, recordId }), version);
      if (seen === undefined) {
        for (const record of fresh) note(record);
        return { matches: [], isWhole: true };
      }
      const wanted = new Set(fresh.slice(0, FOREIGN_RECORDS_MAX).map(({ recordId }) => recordId));
      const wants = ({ recordId }: { readonly recordId: string }): boolean => wanted.has(recordId);
      const read = wanted.size === 0 ? [] : await reading.ofSession(look, place, { session, wants, taken: 0 });
      for (const record of read ?? []) note(record);
      const matches = (read ?? []).filter(({ searched }) => holds(watched, searched, clock()));
      return {
        matches: matches.map(({ recordId, version, type, id }) => ({ recordId, version, author, type, id, patient })),
        isWhole: read !== undefined && fresh.length <= FOREIGN_RECORDS_MAX,
      };
    } catch (error) {
      if (!isOver(error) && !isTheirs(error)) throw error;
      return { matches: [], isWhole: isOver(error) };
    }
  }
}

function nameOf({ author, pid }: { readonly author: string; readonly pid: string }): string {
  return `${author} ${pid}`;
}

/** Under which a subscriber is known to have heard of a record. */
export function seenName({ author, recordId }: Pick<ForeignVersion, 'author' | 'recordId'>): string {
  return `${author} ${recordId}`;
}

/** Kept beside the versions: what a patient of an author has is not yet known to be no news. */
function unlearntName(place: string): string {
  return `unlearnt ${place}`;
}

function holds({ filters }: Watched, searched: FhirTree, nowMs: number): boolean {
  return filters.every((filter) => isOwn(filter) && matchesFilter(searched, filter, nowMs));
}

/** FHIR ids of the patients whom a subscription names, the first that it looks for: a search goes elsewhere for nobody else. */
export function watchedPatients({ filters }: Pick<SearchRequest, 'filters'>): readonly string[] {
  return [...new Set(patientsIn(filters.filter(isOwn)))].slice(0, PATIENTS_MAX);
}
