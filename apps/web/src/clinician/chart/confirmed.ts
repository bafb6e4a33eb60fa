import { createContext, useContext } from 'react';

/** Whom the person has recognised in this tab since signing in; nothing of it is kept anywhere. */
export interface Confirmed {
  readonly ids: ReadonlySet<string>;
  readonly confirm: (fhirId: string) => void;
}

export const ConfirmedContext = createContext<Confirmed>({ ids: new Set(), confirm: () => undefined });

export function useConfirmed(): Confirmed {
  return useContext(ConfirmedContext);
}
