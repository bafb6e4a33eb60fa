import type { ResourceType } from '@salus/fhir';
import type { HomeAccess } from '../care.ts';
import type { CompartmentFilter } from '../compartment.ts';
import { FETCH_RECORDS_MAX } from '../exchange/exchange-peer.ts';
import type { KeptRecords } from '../exchange/kept-records.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { Patients } from '../patients.ts';
import type { VaultCaller } from '../repository.ts';
import type { Beyond, BeyondAsked, BeyondFound } from '../search/beyond.ts';
import { sightedOf, sightOf } from '../sight.ts';
import type { RecordRows } from '../vault-types.ts';
import { type Asker, askerOf, demandBound, FOREIGN_RECORDS_MAX, isOver, isTheirs } from './foreign-access.ts';
import { Whereabouts } from './foreign-elsewhere.ts';
import { type EverythingPage, everythingOf } from './foreign-everything.ts';
import type { ForeignIds } from './foreign-ids.ts';
import type { ForeignLinks } from './foreign-links.ts';
import { allowsDirectory, directoryUrlsIn, isDirectory, namesBelow, typeOf } from './foreign-names.ts';
import { ForeignReading, type Look } from './foreign-reading.ts';
import { type ForeignResource, ForeignResources } from './foreign-resource.ts';
import type { ForeignSessions } from './foreign-sessions.ts';
import { referencesIn } from './foreign-text.ts';

/** Patients of this organisation whose records elsewhere one search looks for. */
const PATIENTS_MAX = 20;
/** URLs of others that one answer follows; what lies beyond is not there. */
const FOLLOWED_MAX = 500;

interface Parts {
  readonly organisation: string;
  readonly access: HomeAccess;
  readonly rows: RecordRows;
  readonly patients: Patients;
  readonly reader: ExchangeReader;
  readonly kept: KeptRecords;
  readonly ids: ForeignIds;
  readonly links: ForeignLinks;
  readonly sessions: ForeignSessions;
  baseUrlOf(organisation: string): string;
}

/**
 * What other organisations' patients granted, in this organisation's base (DESIGN §5, ADR 0015): for the one person whose signed
 * request opened a session, as long as it is open, for the app that a grant names, and as kept copies for whoever might use their
 * grant. Nothing of it is stored: every look is a read at the author's node, decided and logged there.
 */
export class ForeignRecords {
  readonly #parts: Parts;
  readonly #resources: ForeignResources;
  readonly #reading: ForeignReading;
  readonly #whereabouts: Whereabouts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#resources = new ForeignResources(parts);
    this.#reading = new ForeignReading({ ...parts, resources: this.#resources });
    this.#whereabouts = new Whereabouts({ ...parts, resources: this.#resources });
  }

  /**
   * A resource by its local id; undefined where the person has neither an open session that grants it nor a copy. A session that
   * has ended since throws `session-ended` with the author's code as detail.
   */
  async read(caller: VaultCaller, type: ResourceType, localId: string): Promise<ForeignResource | undefined> {
    const asker = askerOf(caller, this.#parts.organisation);
    const facts = asker === undefined ? undefined : await this.#parts.ids.find(type, localId);
    if (asker === undefined || facts === undefined) return undefined;
    await this.#whereabouts.prepare(asker);
    return this.#reading.known({ caller, asker, interaction: 'r' }, facts);
  }

  /** Author's URLs of the Patients elsewhere whom the person may read now, or has copies of, and who are this patient. */
  async seeAlso(caller: VaultCaller, fhirId: string): Promise<readonly string[]> {
    const asker = await this.#askerOfAnything(caller);
    const patient = asker === undefined ? undefined : await this.#parts.patients.findByFhirId(fhirId);
    if (asker === undefined || patient === undefined) return [];
    const urls: string[] = [];
    for (const elsewhere of await this.#whereabouts.list(asker, patient.pid)) {
      const subject = await this.#whereabouts.subjectOf(asker.who, elsewhere);
      if (subject !== undefined) urls.push(`${this.#parts.baseUrlOf(elsewhere.author)}/Patient/${subject}`);
    }
    return urls;
  }

  /** What an answer finds beside what is stored here; undefined when there can be nothing. */
  async beyond(caller: VaultCaller): Promise<Beyond | undefined> {
    const asker = await this.#askerOfAnything(caller);
    if (asker === undefined) return undefined;
    const look: Look = { caller, asker, interaction: 's' };
    // One answer asks for page and total: what it read once it does not read again.
    const found = new Map<string, Promise<BeyondFound>>();
    return {
      find: (asked) => {
        const name = JSON.stringify([asked.type, asked.patients, asked.ids]);
        const known = found.get(name) ?? this.#find(look, asked);
        found.set(name, known);
        return known;
      },
      named: (urls, from) => this.#named(look, urls, from),
    };
  }

  /** A page of a patient's records elsewhere, in an order that stays; nothing of one who may not be seen here. */
  async everything(
    caller: VaultCaller,
    fhirId: string,
    page: { readonly filter: CompartmentFilter; readonly count: number; readonly after: string },
  ): Promise<EverythingPage> {
    const nothing = { resources: [], next: undefined, isWhole: true };
    const asker = await this.#askerOfAnything(caller);
    const patient = asker === undefined ? undefined : await this.#parts.patients.findByFhirId(fhirId);
    if (asker === undefined || patient === undefined) return nothing;
    const look: Look = { caller, asker, interaction: 'r' };
    if (!(await this.#maySeePatient(look, fhirId, patient.pid))) return nothing;
    const elsewhere = await this.#whereabouts.list(asker, patient.pid);
    return everythingOf(this.#reading, look, { ...page, patient: fhirId, ownPid: patient.pid, elsewhere });
  }

  /** The entries of authors' directories that resources of one answer name. */
  async directoryOf(caller: VaultCaller, from: readonly ForeignResource[]): Promise<BeyondFound> {
    const asker = await this.#askerOfAnything(caller);
    if (asker === undefined) return { resources: [], isWhole: true };
    const urls = new Set(from.flatMap(({ tree }) => directoryUrlsIn(tree)));
    // Of an answer that may hold thousands of names the first ones are brought along, as of the own directory.
    return this.#named({ caller, asker, interaction: 'r' }, [...urls].slice(0, FOLLOWED_MAX), from);
  }

  async #askerOfAnything(caller: VaultCaller): Promise<Asker | undefined> {
    const asker = askerOf(caller, this.#parts.organisation);
    if (asker === undefined) return undefined;
    return (await this.#whereabouts.prepare(asker)).isNothing ? undefined : asker;
  }

  async #find(look: Look, { type, patients, ids }: BeyondAsked): Promise<BeyondFound> {
    if (patients.length === 0) {
      const byId = await Promise.all(
        ids.slice(0, FETCH_RECORDS_MAX).map((id) => this.#findById(look.caller, type, id)),
      );
      return { resources: byId.filter((each) => each !== undefined), isWhole: true };
    }
    const resources: ForeignResource[] = [];
    // By author's record: several sessions may show the same one.
    const known = new Set<string>();
    const take = (found: readonly ForeignResource[]): void => {
      for (const each of found) known.add(each.recordId);
      resources.push(...found);
    };
    let { isWhole } = await this.#whereabouts.prepare(look.asker);
    for (const fhirId of patients.slice(0, PATIENTS_MAX)) {
      const patient = await this.#parts.patients.findByFhirId(fhirId);
      if (patient === undefined || !(await this.#maySeePatient(look, fhirId, patient.pid))) continue;
      for (const { author, pid, sessions, isLinked } of await this.#whereabouts.list(look.asker, patient.pid)) {
        const place = { author, pid, patient: fhirId, ownPid: patient.pid };
        for (const { session } of sessions) {
          const wants = (record: { readonly type: string; readonly recordId: string }): boolean =>
            record.type === type && !known.has(record.recordId);
          const read = await this.#reading.ofSession(look, place, { session, wants, taken: known.size });
          if (read === undefined) isWhole = false;
          else take(read);
        }
        if (!isLinked) continue;
        const kept = (await this.#reading.listKept(look, place))
          .filter((facts) => facts.type === type && !known.has(facts.recordId))
          .map(({ recordId }) => recordId);
        demandBound(known.size + kept.length);
        take(await this.#reading.keptOf(look.asker.who, place, kept));
      }
    }
    return { resources, isWhole };
  }

  /** By authors' URLs: of patients what a session or copy of the person shows, of the directory what a shown record names. */
  async #named(look: Look, urls: readonly string[], from: readonly ForeignResource[]): Promise<BeyondFound> {
    const { reader } = this.#parts;
    const authors = new Set([
      ...reader.listOpen(look.asker.who.id).map(({ author }) => author),
      ...from.map(({ source }) => source.author),
    ]);
    const resources: ForeignResource[] = [];
    let isWhole = urls.length <= FOLLOWED_MAX;
    for (const author of authors) {
      const names = namesBelow(this.#parts.baseUrlOf(author), urls.slice(0, FOLLOWED_MAX));
      const found = await Promise.all([
        this.#namedRecords(
          look,
          author,
          names.filter((name) => !isDirectory(name)),
        ),
        this.#namedDirectory(
          names.filter((name) => isDirectory(name) && allowsDirectory(look, author, name)),
          from.filter(({ source }) => source.author === author),
        ),
      ]);
      for (const each of found) {
        resources.push(...each.resources);
        isWhole &&= each.isWhole;
      }
    }
    return { resources, isWhole };
  }

  async #namedRecords(look: Look, author: string, names: readonly string[]): Promise<BeyondFound> {
    if (names.length === 0) return { resources: [], isWhole: true };
    const { ids, reader } = this.#parts;
    const shownBefore = await ids.findNamed(author, names);
    const byFacts = await Promise.all(
      [...shownBefore.values()].map((facts) => this.#orNothing(this.#reading.known(look, facts))),
    );
    const resources = byFacts.flatMap(({ found }) => (found === undefined ? [] : [found]));
    let isWhole = byFacts.every((each) => each.isWhole);
    const wanted = new Set(names.filter((name) => !shownBefore.has(name)));
    if (wanted.size === 0) return { resources, isWhole };
    // A session lists types, and no FHIR ids: those of a wanted type that never had a name here are read to learn it.
    const types = new Set<string>([...wanted].map(typeOf));
    for (const { session, pid, ownPid, author: of } of reader.listOpen(look.asker.who.id)) {
      if (of !== author) continue;
      const place = { author, pid, patient: null, ownPid };
      const listing = await this.#orNothing(this.#reading.list(look, place, session));
      const candidates = (listing.found ?? []).filter(({ type }) => types.has(type)).map(({ recordId }) => recordId);
      const named = await ids.findKnown(author, candidates);
      const unnamed = new Set(candidates.filter((recordId) => !named.has(recordId)));
      const read =
        unnamed.size > FOREIGN_RECORDS_MAX
          ? undefined
          : await this.#reading.ofSession(look, place, {
              ...{ session, taken: 0 },
              wants: ({ recordId }) => unnamed.has(recordId),
            });
      isWhole &&= listing.isWhole && read !== undefined;
      const base = `${this.#parts.baseUrlOf(author)}/`;
      resources.push(...(read ?? []).filter(({ url }) => wanted.has(url.slice(base.length))));
    }
    return { resources, isWhole };
  }

  async #namedDirectory(names: readonly string[], from: readonly ForeignResource[]): Promise<BeyondFound> {
    const missing = new Set(names);
    const resources: ForeignResource[] = [];
    let isWhole = true;
    for (const { source, recordId, tree, isDirectory } of from) {
      if (missing.size === 0) break;
      if (isDirectory || source.session === null) continue;
      const base = this.#parts.baseUrlOf(source.author);
      const named = namesBelow(base, referencesIn(tree)).filter((name) => missing.has(name));
      if (named.length === 0) continue;
      for (const name of named) missing.delete(name);
      const { found, isWhole: answered } = await this.#orNothing(this.#resources.directory(source, recordId, named));
      isWhole &&= answered;
      resources.push(...(found ?? []));
    }
    return { resources, isWhole };
  }

  /** What another organisation does not show, or no longer, takes nothing else of an answer away. */
  async #orNothing<T>(
    reading: Promise<T | undefined>,
  ): Promise<{ readonly found: T | undefined; readonly isWhole: boolean }> {
    try {
      return { found: await reading, isWhole: true };
    } catch (error) {
      if (isOver(error)) return { found: undefined, isWhole: true };
      if (isTheirs(error)) return { found: undefined, isWhole: false };
      throw error;
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

  /** Whom a search names the asker must be allowed to see: else it would tell who is a patient elsewhere. */
  async #maySeePatient({ caller, asker }: Look, fhirId: string, pid: string): Promise<boolean> {
    // The token of an app names its one patient.
    if (asker.use?.pid === pid) return true;
    const record = await this.#parts.rows.findResource('Patient', fhirId);
    if (record?.status !== 'current') return false;
    return (await sightOf(this.#parts, caller).decide(sightedOf(record), 's')).kind === 'allowed';
  }
}
