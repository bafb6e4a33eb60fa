import {
  type HeldEmergency,
  type HeldGrant,
  type ListedRecord,
  listGrants,
  listOwnRecords,
  listRequests,
  type PatientRequest,
} from '@salus/client';
import { type UseQueryResult, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { usePatient } from '../../session/index.ts';
import { type Place, useActing } from './acting.ts';

export interface GrantsAt {
  readonly entry: Place;
  readonly grants: readonly HeldGrant[];
  readonly emergencies: readonly HeldEmergency[];
}

export interface RequestAt {
  readonly entry: Place;
  readonly request: PatientRequest;
}

/** The patient's records at one place; `records` is undefined while they are on their way. */
export interface RecordsAt {
  readonly entry: Place;
  readonly records: readonly ListedRecord[] | undefined;
  readonly isError: boolean;
}

/** Every grant and emergency of every pid. */
export function useGrants(): UseQueryResult<readonly GrantsAt[]> {
  const { entries } = useActing();
  return useGrantsAt(entries);
}

/** Those of the pids that are given, whoever is acted for. */
export function useGrantsAt(entries: readonly Place[]): UseQueryResult<readonly GrantsAt[]> {
  const patient = usePatient();
  return useQuery({
    queryKey: ['grant', 'held', namesOf(entries)],
    queryFn: () => forEach(entries, async (entry) => ({ entry, ...(await listGrants(await patient.at(entry.pid))) })),
  });
}

/** Requests of all pids, the newest first. */
export function useRequests(): UseQueryResult<readonly RequestAt[]> {
  const patient = usePatient();
  const { entries } = useActing();
  return useQuery({
    queryKey: ['request', 'own', namesOf(entries)],
    queryFn: async () => {
      const perPid = await forEach(entries, async (entry) =>
        (await listRequests(await patient.at(entry.pid))).map((request) => ({ entry, request })),
      );
      return perPid.flat().sort((left, right) => right.request.createdMs - left.request.createdMs);
    },
  });
}

/** What each of the pids keeps, without content: from this a grant's opening is counted. `refetch` asks that place again. */
export function useRecordsAt(
  entries: readonly Place[],
): readonly (RecordsAt & { readonly refetch: () => Promise<unknown> })[] {
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
    refetch: async () => results[at]?.refetch(),
  }));
}

/** Asks anew for what a decision of the patient has changed, without waiting for the node to tell. */
export function useDecided(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    await Promise.all(['grant', 'request'].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
  }, [client]);
}

function namesOf(entries: readonly Place[]): readonly string[] {
  return entries.map(({ pid }) => pid);
}

async function forEach<T>(entries: readonly Place[], work: (entry: Place) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(entries.map(work));
}
