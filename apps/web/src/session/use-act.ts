import { useState } from 'react';

export interface Doing {
  readonly act: (work: () => Promise<unknown>) => void;
  readonly busy: boolean;
  readonly error: unknown;
}

/** One deed at a time: whether it is under way, and what went wrong with the last one. */
export function useAct(): Doing {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const act = (work: () => Promise<unknown>): void => {
    setBusy(true);
    setError(undefined);
    work()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return { act, busy, error };
}
