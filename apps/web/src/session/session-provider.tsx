import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { type Session, SessionContext } from './session.ts';

interface SessionActions {
  readonly signedIn: (session: Session) => void;
  readonly signOut: () => Promise<void>;
}

const ActionsContext = createContext<SessionActions>({ signedIn: () => undefined, signOut: () => Promise.resolve() });

export function useSessionActions(): SessionActions {
  return useContext(ActionsContext);
}

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [session, setSession] = useState<Session>({ kind: 'nobody' });
  const actions = useMemo<SessionActions>(
    () => ({
      signedIn: setSession,
      signOut: () => {
        setSession({ kind: 'nobody' });
        return Promise.resolve();
      },
    }),
    [],
  );
  return (
    <SessionContext value={session}>
      <ActionsContext value={actions}>{children}</ActionsContext>
    </SessionContext>
  );
}
