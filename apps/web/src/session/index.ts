export {
  type PatientSession,
  type Session,
  type SessionState,
  type StaffSession,
  usePatient,
  useSession,
  useStaff,
} from './session.ts';
export { SessionProvider } from './session-provider.tsx';
