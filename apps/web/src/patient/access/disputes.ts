import {
  ClientError,
  type ListedRecord,
  leafReferenceOf,
  type OwnRecord,
  openOwnKeys,
  readOwnRecord,
  submitCall,
} from '@salus/client';
import type { LeafReference } from '@salus/contracts';
import { dispute, withdrawDispute } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import { findKeptRecord } from '../record/kept-record.ts';
import type { RecordEntry } from '../record/record-entry.ts';
import type { Place } from './acting.ts';

/** The longest statement that a contract takes. */
export const STATEMENT_CHARS_MAX = 4_000;

/** What the patient stated about a version of a record, and what came of it. */
interface Dispute {
  readonly dispute: string;
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  readonly status: 'open' | 'amended' | 'declined' | 'withdrawn';
  readonly atMs: number;
  readonly text: string;
  readonly answer: { readonly text: string; readonly atMs: number } | null;
}

export interface DisputeAt {
  readonly entry: Place;
  readonly dispute: Dispute;
}

/** Statements at every place, the newest first. */
export async function listDisputes(patient: PatientSession, entries: readonly Place[]): Promise<readonly DisputeAt[]> {
  const perPid = await Promise.all(
    entries.map(async (entry) => {
      const { api, token } = await patient.at(entry.pid);
      const path = pathAt(entry.organisation);
      const { disputes } = await api.send<{ disputes: readonly Dispute[] }>({ method: 'GET', path, token });
      return disputes.map((one) => ({ entry, dispute: one }));
    }),
  );
  return perPid.flat().sort((left, right) => right.dispute.atMs - left.dispute.atMs);
}

/**
 * Signs a statement about a record and hands it to the place that keeps it. The statement names the leaf of what was opened
 * on this device, and of nothing that the node says: it can be hung on no other record.
 *
 * @returns `changed` where there is another version than the one that was read here: nothing is signed
 * @throws ClientError `proof-invalid` where the node gives another text for the version that was read
 */
export async function stateDispute(
  patient: PatientSession,
  {
    entry,
    record,
    text,
  }: { readonly entry: Place; readonly record: Pick<ListedRecord, 'recordId' | 'version'>; readonly text: string },
): Promise<'stated' | 'changed'> {
  const session = await patient.at(entry.pid);
  const { api, organisation, token } = session;
  const { recordId } = record;
  const opened = await readOwnRecord(session, await openOwnKeys(session, patient.wallet, entry.pid), recordId);
  const known = await findKeptRecord(patient.store, entry.pid);
  const shown = known.find((one) => one.recordId === recordId) ?? record;
  const leaf = leafOfShown(shown, opened);
  if (leaf === 'changed') return leaf;
  const prepared = await dispute(patient.wallet, patient.occasion(), { pid: entry.pid, leaf, text });
  const { call, privateArgs } = prepared;
  const path = pathAt(organisation);
  await api.send({ method: 'POST', path, body: { recordId, call, privateArgs }, token, repeatable: true });
  return 'stated';
}

/**
 * The leaf of what was read: as this device showed it, or, where it showed only that there is such a record, in the version
 * that was listed.
 */
export function leafOfShown(
  shown: Pick<RecordEntry, 'version'> & Partial<Pick<RecordEntry, 'text'>>,
  { version, text, sealed }: Pick<OwnRecord, 'version' | 'text' | 'sealed'>,
): LeafReference | 'changed' {
  if (shown.version !== version) return 'changed';
  if (shown.text !== undefined && shown.text !== text) {
    throw new ClientError('proof-invalid', 'The node gives another text than the one that was read.');
  }
  return leafReferenceOf(sealed);
}

/** Takes a statement back; that it was made stays on the ledger. */
export async function takeBack(patient: PatientSession, { entry, dispute: { dispute: id } }: DisputeAt): Promise<void> {
  const { api, organisation } = await patient.at(entry.pid);
  const prepared = await withdrawDispute(patient.wallet, patient.occasion(), { pid: entry.pid, dispute: id });
  await submitCall(api, organisation, prepared);
}

function pathAt(organisation: string): string {
  return `/api/v1/orgs/${organisation}/patient/disputes`;
}
