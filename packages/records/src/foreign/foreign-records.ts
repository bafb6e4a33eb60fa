import type { ResourceType } from '@salus/fhir';
import type { HomeAccess } from '../care.ts';
import type { CompartmentFilter } from '../compartment.ts';
import { FETCH_RECORDS_MAX } from '../exchange/exchange-peer.ts';
import type { KeptRecords } from '../exchange/kept-records.ts';
import type { ExchangeReader } from '../exchange/reader.ts';
import type { Patients } from '../patients.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import type { Beyond, BeyondAsked, BeyondFound } from '../search/beyond.ts';
import type { Clock, RecordRows } from '../vault-types.ts';
import { type Asker, askerOf, FOREIGN_RECORDS_MAX, isOver, isTheirs } from './foreign-access.ts';
import type { ForeignChanges } from './foreign-changes.ts';
import { Whereabouts } from './foreign-elsewhere.ts';
import { type EverythingPage, everythingOf, newestOf } from './foreign-everything.ts';
import type { ForeignIds } from './foreign-ids.ts';
import type { ForeignLinks } from './foreign-links.ts';
import { NamedResources } from './foreign-named.ts';
import { directoryUrlsIn } from './foreign-names.ts';
import { ForeignNews } from './foreign-news.ts';
import { maySeePatient } from './foreign-patient.ts';
import { ForeignReading, type Look } from './foreign-reading.ts';
import { type ForeignResource, ForeignResources } from './foreign-resource.ts';
import type { ForeignSessions } from './foreign-sessions.ts';

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
  readonly sessions: ForeignSessions;
  readonly changes: ForeignChanges;
  readonly clock: Clock;
  baseUrlOf(organisation: string): string;
}

/**
 * What other organisations' patients granted, in this organisation's base (DESIGN §5, ADR 0015): for the one person whose signed
 * request opened a session, as long as it is open, for the app that a grant names, and as kept copies for whoever might use their
 * grant. Nothing of it is stored: every look is a read at the author's node, decided and logged there.
 */
export class ForeignRecords {
  readonly #parts: Parts;
  readonly #reading: ForeignReading;
  readonly #whereabouts: Whereabouts;
  readonly #named: NamedResources;
  /** What subscriptions hear of. */
  readonly news: ForeignNews;

  constructor(parts: Parts) {
    this.#parts = parts;
    const resources = new ForeignResources(parts);
    this.#reading = new ForeignReading({ ...parts, resources });
    this.#whereabouts = new Whereabouts({ ...parts, resources });
    this.#named = new NamedResources({ ...parts, resources, reading: this.#reading, whereabouts: this.#whereabouts });
    this.news = new ForeignNews({ ...parts, reading: this.#reading, whereabouts: this.#whereabouts });
  }

  /**
   * A resource by its local id; undefined where the person has neither an open session that grants it nor a copy. A session that
   * has ended since throws `session-ended` with the author's code as detail, a node that does not answer `peer-unreachable`.
   */
  async read(caller: VaultCaller, type: ResourceType, localId: string): Promise<ForeignResource | undefined> {
    const asker = askerOf(caller, this.#parts.organisation);
    const facts = asker === undefined ? undefined : await this.#parts.ids.find(type, localId);
    if (asker === undefined || facts === undefined) return undefined;
    const { author, pid } = facts;
    const isOpen = await this.#whereabouts.prepare(asker, { author, pid });
    const look: Look = { caller, asker, interaction: 'r' };
    if (isOpen) return this.#reading.known(look, facts);
    const found = await this.#reading.known(look, facts).catch((error: unknown) => {
      if (!isOver(error)) throw error;
    });
    if (found !== undefined) return found;
    throw new RecordsError('peer-unreachable', 'no session could be opened where the resource lies');
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
    // One answer asks for page, total and links between: what it read once it does not read again.
    const found = new Map<string, Promise<BeyondFound>>();
    const once = (asked: readonly unknown[], find: () => Promise<BeyondFound>): Promise<BeyondFound> => {
      const name = JSON.stringify(asked);
      const known = found.get(name) ?? find();
      found.set(name, known);
      return known;
    };
    return {
      find: (asked) => once([asked.type, asked.patients, asked.ids], () => this.#find(look, asked)),
      named: (urls, sources) =>
        once([urls, sources.foreign.map(({ url, source }) => [url, source.session]), sources.owners], () =>
          this.#named.find(look, urls, sources),
        ),
    };
  }

  /** A page of a patient's records elsewhere, in an order that stays; nothing of one who may not be seen here. */
  async everything(
    caller: VaultCaller,
    fhirId: string,
    page: { readonly filter: CompartmentFilter; readonly count: number; readonly after: string },
  ): Promise<EverythingPage> {
    const open = await this.#openPatient(caller, fhirId);
    if (open === undefined) return { resources: [], next: undefined, isWhole: true };
    const found = await everythingOf(this.#reading, open.look, { ...page, ...open.place });
    return { ...found, isWhole: found.isWhole && open.isWhole };
  }

  /** The newest of a patient's records elsewhere, at most `count`; nothing of one who may not be seen here. */
  async newest(
    caller: VaultCaller,
    fhirId: string,
    asked: { readonly filter: CompartmentFilter; readonly count: number },
  ): Promise<BeyondFound> {
    const open = await this.#openPatient(caller, fhirId);
    if (open === undefined) return { resources: [], isWhole: true };
    const found = await newestOf(this.#reading, open.look, { ...asked, ...open.place });
    return { ...found, isWhole: found.isWhole && open.isWhole };
  }

  /** The entries of authors' directories that resources of one answer name. */
  async directoryOf(caller: VaultCaller, from: readonly ForeignResource[]): Promise<BeyondFound> {
    const asker = await this.#askerOfAnything(caller);
    if (asker === undefined) return { resources: [], isWhole: true };
    const urls = new Set(from.flatMap(({ tree }) => directoryUrlsIn(tree)));
    return this.#named.find({ caller, asker, interaction: 'r' }, [...urls], { foreign: from, owners: [] });
  }

  async #openPatient(caller: VaultCaller, fhirId: string) {
    const asker = await this.#askerOfAnything(caller);
    const patient = asker === undefined ? undefined : await this.#parts.patients.findByFhirId(fhirId);
    if (asker === undefined || patient === undefined) return undefined;
    const look: Look = { caller, asker, interaction: 'r' };
    if (!(await maySeePatient(this.#parts, look, { fhirId, pid: patient.pid }))) return undefined;
    const { elsewhere, isWhole } = await this.#whereabouts.open(asker, patient.pid);
    return { look, isWhole, place: { patient: fhirId, ownPid: patient.pid, elsewhere } };
  }

  async #askerOfAnything(caller: VaultCaller): Promise<Asker | undefined> {
    const asker = askerOf(caller, this.#parts.organisation);
    return asker === undefined || (await this.#whereabouts.isNothing(asker)) ? undefined : asker;
  }

  async #find(look: Look, { type, patients, ids }: BeyondAsked): Promise<BeyondFound> {
    if (patients.length === 0) return this.#findByIds(look.caller, type, ids);
    const resources: ForeignResource[] = [];
    // By author's record: several sessions may show the same one.
    const known = new Set<string>();
    const nameOf = (author: string, recordId: string): string => `${author} ${recordId}`;
    const take = (found: readonly ForeignResource[]): void => {
      for (const { source, recordId } of found) known.add(nameOf(source.author, recordId));
      resources.push(...found);
    };
    let isWhole = patients.length <= PATIENTS_MAX;
    for (const fhirId of patients.slice(0, PATIENTS_MAX)) {
      const patient = await this.#parts.patients.findByFhirId(fhirId);
      if (patient === undefined || !(await maySeePatient(this.#parts, look, { fhirId, pid: patient.pid }))) continue;
      const { elsewhere, isWhole: isOpen } = await this.#whereabouts.open(look.asker, patient.pid);
      isWhole &&= isOpen;
      for (const { author, pid, sessions, isLinked } of elsewhere) {
        const place = { author, pid, patient: fhirId, ownPid: patient.pid };
        for (const { session } of sessions) {
          const wants = (record: { readonly type: string; readonly recordId: string }): boolean =>
            record.type === type && !known.has(nameOf(author, record.recordId));
          const read = await this.#reading.ofSession(look, place, { session, wants, taken: known.size });
          if (read === undefined) isWhole = false;
          else take(read);
        }
        if (!isLinked) continue;
        const kept = (await this.#reading.listKept(look, place))
          .filter((facts) => facts.type === type && !known.has(nameOf(author, facts.recordId)))
          .map(({ recordId }) => recordId);
        if (known.size + kept.length > FOREIGN_RECORDS_MAX) isWhole = false;
        else take(await this.#reading.keptOf(look.asker.who, place, kept));
      }
    }
    return { resources, isWhole };
  }

  /** Ids of own resources are nothing here; of the others each is read at its author's. */
  async #findByIds(caller: VaultCaller, type: ResourceType, ids: readonly string[]): Promise<BeyondFound> {
    const shown = (await Promise.all(ids.map((id) => this.#parts.ids.find(type, id)))).filter(
      (facts) => facts !== undefined,
    );
    const asked = shown.slice(0, FETCH_RECORDS_MAX);
    const found = await Promise.all(asked.map(({ localId }) => this.#findById(caller, type, localId)));
    return {
      resources: found.flatMap(({ resource }) => resource ?? []),
      isWhole: shown.length <= FETCH_RECORDS_MAX && found.every(({ isWhole }) => isWhole),
    };
  }

  async #findById(
    caller: VaultCaller,
    type: ResourceType,
    id: string,
  ): Promise<{ readonly resource: ForeignResource | undefined; readonly isWhole: boolean }> {
    try {
      return { resource: await this.read(caller, type, id), isWhole: true };
    } catch (error) {
      if (!isOver(error) && !isTheirs(error)) throw error;
      return { resource: undefined, isWhole: isOver(error) };
    }
  }
}
