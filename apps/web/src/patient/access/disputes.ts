import { type ListedRecord, submitCall } from '@salus/client';
import { dispute, withdrawDispute } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
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

type Leaf = Parameters<typeof dispute>[2]['leaf'] & { readonly version: number };

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

/** Signs a statement about the newest version of a record and hands it to the place that keeps it. */
export async function stateDispute(
  patient: PatientSession,
  {
    entry,
    record,
    text,
  }: { readonly entry: Place; readonly record: Pick<ListedRecord, 'recordId'>; readonly text: string },
): Promise<void> {
  const { api, organisation, token } = await patient.at(entry.pid);
  const { recordId } = record;
  const leavesPath = `/api/v1/orgs/${organisation}/patient/records/${encodeURIComponent(recordId)}/leaves`;
  const { leaves } = await api.send<{ leaves: readonly Leaf[] }>({ method: 'GET', path: leavesPath, token });
  const newest = leaves.at(-1);
  if (newest === undefined) throw new Error('the node lists no version of a record that it listed');
  const { version: _, ...leaf } = newest;
  const prepared = await dispute(patient.wallet, patient.occasion(), { pid: entry.pid, leaf, text });
  const { call, privateArgs } = prepared;
  const path = pathAt(organisation);
  await api.send({ method: 'POST', path, body: { recordId, call, privateArgs }, token, repeatable: true });
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
