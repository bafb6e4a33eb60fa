import { apiClient } from '@salus/client';
import { type ReactNode, useMemo, useState } from 'react';
import { type Session, SessionContext, type SessionState } from './session.ts';

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ kind: 'nobody' });
  const session = useMemo<Session>(
    () => ({
      state,
      api: apiClient(window.location.origin, window.fetch.bind(window)),
      nowMs: Date.now,
      lock: () => setState({ kind: 'nobody' }),
      signOut: () => {
        setState({ kind: 'nobody' });
        return Promise.resolve();
      },
    }),
    [state],
  );
  return <SessionContext value={session}>{children}</SessionContext>;
}
