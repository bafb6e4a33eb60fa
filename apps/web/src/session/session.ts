import { createContext, useContext } from 'react';

/** Who is signed in in this tab. */
export type Session =
  | { readonly kind: 'nobody' }
  /** There is a wallet on this device, and it waits for PIN or passkey. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'patient'; readonly name: string }
  | {
      readonly kind: 'staff';
      /** Slug of the organisation. */
      readonly organisation: string;
      readonly name: string;
      readonly role: string;
    };

export const SessionContext = createContext<Session>({ kind: 'nobody' });

export function useSession(): Session {
  return useContext(SessionContext);
}
