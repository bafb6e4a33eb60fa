import type { WardEntry } from '@salus/wallet';
import { createContext, useContext } from 'react';

/** Where records of one person lie, and under which pid. */
export interface Place {
  readonly organisation: string;
  readonly pid: string;
}

/** For whom these pages act: oneself, or somebody whose guardian one is. */
export interface Acting {
  /** Where the records lie: the own pids, or the one of the ward. */
  readonly entries: readonly Place[];
  /** What the ward is called here; null for oneself. */
  readonly ward: string | null;
  /** Those of the places whose documents may be opened: a guardian may have been appointed for something else. */
  readonly readable: readonly Place[];
}

/** For the ward that is called so, or for oneself where there is none. */
export function actingFor(
  ward: string | null,
  { pids, wards = [] }: { readonly pids: readonly Place[]; readonly wards?: readonly WardEntry[] | undefined },
): Acting {
  const entries = wards.filter(({ name }) => name === ward);
  if (entries.length === 0) return { entries: pids, ward: null, readable: pids };
  return { entries, ward, readable: entries.filter(({ scope }) => scope.includes('read')) };
}

export const ActingContext = createContext<Acting>({ entries: [], ward: null, readable: [] });

export function useActing(): Acting {
  return useContext(ActingContext);
}
