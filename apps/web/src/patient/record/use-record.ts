import { type ListedRecord, listOwnRecords, openOwnKeys, readOwnRecords } from '@salus/client';
import { parseFhirJson } from '@salus/fhir/parse';
import type { PidEntry } from '@salus/wallet';
import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { type PatientSession, usePatient } from '../../session/index.ts';
import { OpeningProgress } from './opening-progress.ts';
import type { RecordEntry } from './record-entry.ts';

/** The patient's whole record, as far as it is open on this device. */
export interface OpenRecord {
  /** Of all organisations that answered. */
  readonly entries: readonly RecordEntry[];
  /** Whether some organisation's records are still on their way. */
  readonly isOpening: boolean;
  /** How far: entries opened, of how many. */
  readonly done: number;
  readonly total: number;
  /** Organisations whose records could not be read, with what they answered. */
  readonly failed: readonly { readonly organisation: string; readonly error: unknown }[];
  retry(): void;
}

const progress = new OpeningProgress();

/** Opens every record of the patient on this device; what is open already is not fetched again. */
export function useRecord(): OpenRecord {
  const patient = usePatient();
  const client = useQueryClient();
  const results = useQueries({
    queries: patient.pids.map((entry) => ({
      queryKey: ['record', 'open', entry.pid],
      queryFn: async (): Promise<readonly RecordEntry[]> =>
        openAt(patient, entry, client.getQueryData<readonly RecordEntry[]>(['record', 'open', entry.pid]) ?? []),
      // Comparing thousands of trees to find that they are equal costs more than drawing them again.
      structuralSharing: false as const,
    })),
  });
  const { done, total } = useSyncExternalStore(progress.subscribe, progress.read);
  const entries = joined(results.flatMap(({ data }) => (data === undefined ? [] : [data])));
  return {
    entries,
    isOpening: results.some(({ isPending }) => isPending),
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

type Part = readonly RecordEntry[];

const NONE: Part = [];
/** Held weakly: what the queries forget is forgotten here too. */
const joins = new WeakMap<Part, { readonly parts: readonly Part[]; readonly entries: Part }>();

/** All parts as one list, the same list for the same parts: pages compute from it what they show. */
function joined(parts: readonly Part[]): Part {
  const [first] = parts;
  if (first === undefined) return NONE;
  const known = joins.get(first);
  if (known?.parts.length === parts.length && known.parts.every((part, at) => part === parts[at])) return known.entries;
  const entries = parts.flat();
  joins.set(first, { parts, entries });
  return entries;
}

async function openAt(
  patient: PatientSession,
  { pid, organisation }: PidEntry,
  known: readonly RecordEntry[],
): Promise<readonly RecordEntry[]> {
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
  // What is relabelled keeps its version: the list decides about that, the opened text about the rest.
  return listed.flatMap((record) => {
    const entry = open.get(`${record.recordId} ${record.version}`);
    return entry === undefined ? [] : [{ ...entry, category: record.category, labelClass: record.labelClass }];
  });
}

function entryOf(
  organisation: string,
  { recordId, category, labelClass, lastUpdatedMs = 0 }: ListedRecord,
  { version, text }: { readonly version: number; readonly text: string },
): RecordEntry {
  return { organisation, recordId, version, category, labelClass, lastUpdatedMs, text, resource: parseFhirJson(text) };
}
