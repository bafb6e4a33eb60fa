import { type FhirTree, matchesFilter, type SearchRequest } from '@salus/fhir';
import type { HomeAccess } from '../care.ts';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { Patients } from '../patients.ts';
import type { VaultCaller } from '../repository.ts';
import { isOwn } from '../search/chains.ts';
import { patientsIn } from '../search/plan.ts';
import type { Clock, Owner, RecordRows } from '../vault-types.ts';
import { allows, askerOf, FOREIGN_RECORDS_MAX, isOver, isSessionOf, isTheirs } from './foreign-access.ts';
import type { ForeignChanges } from './foreign-changes.ts';
import type { Whereabouts } from './foreign-elsewhere.ts';
import type { ForeignIds } from './foreign-ids.ts';
import { maySeePatient } from './foreign-patient.ts';
import type { ForeignReading, Look, Place } from './foreign-reading.ts';
import type { ForeignSessions } from './foreign-sessions.ts';

/** Patients whom one subscription may name: all are looked for at each news. */
const PATIENTS_MAX = 20;

/** A version of another organisation's resource that a subscriber is to be told of. */
export interface ForeignVersion {
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  /** Local id. */
  readonly id: string;
  /** FHIR id of its patient here. */
  readonly patient: string;
}

/** Versions by record id. */
export type SeenVersions = ReadonlyMap<string, number>;

export interface FoundNews {
  readonly matches: readonly ForeignVersion[];
  /** All that was looked at, whether or not it matched. */
  readonly looked: SeenVersions;
  readonly isWhole: boolean;
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

  /** Whether there may be anything new: differs once there is. undefined where it is too early to ask. */
  async mark(caller: VaultCaller): Promise<string | undefined> {
    const { organisation, reader, sessions, changes } = this.#parts;
    const asker = askerOf(caller, organisation);
    if (asker === undefined) return '';
    // An app's sessions come and go with its reads; what it may have opened are the grants that were handed over.
    const open =
      asker.use === undefined
        ? reader.listOpen(asker.who.id).map(({ session, pid }) => ({ name: session, pid }))
        : (await sessions.listOf(asker.use.pid)).map(({ grant, pid }) => ({ name: grant, pid }));
    const owners = [...new Set(open.map(({ pid }): Owner => `pid:${pid}`))].sort();
    if (!owners.every((owner) => changes.isSettled(owner))) return undefined;
    const names = open.map(({ name }) => name).sort();
    return JSON.stringify([names, owners.map((owner) => changes.numberOf(owner))]);
  }

  /**
   * What is new beside what was seen, of the patients whom the search names. `seen` undefined: all that is there now is no news,
   * and is not read. `open`: an app's sessions are opened, too.
   */
  async find(
    caller: VaultCaller,
    watched: Watched,
    { seen, open }: { readonly seen: SeenVersions | undefined; readonly open: boolean },
  ): Promise<FoundNews> {
    const asker = askerOf(caller, this.#parts.organisation);
    const matches: ForeignVersion[] = [];
    const looked = new Map<string, number>();
    if (asker === undefined) return { matches, looked, isWhole: true };
    const look: Look = { caller, asker, interaction: 's' };
    let isWhole = true;
    for (const patient of watchedPatients(watched)) {
      const { places, isOpen } = await this.#placesOf(look, patient, open);
      isWhole &&= isOpen;
      for (const { place, session } of places) {
        const found = await this.#ofSession(look, place, { session, watched, seen, looked });
        matches.push(...found.matches);
        isWhole &&= found.isWhole;
      }
    }
    return { matches, looked, isWhole };
  }

  /** May it still be told? Session, grant and version are asked of the ledger, who may see the patient of roles and care. */
  async mayTell(caller: VaultCaller, { type, id, recordId, version, patient }: ForeignVersion): Promise<boolean> {
    const { organisation, ids, reader } = this.#parts;
    const asker = askerOf(caller, organisation);
    const facts = asker === undefined ? undefined : await ids.find(type, id);
    if (asker === undefined || facts?.recordId !== recordId) return false;
    if (!(await this.#maySee({ caller, asker, interaction: 's' }, patient))) return false;
    for (const { session, author, pid, ownPid } of reader.listOpen(asker.who.id)) {
      if (author !== facts.author || pid !== facts.pid || !isSessionOf(asker, { ownPid })) continue;
      try {
        await reader.demandLive(session);
        const record = (await reader.chart(session)).records.get(recordId);
        if (record?.version !== version || !allows(caller, { pid, ownPid, id }, record, 's')) continue;
        if (await reader.isCurrent(session, recordId)) return true;
      } catch (error) {
        if (!isOver(error) && !isTheirs(error)) throw error;
      }
    }
    return false;
  }

  async #placesOf(look: Look, patient: string, open: boolean) {
    const known = await this.#parts.patients.findByFhirId(patient);
    if (known === undefined || !(await this.#maySee(look, patient))) return { places: [], isOpen: true };
    const { whereabouts } = this.#parts;
    const { pid: ownPid } = known;
    const { elsewhere, isWhole } = open
      ? await whereabouts.open(look.asker, ownPid)
      : { elsewhere: await whereabouts.list(look.asker, ownPid), isWhole: true };
    const places = elsewhere.flatMap(({ author, pid, sessions }) =>
      sessions.map(({ session }) => ({ place: { author, pid, patient, ownPid } satisfies Place, session })),
    );
    return { places, isOpen: isWhole };
  }

  async #maySee(look: Look, patient: string): Promise<boolean> {
    const known = await this.#parts.patients.findByFhirId(patient);
    return known !== undefined && maySeePatient(this.#parts, look, { fhirId: patient, pid: known.pid });
  }

  /** Not whole where the author's node does not answer as it should, or lists more than is read at once. */
  async #ofSession(
    look: Look,
    place: Place & { readonly patient: string },
    asked: {
      readonly session: string;
      readonly watched: Watched;
      readonly seen: SeenVersions | undefined;
      readonly looked: Map<string, number>;
    },
  ): Promise<Pick<FoundNews, 'matches' | 'isWhole'>> {
    const { session, watched, seen, looked } = asked;
    const { reading, reader, changes, clock } = this.#parts;
    try {
      await reader.demandLive(session);
      if (seen !== undefined) await reader.refresh(session, changes.lastMsOf(`pid:${place.pid}`));
      const isNew = ({ recordId, version }: Pick<ChartRecord, 'recordId' | 'version'>): boolean =>
        looked.get(recordId) !== version && seen?.get(recordId) !== version;
      const fresh = (await reading.list(look, place, session))
        .filter(({ type }) => type === watched.type)
        .filter(isNew);
      if (seen === undefined) {
        for (const { recordId, version } of fresh) looked.set(recordId, version);
        return { matches: [], isWhole: true };
      }
      const wanted = new Set(fresh.slice(0, FOREIGN_RECORDS_MAX).map(({ recordId }) => recordId));
      const wants = ({ recordId }: { readonly recordId: string }): boolean => wanted.has(recordId);
      const read = wanted.size === 0 ? [] : await reading.ofSession(look, place, { session, wants, taken: 0 });
      for (const { recordId, version } of read ?? []) looked.set(recordId, version);
      const matches = (read ?? []).filter(({ searched }) => holds(watched, searched, clock()));
      return {
        matches: matches.map(({ recordId, version, type, id }) => {
          return { recordId, version, type, id, patient: place.patient };
        }),
        isWhole: read !== undefined && fresh.length <= FOREIGN_RECORDS_MAX,
      };
    } catch (error) {
      if (!isOver(error) && !isTheirs(error)) throw error;
      return { matches: [], isWhole: isOver(error) };
    }
  }
}

function holds({ filters }: Watched, searched: FhirTree, nowMs: number): boolean {
  return filters.every((filter) => isOwn(filter) && matchesFilter(searched, filter, nowMs));
}

/** FHIR ids of the patients whom a subscription names, the first that it looks for: a search goes elsewhere for nobody else. */
export function watchedPatients({ filters }: Pick<SearchRequest, 'filters'>): readonly string[] {
  return [...new Set(patientsIn(filters.filter(isOwn)))].slice(0, PATIENTS_MAX);
}
