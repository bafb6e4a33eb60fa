import { type DeviceFact, deviceKey, type IdentityFact, identityKey } from '@salus/contracts';
import { type FhirTree, matchesFilter, type OwnFilter, parseFhirJson, parseReference } from '@salus/fhir';
import type { Ledger } from '@salus/ledger';
import type { Attachments } from '../attachments.ts';
import {
  COMPARTMENT_ROWS_MAX,
  type CompartmentParts,
  decisionsOf,
  isInFilter,
  listCompartment,
  openRecords,
} from '../compartment.ts';
import { PATIENTS_PAGE_MAX, type Patients } from '../patients.ts';
import { pidOf } from '../recipients.ts';
import type { Sight } from '../sight.ts';
import type { Owner, StoredRecord } from '../vault-types.ts';
import type { ExportFile, ExportQuestion } from './export-job.ts';
import { sealLine } from './export-line.ts';
import { LineFile } from './line-file.ts';

/** A file is closed and the next of its type opened beyond this. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;
/** Names of directory resources that an export remembers to bring along. */
const REFERENCES_MAX = 100_000;

/** Filters of one `_typeFilter`. */
export type TypeFilters = ReadonlyMap<string, readonly (readonly OwnFilter[])[]>;

export type WriteParts = CompartmentParts & {
  readonly ledger: Ledger;
  readonly patients: Patients;
  /** Where export files lie, apart from records' own attachments. */
  readonly files: Attachments;
  /** What a patient states about own records: a Communication's text for each, by the record that it is about. */
  listStatements?(pid: string): Promise<readonly { readonly recordId: string; readonly text: string }[]>;
};

export type Written =
  | { readonly kind: 'complete'; readonly files: readonly ExportFile[]; readonly skipped: number }
  | { readonly kind: 'stopped' };

/** The type of what a patient states about a record. */
const STATEMENT = 'Communication';

/** Thrown inside, to end a job whose caller lost what they saw. */
class TakenBack extends Error {}

/**
 * Writes the files of one job: patient by patient, page by page, each record decided and logged when it is written.
 * `stopped` when the caller was revoked, or is refused what was allowed before: nothing more is written then.
 */
export async function writeExport(
  parts: WriteParts,
  job: {
    readonly sight: Sight;
    readonly question: ExportQuestion;
    readonly filters: TypeFilters;
    readonly signal: AbortSignal;
  },
): Promise<Written> {
  const run = new ExportRun(parts, job);
  try {
    for await (const pid of patientsOf(parts, job)) await run.patient(`pid:${pid}`);
    await run.directory();
    return { kind: 'complete', ...(await run.finish()) };
  } catch (error) {
    await run.discard();
    if (error instanceof TakenBack) return { kind: 'stopped' };
    throw error;
  }
}

async function* patientsOf(
  { patients }: WriteParts,
  { sight, question }: { readonly sight: Sight; readonly question: ExportQuestion },
): AsyncGenerator<string> {
  const owners = await sight.owners();
  const isPossible = (pid: string): boolean => owners === 'all' || owners.has(`pid:${pid}`);
  if (question.patients !== null) {
    for (const fhirId of question.patients) {
      const known = await patients.findByFhirId(fhirId);
      if (known !== undefined && isPossible(known.pid)) yield known.pid;
    }
    return;
  }
  for (let after: string | undefined; ; ) {
    const page = await patients.list({ limit: PATIENTS_PAGE_MAX, ...(after === undefined ? {} : { after }) });
    for (const { pid } of page) if (isPossible(pid)) yield pid;
    if (page.length < PATIENTS_PAGE_MAX) return;
    after = page.at(-1)?.pid;
  }
}

class ExportRun {
  readonly #parts: WriteParts;
  readonly #job: Parameters<typeof writeExport>[1];
  readonly #types: ReadonlySet<string> | undefined;
  readonly #open = new Map<string, LineFile>();
  readonly #done: ExportFile[] = [];
  readonly #references = new Set<string>();
  /** Records of the present patient that were written. */
  readonly #carried = new Map<string, StoredRecord>();
  #lastAllowed: StoredRecord | undefined;
  #skipped = 0;

  constructor(parts: WriteParts, job: Parameters<typeof writeExport>[1]) {
    this.#parts = parts;
    this.#job = job;
    this.#types = job.question.types === null ? undefined : new Set(job.question.types);
  }

  async patient(owner: Owner): Promise<void> {
    this.#lastAllowed = undefined;
    this.#carried.clear();
    for await (const page of listCompartment(this.#parts, owner)) {
      await this.#demandStanding();
      await this.#write(page);
    }
    await this.#statements(owner);
    await this.#demandStanding();
  }

  /** Statements go with the records that they are about, under whose name a download decides about them again. */
  async #statements(owner: Owner): Promise<void> {
    const pid = pidOf(owner);
    const isAsked = this.#types === undefined || this.#types.has(STATEMENT);
    if (pid === undefined || !isAsked || this.#carried.size === 0) return;
    for (const { recordId, text } of (await this.#parts.listStatements?.(pid)) ?? []) {
      const record = this.#carried.get(recordId);
      if (record !== undefined) await this.#addLine(STATEMENT, sealLine(record, text));
    }
  }

  /** The directory resources that what was written refers to. */
  async directory(): Promise<void> {
    const names = [...this.#references].flatMap((name) => {
      const reference = parseReference(name);
      return reference.kind === 'local' ? [reference] : [];
    });
    for (let at = 0; at < names.length; at += COMPARTMENT_ROWS_MAX) {
      const found = await this.#parts.rows.findResources(names.slice(at, at + COMPARTMENT_ROWS_MAX));
      await this.#write(found.filter(({ status, meta }) => status === 'current' && meta.owner.startsWith('org:')));
    }
    await this.#demandStanding();
  }

  async finish(): Promise<{ readonly files: readonly ExportFile[]; readonly skipped: number }> {
    for (const type of [...this.#open.keys()]) await this.#close(type);
    return { files: this.#done, skipped: this.#skipped };
  }

  async discard(): Promise<void> {
    // What cannot be ended has no name to be removed by: the next start finds that nobody knows it.
    const ended = await Promise.allSettled([...this.#open.values()].map((file) => file.end()));
    this.#open.clear();
    const files = [...this.#done, ...ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))];
    for (const { content } of files) await this.#parts.files.remove(content.attachmentId);
  }

  async #write(page: readonly StoredRecord[]): Promise<void> {
    const { question, sight } = this.#job;
    const filter = {
      ...(this.#types === undefined ? {} : { types: this.#types }),
      ...(question.sinceMs === null ? {} : { sinceMs: question.sinceMs }),
    };
    const asked = page.filter((record) => isInFilter(record, filter));
    const allowed = await exportable(this.#parts, sight, asked);
    const fitting = await this.#fitting(allowed);
    for (const { record, text } of await openRecords(this.#parts, sight, { records: fitting, kind: 'export' })) {
      this.#remember(record);
      if (text === null) this.#skipped += 1;
      else await this.#addLine(record.meta.type, sealLine(record, text));
      this.#carried.set(record.recordId, record);
    }
    this.#lastAllowed = allowed.at(-1) ?? this.#lastAllowed;
  }

  /** What a `_typeFilter` leaves: read before it is logged, shown to nobody. */
  async #fitting(records: readonly StoredRecord[]): Promise<readonly StoredRecord[]> {
    const { filters } = this.#job;
    if (filters.size === 0) return records;
    const fitting: StoredRecord[] = [];
    for (const record of records) {
      const wanted = filters.get(record.meta.type);
      if (wanted === undefined || this.#fits(wanted, await treeOf(this.#parts, record))) fitting.push(record);
    }
    return fitting;
  }

  #fits(wanted: readonly (readonly OwnFilter[])[], tree: FhirTree): boolean {
    const nowMs = this.#parts.clock();
    return wanted.some((filters) => filters.every((filter) => matchesFilter(tree, filter, nowMs)));
  }

  #remember({ meta }: StoredRecord): void {
    if (!meta.owner.startsWith('pid:')) return;
    for (const name of meta.references) if (this.#references.size < REFERENCES_MAX) this.#references.add(name);
  }

  async #addLine(type: string, line: string): Promise<void> {
    let file = this.#open.get(type);
    if (file === undefined) {
      file = new LineFile(this.#parts.files, type);
      this.#open.set(type, file);
    }
    await file.add(line);
    if (file.bytes > FILE_BYTES_MAX) await this.#close(type);
  }

  async #close(type: string): Promise<void> {
    const file = this.#open.get(type);
    if (file === undefined) return;
    const number = this.#done.filter((done) => done.type === type).length + 1;
    this.#open.delete(type);
    this.#done.push({ name: `${type}.${number}.ndjson`, ...(await file.end()) });
  }

  /** A caller who was revoked, or is refused now what they were given a moment ago, gets nothing more. */
  async #demandStanding(): Promise<void> {
    const { sight, signal } = this.#job;
    signal.throwIfAborted();
    if (!(await isStanding(this.#parts.ledger, sight))) throw new TakenBack();
    if (this.#lastAllowed === undefined) return;
    const [still] = await exportable(this.#parts, sight, [this.#lastAllowed]);
    if (still === undefined) throw new TakenBack();
  }
}

/**
 * Those that may be carried away now: as `visible`, but that a registrar may know patients by name is no reason. Throws
 * `rollback-unnamed` while nothing may be released.
 */
export async function exportable(
  { guard }: Pick<CompartmentParts, 'guard'>,
  sight: Sight,
  records: readonly StoredRecord[],
): Promise<readonly StoredRecord[]> {
  guard.demandReleasing();
  const seen: StoredRecord[] = [];
  const decide = decisionsOf(sight);
  for (const record of records) {
    const decision = await decide(record);
    const isShown = decision.kind === 'allowed' && decision.reason !== 'registrar';
    if (isShown && record.status !== 'tombstoned') seen.push(record);
  }
  return seen;
}

/** Is who asked still enrolled, or their device still the patient's? */
export async function isStanding(ledger: Ledger, { who }: Sight): Promise<boolean> {
  if (who.kind === 'patient') {
    const device = (await ledger.get(deviceKey(who.pid, who.kid))) as DeviceFact | undefined;
    return device?.status === 'active';
  }
  const identity = (await ledger.get(identityKey(who.id))) as IdentityFact | undefined;
  return identity?.status === 'active';
}

async function treeOf({ ciphertext }: WriteParts, record: StoredRecord): Promise<FhirTree> {
  return parseFhirJson(Buffer.from(await ciphertext.readPlaintext(record)));
}
