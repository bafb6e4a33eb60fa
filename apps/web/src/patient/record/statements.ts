import type { NodeSession } from '@salus/client';
import type { PatientSession } from '../../session/index.ts';
import type { RecordEntry } from './record-entry.ts';

/** What the patient stated about an entry, and what its author answered, as the node has it. */
interface Dispute {
  readonly dispute: string;
  readonly recordId: string;
  readonly status: 'open' | 'amended' | 'declined' | 'withdrawn';
  readonly atMs: number;
  readonly text: string;
  readonly answer: { readonly text: string; readonly atMs: number } | null;
}

/** A statement beside the entry that it is about. */
export interface Statement {
  readonly entry: RecordEntry;
  readonly dispute: Dispute;
}

/** Statements about the given entries that were not taken back: they travel with what they are about. */
export async function statementsOn(
  patient: PatientSession,
  entries: readonly RecordEntry[],
): Promise<readonly Statement[]> {
  const perPid = await Promise.all(
    patient.pids
      .filter(({ organisation }) => entries.some((entry) => entry.organisation === organisation))
      .map(async ({ pid, organisation }) => {
        const disputes = await listDisputes(await patient.at(pid));
        return disputes.flatMap((dispute) => {
          const entry = entries.find((one) => one.organisation === organisation && one.recordId === dispute.recordId);
          return entry === undefined || dispute.status === 'withdrawn' ? [] : [{ entry, dispute }];
        });
      }),
  );
  return perPid.flat();
}

async function listDisputes({ api, organisation, token }: NodeSession): Promise<readonly Dispute[]> {
  const path = `/api/v1/orgs/${organisation}/patient/disputes`;
  return (await api.send<{ readonly disputes: readonly Dispute[] }>({ method: 'GET', path, token })).disputes;
}

/** The statement as FHIR: a Communication about the resource at `fullUrl`, with the author's answer as its second part. */
export function communicationOf({ dispute }: Statement, fullUrl: string): object {
  const { atMs, text, answer } = dispute;
  return {
    resourceType: 'Communication',
    status: 'completed',
    category: [{ text: 'dispute' }],
    about: [{ reference: fullUrl }],
    sent: new Date(atMs).toISOString(),
    payload: [{ contentString: text }, ...(answer === null ? [] : [{ contentString: answer.text }])],
  };
}
