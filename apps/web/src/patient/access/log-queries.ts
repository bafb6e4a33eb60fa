import { compareCheckpoint, type GivenLine, type LogProof, type NodeSession, readLogProof } from '@salus/client';
import type { LogRootFact } from '@salus/contracts';
import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query';
import { type PatientSession, usePatient } from '../../session/index.ts';
import type { Place } from './acting.ts';

const PAGE = 50;

/** Some lines of the log, newest first, with everything that proves them on this device. */
export interface LogPage {
  readonly lines: readonly GivenLine[];
  /** null while the log has no root on the ledger. */
  readonly proof: LogProof | null;
  /** The counter of the line that the page before ended with; undefined on the first page. */
  readonly before: number | undefined;
}

export function useLog(entry: Place): UseInfiniteQueryResult<InfiniteData<LogPage>> {
  const patient = usePatient();
  return useInfiniteQuery({
    queryKey: ['access', 'log', entry.pid],
    initialPageParam: undefined as number | undefined,
    queryFn: async ({ pageParam }) => {
      const session = await patient.at(entry.pid);
      // The ledger must be the one that this wallet has seen before anything on it proves a line.
      if (pageParam === undefined) await keepCheckpoint(patient, session);
      return readPage(session, pageParam);
    },
    getNextPageParam: ({ lines }) => {
      const last = lines.at(-1)?.pidSeq ?? 1;
      return last <= 1 ? undefined : last;
    },
  });
}

async function readPage(session: NodeSession, before: number | undefined): Promise<LogPage> {
  const { api, organisation, token } = session;
  const page = await api.send<{ readonly root: LogRootFact | null; readonly lines: readonly GivenLine[] }>({
    method: 'GET',
    path: `/api/v1/orgs/${organisation}/patient/audit`,
    query: { before, limit: PAGE },
    token,
  });
  const proof = page.root === null ? null : await readLogProof(session, page.root);
  return { lines: page.lines, proof, before };
}

async function keepCheckpoint(patient: PatientSession, session: NodeSession): Promise<void> {
  const { kept } = await compareCheckpoint(session, patient.wallet.content);
  const { wallet } = patient;
  if (wallet.content.checkpoint?.hash === kept.hash) return;
  await patient.keep({ ...wallet, content: { ...wallet.content, checkpoint: kept } });
}
