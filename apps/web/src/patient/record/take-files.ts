import { openOwnKeys, provenBundle, proveOwnRecord, type RecordProof, readOwnRecords } from '@salus/client';
import { stringifyFhirJson } from '@salus/fhir/parse';
import type { PatientSession } from '../../session/index.ts';
import { addressOf, patientSummaryOf } from './patient-summary.ts';
import type { RecordEntry } from './record-entry.ts';
import { communicationOf, statementsOn } from './statements.ts';

/** Proofs that are asked for at once. */
const PROOFS_AT_ONCE = 4;

const drawId = (): string => crypto.randomUUID();

/** The International Patient Summary as text; undefined where no organisation wrote down who the patient is. */
export function summaryText(
  entries: readonly RecordEntry[],
  { nowMs, organisations }: { readonly nowMs: number; readonly organisations: ReadonlyMap<string, string> },
): string | undefined {
  const bundle = patientSummaryOf(entries, { origin: location.origin, nowMs, drawId, organisations });
  return bundle === undefined ? undefined : stringifyFhirJson(bundle);
}

/**
 * Everything that was chosen, each entry as it was written, in one FHIR collection without proofs; what the patient stated
 * about an entry goes along.
 */
export async function plainBundle(patient: PatientSession, entries: readonly RecordEntry[]): Promise<string> {
  const resources = await resourcesOf(patient, entries);
  const list = resources.map(({ fullUrl, text }) => `{"fullUrl":${JSON.stringify(fullUrl)},"resource":${text}}`);
  const made = new Date(patient.occasion().nowMs).toISOString();
  return `{"resourceType":"Bundle","type":"collection","timestamp":"${made}","entry":[${list.join(',\n')}]}`;
}

async function resourcesOf(
  patient: PatientSession,
  entries: readonly RecordEntry[],
): Promise<readonly { readonly fullUrl: string; readonly text: string }[]> {
  const statements = await statementsOn(patient, entries);
  return [
    ...entries.map((entry) => ({ fullUrl: addressOf(entry, location.origin), text: entry.text })),
    ...statements.map((statement) => ({
      fullUrl: `urn:uuid:${drawId()}`,
      text: JSON.stringify(communicationOf(statement, addressOf(statement.entry, location.origin))),
    })),
  ];
}

export interface TakenBundle {
  readonly text: string;
  /** Entries whose proof names other patients and stays at the node. */
  readonly unproven: number;
}

/** The chosen entries with the proof of each; the node gives proofs without texts, this device puts them in. */
export async function takeBundle(
  patient: PatientSession,
  entries: readonly RecordEntry[],
  onProven: (done: number) => void,
): Promise<TakenBundle> {
  const proofs: RecordProof[] = [];
  let done = 0;
  let unproven = 0;
  for (const { pid, organisation } of patient.pids) {
    const own = entries.filter((entry) => entry.organisation === organisation);
    if (own.length === 0) continue;
    const session = await patient.at(pid);
    const keys = await openOwnKeys(session, patient.wallet, pid);
    const opened = await readOwnRecords(
      session,
      keys,
      own.map(({ recordId }) => recordId),
    );
    for (let at = 0; at < opened.length; at += PROOFS_AT_ONCE) {
      const some = await Promise.all(opened.slice(at, at + PROOFS_AT_ONCE).map((one) => proveOwnRecord(session, one)));
      for (const proof of some) {
        if (proof === undefined) unproven += 1;
        else proofs.push(proof);
      }
      done += some.length;
      onProven(done);
    }
  }
  const resources = await resourcesOf(patient, entries);
  const { network, nowMs } = patient.occasion();
  return { text: provenBundle({ network, resources, proofs, madeMs: nowMs, drawId }), unproven };
}
