import { demand } from '../errors.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { putPatient } from './device.ts';
import { readOpenPatient } from './patient.ts';
import { checkClaimSpan, parseRegistration, type Registration, registerPatient, registrarOf } from './register.ts';

const REGISTRAR = { signers: ['id'], memberKinds: ['staff', 'node', 'client'], onBehalfOf: 'optional' } as const;
const REGISTRAR_CHECK =
  'The caller is staff with a registering role, a node or client on behalf of such staff, or a client with the role `feed`.';

export const register = defineTransaction<Registration>({
  contract: 'patient',
  name: 'register',
  summary: 'Registers a pseudonym of the caller’s organisation, with the public key of its slip.',
  ...REGISTRAR,
  checks: [REGISTRAR_CHECK, 'The pid is new on the whole network.', 'The slip ends in the future, within 90 days.'],
  writes: ['patient/pid/<pid>'],
  errors: ['delegation-required', 'role-missing', 'patient-exists', 'claim-expired', 'claim-too-long', 'args-invalid'],
  parse: (args) => parseRegistration(args, 'args'),
  run: async (context, registration) => {
    await registerPatient(context, registration);
    return { pid: registration.pid };
  },
});

export const reissueClaim = defineTransaction<Registration>({
  contract: 'patient',
  name: 'reissueClaim',
  summary: 'Replaces the slip of a patient who has not claimed yet; the old slip is worth nothing from then on.',
  ...REGISTRAR,
  checks: [
    REGISTRAR_CHECK,
    'The pid is of the caller’s organisation and unclaimed.',
    'The new slip has another key and ends in the future, within 90 days.',
  ],
  writes: ['patient/pid/<pid>'],
  errors: [
    'delegation-required',
    'role-missing',
    'patient-unknown',
    'patient-closed',
    'patient-merged',
    'organisation-mismatch',
    'patient-claimed',
    'key-reused',
    'claim-expired',
    'claim-too-long',
    'args-invalid',
  ],
  parse: (args) => parseRegistration(args, 'args'),
  run: async (context, { pid, claimKey, claimNotAfterMs }) => {
    const { organisation } = registrarOf(context);
    const patient = await readOpenPatient(context, pid);
    demand(patient.organisation === organisation, 'organisation-mismatch');
    demand(patient.status === 'unclaimed', 'patient-claimed');
    demand(patient.claimKey !== claimKey, 'key-reused');
    checkClaimSpan(context, claimNotAfterMs);
    putPatient(context, { ...patient, claimKey, claimNotAfterMs });
    return { pid };
  },
});

export const registrations: readonly AnyTransaction[] = [register, reissueClaim];
