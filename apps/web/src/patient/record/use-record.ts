import { isUnanswered, type ListedRecord, listOwnRecords, openOwnKeys, readOwnRecords } from '@salus/client';
import { parseFhirJson } from '@salus/fhir/parse';
import type { PidEntry } from '@salus/wallet';
import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { type PatientSession, usePatient } from '../../session/index.ts';
import { findKeptRecord, keepRecord } from './kept-record.ts';
import { OpeningProgress } from './opening-progress.ts';
import type { RecordEntry } from './record-entry.ts';

/** The patient's whole record, as far as it is open on this device. */
export interface OpenRecord {
  /** Of all organisations that answered. */
  readonly entries: readonly RecordEntry[];
  /** Whether some organisation's records are still on their way. */
  readonly isOpening: boolean;
  /** Whether some of it is what this device kept, because a node does not answer. */
  readonly isKept: boolean;
  /** How far: entries opened, of how many. */
  readonly done: number;
  readonly total: number;
  /** Organisations whose records could not be read, with what they answered. */
  readonly failed: readonly { readonly organisation: string; readonly error: unknown }[];
  retry(): void;
}

const progress = new OpeningProgress();

/** One organisation's part. */
interface Part {
  readonly entries: readonly RecordEntry[];
  readonly isKept: boolean;
}

/** Opens every record of the patient on this device; what is open or kept already is not fetched again. */
export function useRecord(): OpenRecord {
  const patient = usePatient();
  const client = useQueryClient();
  const results = useQueries({
    queries: patient.pids.map((entry) => ({
      queryKey: ['record', 'open', entry.pid],
      queryFn: () => openAt(patient, entry, client.getQueryData<Part>(['record', 'open', entry.pid])?.entries),
      // Comparing thousands of trees to find that they are equal costs more than drawing them again.
      structuralSharing: false as const,
    })),
  });
  const { done, total } = useSyncExternalStore(progress.subscribe, progress.read);
  const entries = joined(results.flatMap(({ data }) => (data === undefined ? [] : [data.entries])));
  return {
    entries,
    isOpening: results.some(({ isPending }) => isPending),
    isKept: results.some(({ data }) => data?.isKept === true),
    done,
    total,
    failed: results.flatMap(({ error }, at) =>
      error === null ? [] : [{ organisation: patient.pids[at]!.organisation, error }],
    ),
    retry: () => {
      for (const { isError, refetch } of results) if (isError) void refetch();
    },
  };
}

type Entries = readonly RecordEntry[];

const NONE: Entries = [];
/** Held weakly: what the queries forget is forgotten here too. */
const joins = new WeakMap<Entries, { readonly parts: readonly Entries[]; readonly entries: Entries }>();

/** All parts as one list, the same list for the same parts: pages compute from it what they show. */
function joined(parts: readonly Entries[]): Entries {
  const [first] = parts;
  if (first === undefined) return NONE;
  const known = joins.get(first);
  if (known?.parts.length === parts.length && known.parts.every((part, at) => part === parts[at])) return known.entries;
  const entries = parts.flat();
  joins.set(first, { parts, entries });
  return entries;
}

async function openAt(patient: PatientSession, entry: PidEntry, shown: Entries | undefined): Promise<Part> {
  const known = shown ?? (await findKeptRecord(patient.store, entry.pid));
  try {
    const entries = await openNew(patient, entry, known);
    if (entries !== known) await keepRecord(patient.store, entry.pid, entries);
    return { entries, isKept: false };
  } catch (error) {
    if (!isUnanswered(error) || known.length === 0) throw error;
    return { entries: known, isKept: true };
  }
}

/** What the node has now: known versions as they are, the others opened here; `known` itself where nothing changed. */
export async function openNew(
  patient: PatientSession,
  { pid, organisation }: Pick<PidEntry, 'pid' | 'organisation'>,
  known: Entries,
): Promise<Entries> {
  const session = await patient.at(pid);
  const listed = await listOwnRecords(session);
  const open = new Map(known.map((entry) => [`${entry.recordId} ${entry.version}`, entry]));
  const missing = listed.filter(({ recordId, version }) => !open.has(`${recordId} ${version}`));
  if (missing.length > 0) {
    const about = new Map(missing.map((record) => [record.recordId, record]));
    const keys = await openOwnKeys(session, patient.wallet, pid);
    const step = progress.begin(missing.length);
    try {
      const opened = await readOwnRecords(session, keys, [...about.keys()], step.at);
      for (const { recordId, version, text } of opened) {
        open.set(`${recordId} ${version}`, entryOf(organisation, about.get(recordId)!, { version, text }));
      }
    } finally {
      step.end();
    }
  }
  const entries = listed.flatMap((record) => {
    const entry = open.get(`${record.recordId} ${record.version}`);
    return entry === undefined ? [] : [labelledAs(entry, record)];
  });
  const isSame = entries.length === known.length && entries.every((entry, at) => entry === known[at]);
  return isSame ? known : entries;
}

/** What is relabelled keeps its version: the list decides about that, the opened text about the rest. */
function labelledAs(entry: RecordEntry, { category, labelClass }: ListedRecord): RecordEntry {
  return entry.category === category && entry.labelClass === labelClass ? entry : { ...entry, category, labelClass };
}

function entryOf(
  organisation: string,
  { recordId, category, labelClass, lastUpdatedMs = 0 }: ListedRecord,
  { version, text }: { readonly version: number; readonly text: string },
): RecordEntry {
  return { organisation, recordId, version, category, labelClass, lastUpdatedMs, text, resource: parseFhirJson(text) };
}
