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
  /** The ward's pid; null for oneself. */
  readonly ward: string | null;
}

export const ActingContext = createContext<Acting>({ entries: [], ward: null });

export function useActing(): Acting {
  return useContext(ActingContext);
}
