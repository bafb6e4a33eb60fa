import { compareCheckpoint, type GivenLine, type LogProof, type NodeSession, readLogProof } from '@salus/client';
import type { LogRootFact } from '@salus/contracts';
import { fromUtf8, utf8 } from '@salus/crypto';
import type { SeenCheckpoint } from '@salus/wallet';
import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query';
import { type PatientSession, usePatient } from '../../session/index.ts';
import type { Place } from './acting.ts';

const PAGE = 50;
/** A line waits for a root of its log: a second at a busy house, up to a minute for a reading at a quiet one (ADR 0002). */
const PENDING_ASK_MS = 5_000;

/** Some lines of the log, newest first, with everything that proves them on this device. */
export interface LogPage {
  readonly lines: readonly GivenLine[];
  /** null while the log has no root on the ledger. */
  readonly proof: LogProof | null;
  /** The counter of the line that the page before ended with; undefined on the first page. */
  readonly before: number | undefined;
  /** The checkpoint that the proof ends at, where it continues what the wallet holds on to; null where it is the node's word. */
  readonly anchor: SeenCheckpoint | null;
  /** The highest counter of this log that this device had seen before; 0 where none. */
  readonly known: number;
}

export function useLog(entry: Place): UseInfiniteQueryResult<InfiniteData<LogPage>> {
  const patient = usePatient();
  return useInfiniteQuery({
    queryKey: ['access', 'log', entry.pid],
    initialPageParam: undefined as number | undefined,
    queryFn: async ({ pageParam }) => {
      const session = await patient.at(entry.pid);
      return readPage(patient, session, { pid: entry.pid, before: pageParam });
    },
    getNextPageParam: ({ lines }) => {
      // Only line 1 is the end; `missingIn` says where a log stops before it.
      const last = lines.at(-1)?.pidSeq ?? 1;
      return last <= 1 ? undefined : last;
    },
    // Until everything that is shown can be proven.
    refetchInterval: ({ state }) => (state.data?.pages.some(hasPending) === true ? PENDING_ASK_MS : false),
  });
}

function hasPending({ lines, proof }: LogPage): boolean {
  return lines.some(({ seq }) => seq >= (proof?.root.size ?? 0));
}

async function readPage(
  patient: PatientSession,
  session: NodeSession,
  { pid, before }: { readonly pid: string; readonly before: number | undefined },
): Promise<LogPage> {
  const { api, organisation, token } = session;
  const page = await api.send<{ readonly root: LogRootFact | null; readonly lines: readonly GivenLine[] }>({
    method: 'GET',
    path: `/api/v1/orgs/${organisation}/patient/audit`,
    query: { before, limit: PAGE },
    token,
  });
  // The proof ends at the very checkpoint that was compared with the wallet's, and at no other that the node may name.
  const { checkpoint, isAnchored, kept } = await compareCheckpoint(session, patient.wallet.content);
  if (patient.wallet.content.checkpoint?.hash !== kept.hash) await keepCheckpoint(patient, kept);
  const proof = page.root === null ? null : await readLogProof(session, page.root, checkpoint);
  const known = await keepNewest(patient, pid, page.lines[0]?.pidSeq ?? 0);
  return { lines: page.lines, proof, before, anchor: isAnchored ? kept : null, known };
}

/** Keeps the highest counter of a log on this device. @returns the one that it had seen before */
async function keepNewest({ store }: PatientSession, pid: string, newest: number): Promise<number> {
  const name = `log-newest/${pid}`;
  const kept = await store.find(name);
  const known = kept === undefined ? 0 : Number(fromUtf8(kept));
  if (newest > known) await store.put(name, utf8(String(newest)));
  return known;
}

async function keepCheckpoint(patient: PatientSession, kept: SeenCheckpoint): Promise<void> {
  await patient.change((newest) => {
    const { checkpoint } = newest.content;
    if (checkpoint?.hash === kept.hash) return newest;
    // Another tab may have seen more meanwhile: what it saw stays.
    const isOlder = checkpoint !== null && checkpoint.onChannel === kept.onChannel && kept.number <= checkpoint.number;
    return isOlder ? newest : { ...newest, content: { ...newest.content, checkpoint: kept } };
  });
}
