import { ClientError, leafReferenceOf, type OwnRecord, openOwnKeys, readOwnRecord, submitCall } from '@salus/client';
import type { LeafReference } from '@salus/contracts';
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

/** A version of a document as this device opened it, to be shown before anything is stated about it. */
export type ShownVersion = Pick<OwnRecord, 'recordId' | 'version' | 'text'>;

/** Opens what the place has now, on this device. The opening stands in the log. */
export async function openVersion(patient: PatientSession, { pid }: Place, recordId: string): Promise<OwnRecord> {
  const session = await patient.at(pid);
  return readOwnRecord(session, await openOwnKeys(session, patient.wallet, pid), recordId);
}

/**
 * Signs a statement about the version that was shown and hands it to the place that keeps it. The statement names the leaf of
 * that version as it was opened on this device, and nothing that the node says: it can be hung on no other record or text.
 *
 * @returns `changed` where there is another version than the one that was shown: nothing is signed
 * @throws ClientError `proof-invalid` where the node gives another text for the version that was shown
 */
export async function stateDispute(
  patient: PatientSession,
  { entry, shown, text }: { readonly entry: Place; readonly shown: ShownVersion; readonly text: string },
  open: typeof openVersion = openVersion,
): Promise<'stated' | 'changed'> {
  const { recordId } = shown;
  const leaf = leafOfShown(shown, await open(patient, entry, recordId));
  if (leaf === 'changed') return leaf;
  const { call, privateArgs } = await dispute(patient.wallet, patient.occasion(), { pid: entry.pid, leaf, text });
  const { api, organisation, token } = await patient.at(entry.pid);
  const path = pathAt(organisation);
  await api.send({ method: 'POST', path, body: { recordId, call, privateArgs }, token, repeatable: true });
  return 'stated';
}

/** The leaf of what was shown. */
export function leafOfShown(
  shown: ShownVersion,
  { recordId, version, text, sealed }: Pick<OwnRecord, 'recordId' | 'version' | 'text' | 'sealed'>,
): LeafReference | 'changed' {
  if (shown.recordId !== recordId || shown.version !== version) return 'changed';
  if (shown.text !== text) {
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
