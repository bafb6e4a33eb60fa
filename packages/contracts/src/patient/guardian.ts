import { demandUnique, parseFields, parseHash, parseId, parseList, parseOneOf, parseTimeMs } from '../args.ts';
import type { Context } from '../context.ts';
import { raiseEpoch } from '../epoch.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { type DeviceArgs, markRemoved, parseDevice, putDevices, putPatient } from './device.ts';
import {
  type AppointmentPrivate,
  checkAppointment,
  GUARDIAN_SCOPES,
  type GuardianScope,
  parseAppointmentPrivate,
} from './guardian-terms.ts';
import { type DeviceFact, deviceKey, type PatientFact, readOpenPatient, readUnclosedPatient } from './patient.ts';
import { registrarOf } from './register.ts';

/** Guardians of one pid at a time. */
export const GUARDIANS_MAX = 5;
/** A guardianship is looked at anew each year; a longer one would also tell the birthday on which it ends. */
export const GUARDIAN_MAX_MS = 366 * 24 * 60 * 60 * 1000;

type AppointArgs = {
  readonly pid: string;
  readonly device: DeviceArgs;
  readonly scope: readonly GuardianScope[];
  readonly untilMs: number;
  readonly commitment: string;
};

export const appointGuardian = defineTransaction<AppointArgs, AppointmentPrivate>({
  contract: 'patient',
  name: 'appointGuardian',
  summary:
    'Lets somebody act for the patient with a key of their own, drawn for this pid alone: within a scope, until a time. The patient appoints; for a pid that nobody has claimed, as a child’s, staff of the organisation do, in person and with evidence.',
  signers: ['pid', 'id'],
  memberKinds: ['staff'],
  checks: [
    'The pid is open: `patient-unknown`, `patient-closed`, `patient-merged`.',
    'A device of the claimed pid itself signs, and no guardian’s: `caller-foreign`, `guardian-scope`. While nobody has claimed it, staff with a registering role of the organisation that keeps it: `patient-claimed`, `organisation-mismatch`, `role-missing`.',
    'It ends in the future, within 366 days: `guardian-ended`, `guardian-too-long`.',
    'The pid has at most 5 guardians afterwards: `guardian-limit`.',
    'The key proves possession for this pid on this network, was never used by this pid and has one use: `device-proof`, `device-exists`, `key-reused`.',
    'Private: name, evidence and end open the commitment and are of this network, pid and key: `commitment-mismatch`, `terms-mismatch`.',
    'Private: where an age ends it, it ends by that birthday: `guardian-age`.',
  ],
  writes: [
    'patient/device/<pid>/<kid> {…, guardian: {scope, untilMs, commitment, by}}',
    'patient/pid/<pid> {…, guardians}',
  ],
  errors: [
    ...(['patient-unknown', 'patient-closed', 'patient-merged', 'patient-unclaimed', 'patient-claimed'] as const),
    ...(['caller-foreign', 'organisation-mismatch', 'role-missing', 'guardian-ended', 'guardian-too-long'] as const),
    ...(['guardian-limit', 'device-proof', 'device-exists', 'key-reused', 'commitment-mismatch'] as const),
    ...(['terms-mismatch', 'guardian-age', 'args-invalid'] as const),
  ],
  private: { summary: '{appointed: Appointment, salt}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'device', 'scope', 'untilMs', 'commitment']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      device: parseDevice(fields.device, 'args.device'),
      scope: parseScope(fields.scope),
      untilMs: parseTimeMs(fields.untilMs, 'args.untilMs'),
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  parsePrivate: parseAppointmentPrivate,
  run: async (context, args, priv) => {
    const { pid, device, scope, untilMs, commitment } = args;
    const patient = await readOpenPatient(context, pid);
    const by = demandAppointer(context, patient);
    demand(untilMs > context.timestampMs, 'guardian-ended');
    demand(untilMs <= context.timestampMs + GUARDIAN_MAX_MS, 'guardian-too-long');
    const before = patient.guardians ?? [];
    demand(before.length < GUARDIANS_MAX, 'guardian-limit');
    const [kid = ''] = await putDevices(context, pid, [device], [patient.recovery, patient.claimKey]);
    if (priv !== undefined) checkAppointment(context, { pid, kid, untilMs, commitment }, priv);
    const fact = (await context.get<DeviceFact>(deviceKey(pid, kid)))!;
    context.put(deviceKey(pid, kid), { ...fact, guardian: { scope, untilMs, commitment, by } } satisfies DeviceFact);
    putPatient(context, { ...patient, guardians: [...before, kid].sort() });
    context.emit('patient.guardian', { pid, guardian: kid });
    return { kid };
  },
});

export const endGuardian = defineTransaction<{ readonly pid: string; readonly kid: string }>({
  contract: 'patient',
  name: 'endGuardian',
  summary: 'Ends a guardianship for ever, and the epoch of the patient’s keys, which the guardian could open.',
  signers: ['pid', 'recovery', 'id'],
  memberKinds: ['staff'],
  guardian: 'any',
  checks: [
    'The pid is not closed and has that guardian: `patient-unknown`, `patient-closed`, `guardian-unknown`.',
    'The patient ends any, a guardian only the own one: `caller-foreign`, `guardian-scope`.',
    'Staff with a registering role end what the organisation appointed, while nobody has claimed the pid: `patient-claimed`, `organisation-mismatch`, `role-missing`.',
  ],
  writes: ['patient/device/<pid>/<kid> {…, status: removed}', 'patient/pid/<pid>', 'record/epoch/pid:<pid>'],
  errors: [
    ...(['patient-unknown', 'patient-closed', 'guardian-unknown', 'caller-foreign', 'guardian-scope'] as const),
    ...(['patient-claimed', 'organisation-mismatch', 'role-missing', 'args-invalid'] as const),
  ],
  parse: (value) => {
    const { pid, kid } = parseFields(value, 'args', ['pid', 'kid']);
    return { pid: parseId(pid, 'args.pid'), kid: parseId(kid, 'args.kid') };
  },
  run: async (context, { pid, kid }) => {
    const patient = await readUnclosedPatient(context, pid);
    demandEnder(context, patient, kid);
    const guardians = patient.guardians ?? [];
    if (!guardians.includes(kid)) throw new ContractError('guardian-unknown');
    await markRemoved(context, pid, kid);
    putPatient(context, { ...patient, guardians: guardians.filter((known) => known !== kid) });
    const epoch = await raiseEpoch(context, `pid:${pid}`);
    context.emit('patient.guardian', { pid, guardian: kid });
    return { kid, epoch };
  },
});

function demandAppointer(context: Context, patient: PatientFact): 'patient' | 'organisation' {
  const { caller } = context;
  if (caller.kind === 'pid') {
    demand(caller.pid === patient.pid, 'caller-foreign');
    demand(patient.status === 'claimed', 'patient-unclaimed');
    return 'patient';
  }
  demandCustodian(context, patient);
  return 'organisation';
}

function demandEnder(context: Context, patient: PatientFact, kid: string): void {
  const { caller } = context;
  if (caller.kind === 'id') {
    demandCustodian(context, patient);
    return;
  }
  demand(caller.pid === patient.pid, 'caller-foreign');
  const isOthers = caller.kind === 'pid' && caller.guardian !== undefined && caller.kid !== kid;
  demand(!isOthers, 'guardian-scope');
}

/** Once it is claimed, the patient decides alone. */
function demandCustodian(context: Context, patient: PatientFact): void {
  demand(patient.status === 'unclaimed', 'patient-claimed');
  demand(registrarOf(context).organisation === patient.organisation, 'organisation-mismatch');
}

function parseScope(value: Json): readonly GuardianScope[] {
  const limits = { min: 1, max: GUARDIAN_SCOPES.length };
  const scope = parseList(value, 'args.scope', limits, (item, name) => parseOneOf(item, name, GUARDIAN_SCOPES));
  demandUnique(scope, 'args.scope', (word) => word);
  return scope;
}

export const guardians: readonly AnyTransaction[] = [appointGuardian, endGuardian];
