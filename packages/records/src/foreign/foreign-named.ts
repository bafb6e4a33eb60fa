import type { ExchangeReader } from '../exchange/reader.ts';
import type { Patients } from '../patients.ts';
import { pidOf } from '../recipients.ts';
import type { BeyondFound, Sources } from '../search/beyond.ts';
import { FOREIGN_RECORDS_MAX, isOver, isSessionOf, isTheirs } from './foreign-access.ts';
import type { Whereabouts } from './foreign-elsewhere.ts';
import type { ForeignIds } from './foreign-ids.ts';
import { allowsDirectory, isDirectory, namesBelow, typeOf } from './foreign-names.ts';
import type { ForeignReading, Look } from './foreign-reading.ts';
import type { ForeignResource, ForeignResources } from './foreign-resource.ts';
import { referencesIn } from './foreign-text.ts';

/** URLs of others that one answer follows; what lies beyond is not there, and the answer is not whole. */
const FOLLOWED_MAX = 500;
/** Patients here whose records elsewhere URLs of one answer may lead to. */
const PERSONS_MAX = 20;

interface Parts {
  readonly reader: ExchangeReader;
  readonly ids: ForeignIds;
  readonly patients: Patients;
  readonly resources: ForeignResources;
  readonly reading: ForeignReading;
  readonly whereabouts: Whereabouts;
  baseUrlOf(organisation: string): string;
}

/** Patients elsewhere, by author. */
type Places = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Resources by their authors' URLs. A URL leads to the same person's records alone: whoever writes one into a record of theirs
 * would otherwise bring another patient's into the answer, or have them read.
 */
export class NamedResources {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Of patients what a session or copy of the asker shows, of the directory what a shown record names. */
  async find(look: Look, urls: readonly string[], sources: Sources): Promise<BeyondFound> {
    const resources: ForeignResource[] = [];
    const { places, isWhole: areAll } = await this.#placesOf(look, sources);
    let isWhole = areAll && urls.length <= FOLLOWED_MAX;
    for (const [author, pids] of places) {
      const names = namesBelow(this.#parts.baseUrlOf(author), urls.slice(0, FOLLOWED_MAX));
      if (names.length === 0) continue;
      const isOpen = await this.#parts.whereabouts.prepare(look.asker, { author });
      isWhole &&= isOpen;
      const records = names.filter((name) => !isDirectory(name));
      const entries = names.filter((name) => isDirectory(name) && allowsDirectory(look, author, name));
      const from = sources.foreign.filter(({ source }) => source.author === author);
      const found = await Promise.all([
        this.#records(look, { author, pids, names: records }),
        this.#directory(entries, from),
      ]);
      for (const each of found) {
        resources.push(...each.resources);
        isWhole &&= each.isWhole;
      }
    }
    return { resources, isWhole };
  }

  /** Where else the persons are known whom the sources are of. */
  async #placesOf(
    { asker }: Look,
    { foreign, owners }: Sources,
  ): Promise<{ readonly places: Places; readonly isWhole: boolean }> {
    const places = new Map<string, Set<string>>();
    const add = (author: string, pid: string): void =>
      void places.set(author, (places.get(author) ?? new Set()).add(pid));
    for (const { source } of foreign) add(source.author, source.pid);
    const persons = new Set(owners.flatMap((owner) => pidOf(owner) ?? []));
    for (const fhirId of new Set(foreign.flatMap(({ source }) => source.patient ?? []))) {
      const patient = await this.#parts.patients.findByFhirId(fhirId);
      if (patient !== undefined) persons.add(patient.pid);
    }
    for (const ownPid of [...persons].slice(0, PERSONS_MAX)) {
      for (const { author, pid } of await this.#parts.whereabouts.list(asker, ownPid)) add(author, pid);
    }
    return { places, isWhole: persons.size <= PERSONS_MAX };
  }

  async #records(
    look: Look,
    asked: { readonly author: string; readonly pids: ReadonlySet<string>; readonly names: readonly string[] },
  ): Promise<BeyondFound> {
    const { author, pids, names } = asked;
    if (names.length === 0) return { resources: [], isWhole: true };
    const shownBefore = await this.#parts.ids.findNamed(author, names);
    const ofPersons = [...shownBefore.values()].filter(({ pid }) => pids.has(pid));
    const byFacts = await Promise.all(ofPersons.map((facts) => orNothing(this.#parts.reading.known(look, facts))));
    const wanted = new Set(names.filter((name) => !shownBefore.has(name)));
    const unknown = await this.#unnamed(look, { author, pids, wanted });
    return {
      resources: [...byFacts.flatMap(({ found }) => (found === undefined ? [] : [found])), ...unknown.resources],
      isWhole: unknown.isWhole && byFacts.every((each) => each.isWhole),
    };
  }

  /** A session lists types, and no FHIR ids: those of a wanted type that never had a name here are read to learn it. */
  async #unnamed(
    look: Look,
    asked: { readonly author: string; readonly pids: ReadonlySet<string>; readonly wanted: ReadonlySet<string> },
  ): Promise<BeyondFound> {
    const { author, pids, wanted } = asked;
    const resources: ForeignResource[] = [];
    let isWhole = true;
    if (wanted.size === 0) return { resources, isWhole };
    const { ids, reader, reading } = this.#parts;
    const types = new Set<string>([...wanted].map(typeOf));
    for (const { session, pid, ownPid, author: of } of reader.listOpen(look.asker.who.id)) {
      if (of !== author || !pids.has(pid) || !isSessionOf(look.asker, { ownPid })) continue;
      const place = { author, pid, patient: null, ownPid };
      const listing = await orNothing(reading.list(look, place, session));
      const candidates = (listing.found ?? []).filter(({ type }) => types.has(type)).map(({ recordId }) => recordId);
      const named = await ids.findKnown(author, candidates);
      const unnamed = new Set(candidates.filter((recordId) => !named.has(recordId)));
      const wants = ({ recordId }: { readonly recordId: string }): boolean => unnamed.has(recordId);
      const isTooMany = unnamed.size > FOREIGN_RECORDS_MAX;
      const read = isTooMany ? undefined : await reading.ofSession(look, place, { session, taken: 0, wants });
      isWhole &&= listing.isWhole && read !== undefined;
      const base = `${this.#parts.baseUrlOf(author)}/`;
      resources.push(...(read ?? []).filter(({ url }) => wanted.has(url.slice(base.length))));
    }
    return { resources, isWhole };
  }

  async #directory(names: readonly string[], from: readonly ForeignResource[]): Promise<BeyondFound> {
    const missing = new Set(names);
    const resources: ForeignResource[] = [];
    let isWhole = true;
    for (const { source, recordId, tree, isDirectory: isEntry } of from) {
      if (missing.size === 0) break;
      if (isEntry || source.session === null) continue;
      const base = this.#parts.baseUrlOf(source.author);
      const named = namesBelow(base, referencesIn(tree)).filter((name) => missing.has(name));
      if (named.length === 0) continue;
      for (const name of named) missing.delete(name);
      const { found, isWhole: answered } = await orNothing(this.#parts.resources.directory(source, recordId, named));
      isWhole &&= answered;
      resources.push(...(found ?? []));
    }
    return { resources, isWhole };
  }
}

/** What another organisation does not show, or no longer, takes nothing else of an answer away. */
async function orNothing<T>(
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
