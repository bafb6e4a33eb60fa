import type { PidEntry } from '@salus/wallet';
import { type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { usePatient, useStaff } from '../session/index.ts';
import {
  joinVisits,
  listOwnVisits,
  listStaffVisits,
  type Offer,
  type OwnVisit,
  patientAct,
  staffAct,
  type VisitView,
} from './visit-api.ts';

export interface OwnVisits {
  readonly visits: readonly OwnVisit[];
  /** Which of the patient's organisations can be what. */
  readonly places: readonly { readonly entry: PidEntry; readonly offers: readonly Offer[] }[];
}

/** Each hand-over is a line of the patient's log, and that is told as `access`. */
const OWN_VISITS = ['access', 'visits'];
const STAFF_VISITS = ['task', 'visits'];

export function useOwnVisits(): UseQueryResult<OwnVisits> {
  const patient = usePatient();
  return useQuery({
    queryKey: [...OWN_VISITS, patient.pids.map(({ pid }) => pid)],
    queryFn: async () => {
      const known = await Promise.all(
        patient.pids.map(async (entry) => ({ entry, ...(await listOwnVisits(await patient.at(entry.pid))) })),
      );
      return { visits: joinVisits(known.flatMap(({ visits }) => visits)), places: known };
    },
  });
}

export function useStaffVisits(): UseQueryResult<readonly VisitView[]> {
  const { organisation, session } = useStaff();
  return useQuery({ queryKey: [...STAFF_VISITS, organisation], queryFn: () => listStaffVisits(session) });
}

export interface Acting {
  readonly busy: boolean;
  readonly error: unknown;
  /** Resolves to whether it was done. */
  act(path: string, body?: object): Promise<boolean>;
}

/** Lets a member of staff act on a visit; a refusal stays on the page until the next try. */
export function useStaffAct(view: VisitView): Acting {
  const staff = useStaff();
  return useActing(STAFF_VISITS, async (path, body) => {
    await staff.delegate();
    await staffAct(staff.session, view, { path, body });
  });
}

/** Lets the patient act on a visit at its provider. */
export function usePatientAct({ provider, visit }: Pick<OwnVisit, 'provider' | 'visit'>): Acting {
  const patient = usePatient();
  return useActing(OWN_VISITS, async (path, body) => {
    const entry = patient.pids.find(({ organisation }) => organisation === provider);
    if (entry === undefined) throw new Error('the visit is at no organisation of this wallet');
    await patientAct(await patient.at(entry.pid), `/${visit}/${path}`, body);
  });
}

export function useVisitsChanged(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => client.invalidateQueries({ queryKey: OWN_VISITS }), [client]);
}

function useActing(queryKey: readonly string[], send: (path: string, body: object) => Promise<void>): Acting {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const act = async (path: string, body: object = {}): Promise<boolean> => {
    setBusy(true);
    setError(undefined);
    try {
      await send(path, body);
      await client.invalidateQueries({ queryKey });
      return true;
    } catch (caught) {
      setError(caught);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, act };
}
