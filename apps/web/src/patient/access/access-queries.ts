import {
  type HeldEmergency,
  type HeldGrant,
  type ListedRecord,
  listGrants,
  listOwnRecords,
  listRequests,
  type PatientRequest,
} from '@salus/client';
import type { PidEntry } from '@salus/wallet';
import { type UseQueryResult, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { type PatientSession, usePatient } from '../../session/index.ts';

export interface GrantsAt {
  readonly entry: PidEntry;
  readonly grants: readonly HeldGrant[];
  readonly emergencies: readonly HeldEmergency[];
}

export interface RequestAt {
  readonly entry: PidEntry;
  readonly request: PatientRequest;
}

/** The patient's records at one place; `records` is undefined while they are on their way. */
export interface RecordsAt {
  readonly entry: PidEntry;
  readonly records: readonly ListedRecord[] | undefined;
  readonly isError: boolean;
}

/** Every grant and emergency of every pid. */
export function useGrants(): UseQueryResult<readonly GrantsAt[]> {
  const patient = usePatient();
  return useQuery({
    queryKey: ['grant', 'held', namesOf(patient)],
    queryFn: () =>
      forEachPid(patient, async (entry) => ({ entry, ...(await listGrants(await patient.at(entry.pid))) })),
  });
}

/** Requests of all pids, the newest first. */
export function useRequests(): UseQueryResult<readonly RequestAt[]> {
  const patient = usePatient();
  return useQuery({
    queryKey: ['request', 'own', namesOf(patient)],
    queryFn: async () => {
      const perPid = await forEachPid(patient, async (entry) =>
        (await listRequests(await patient.at(entry.pid))).map((request) => ({ entry, request })),
      );
      return perPid.flat().sort((left, right) => right.request.createdMs - left.request.createdMs);
    },
  });
}

/** What each of the pids keeps, without content: from this a grant's opening is counted. */
export function useRecordsAt(entries: readonly PidEntry[]): readonly RecordsAt[] {
  const patient = usePatient();
  const results = useQueries({
    queries: entries.map((entry) => ({
      queryKey: ['record', 'list', entry.pid],
      queryFn: async () => listOwnRecords(await patient.at(entry.pid)),
    })),
  });
  return entries.map((entry, at) => ({
    entry,
    records: results[at]?.data,
    isError: results[at]?.isError ?? false,
  }));
}

/** Asks anew for what a decision of the patient has changed, without waiting for the node to tell. */
export function useDecided(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    await Promise.all(['grant', 'request'].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
  }, [client]);
}

function namesOf({ pids }: PatientSession): readonly string[] {
  return pids.map(({ pid }) => pid);
}

async function forEachPid<T>(patient: PatientSession, work: (entry: PidEntry) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(patient.pids.map(work));
}
