export type { HeldLedger } from './held-checkpoint.ts';
export {
  type PatientSession,
  type Session,
  type SessionState,
  type SignIn,
  type StaffSession,
  usePatient,
  useSession,
  useSignIn,
  useStaff,
} from './session.ts';
export { SessionProvider } from './session-provider.tsx';
