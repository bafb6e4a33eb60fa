import { demandUnique, parseFields, parseHash, parseId, parseList, parseOneOf, parseTimeMs } from '../args.ts';
import type { Context } from '../context.ts';
import { raiseEpoch } from '../epoch.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { APPOINTING_ROLES } from '../roles.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { type DeviceArgs, markRemoved, parseDevice, putDevices, putPatient } from './device.ts';
import {
  type AppointmentPrivate,
  checkAppointment,
  demandEvidence,
  GUARDIAN_SCOPES,
  type GuardianScope,
  parseAppointmentPrivate,
} from './guardian-terms.ts';
import { type DeviceFact, deviceKey, type PatientFact, readOpenPatient, readUnclosedPatient } from './patient.ts';

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
    'Lets somebody act for the patient with a key of their own, drawn for this pid alone: within a scope, until a time. The patient appoints; for a pid that nobody has claimed, as a child’s, a registrar of the organisation does, in person and with evidence; the claim ends what a registrar appointed.',
  signers: ['pid', 'id'],
  memberKinds: ['staff'],
  roles: APPOINTING_ROLES,
  checks: [
    'The pid is open: `patient-unknown`, `patient-closed`, `patient-merged`.',
    'A device of the claimed pid itself signs, and no guardian’s: `caller-foreign`, `guardian-scope`. While nobody has claimed it, a registrar of the organisation that keeps it: `patient-claimed`, `organisation-mismatch`, `role-missing`.',
    'It ends in the future, within 366 days: `guardian-ended`, `guardian-too-long`.',
    'Those whose time is over are ended, and the epoch with them. The pid has at most 5 guardians afterwards: `guardian-limit`.',
    'The key proves possession for this pid on this network, was never used by this pid and has one use: `device-proof`, `device-exists`, `key-reused`.',
    'Private: name, evidence and end open the commitment and are of this network, pid and key: `commitment-mismatch`, `terms-mismatch`.',
    'Private: a registrar says by what evidence, in a text or by the hash of a document: `args-invalid`.',
    'Private: where an age ends it, it ends by that birthday: `guardian-age`.',
  ],
  writes: [
    'patient/device/<pid>/<kid> {…, guardian: {scope, untilMs, commitment, by}}',
    'patient/pid/<pid> {…, guardians}',
    'record/epoch/pid:<pid>, and patient/device/<pid>/<kid> {…, status: removed}, where the time of others is over',
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
    const before = await withoutEnded(context, patient);
    demand(before.length < GUARDIANS_MAX, 'guardian-limit');
    const [kid = ''] = await putDevices(context, pid, [device], [patient.recovery, patient.claimKey]);
    if (priv !== undefined) {
      checkAppointment(context, { pid, kid, untilMs, commitment }, priv);
      if (by === 'organisation') demandEvidence(priv.appointed);
    }
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
  roles: APPOINTING_ROLES,
  guardian: 'any',
  checks: [
    'The pid is not closed and has that guardian: `patient-unknown`, `patient-closed`, `guardian-unknown`.',
    'The patient ends any, a guardian only the own one: `caller-foreign`, `guardian-scope`.',
    'A registrar ends what the organisation appointed, while nobody has claimed the pid: `patient-claimed`, `organisation-mismatch`, `role-missing`.',
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
    demand(patient.guardians?.includes(kid) === true, 'guardian-unknown');
    const epoch = await endThose(context, patient, [kid]);
    return { kid, epoch };
  },
});

export const expireGuardian = defineTransaction<{ readonly pid: string; readonly kid: string }>({
  contract: 'patient',
  name: 'expireGuardian',
  summary:
    "The author's node ends a guardianship whose time is over, so that the patient's next records are sealed under keys that the former guardian cannot open.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    'The pid is not closed, and the node is of the organisation that keeps it: `patient-unknown`, `patient-closed`, `organisation-mismatch`.',
    'The pid has that guardian, whose time is over: `guardian-unknown`, `guardian-not-ended`.',
  ],
  writes: [
    'patient/device/<pid>/<kid> {…, status: removed}',
    'patient/pid/<pid>',
    'record/epoch/pid:<pid> {epoch + 1}',
  ],
  errors: [
    ...(['patient-unknown', 'patient-closed', 'organisation-mismatch', 'guardian-unknown'] as const),
    ...(['guardian-not-ended', 'args-invalid'] as const),
  ],
  parse: (value) => {
    const { pid, kid } = parseFields(value, 'args', ['pid', 'kid']);
    return { pid: parseId(pid, 'args.pid'), kid: parseId(kid, 'args.kid') };
  },
  run: async (context, { pid, kid }) => {
    const patient = await readUnclosedPatient(context, pid);
    demand(context.caller.organisation === patient.organisation, 'organisation-mismatch');
    demand(patient.guardians?.includes(kid) === true, 'guardian-unknown');
    demand(await isOver(context, pid, kid), 'guardian-not-ended');
    const epoch = await endThose(context, patient, [kid]);
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
function demandCustodian({ caller }: Context, patient: PatientFact): void {
  demand(patient.status === 'unclaimed', 'patient-claimed');
  demand(caller.organisation === patient.organisation, 'organisation-mismatch');
}

/** Those who guard still; ends the others, and the epoch with them. */
async function withoutEnded(context: Context, patient: PatientFact): Promise<readonly string[]> {
  const { pid, guardians = [] } = patient;
  const over: string[] = [];
  for (const kid of guardians) if (await isOver(context, pid, kid)) over.push(kid);
  if (over.length > 0) await endThose(context, patient, over);
  return guardians.filter((kid) => !over.includes(kid));
}

async function isOver(context: Context, pid: string, kid: string): Promise<boolean> {
  const device = await context.get<DeviceFact>(deviceKey(pid, kid));
  return device?.guardian !== undefined && context.timestampMs >= device.guardian.untilMs;
}

/** Ends these guardianships for ever, and the epoch of the patient's keys. Returns the new epoch. */
async function endThose(context: Context, patient: PatientFact, kids: readonly string[]): Promise<number> {
  const { pid, guardians = [] } = patient;
  for (const kid of kids) {
    await markRemoved(context, pid, kid);
    context.emit('patient.guardian', { pid, guardian: kid });
  }
  putPatient(context, { ...patient, guardians: guardians.filter((known) => !kids.includes(known)) });
  return raiseEpoch(context, `pid:${pid}`);
}

function parseScope(value: Json): readonly GuardianScope[] {
  const limits = { min: 1, max: GUARDIAN_SCOPES.length };
  const scope = parseList(value, 'args.scope', limits, (item, name) => parseOneOf(item, name, GUARDIAN_SCOPES));
  demandUnique(scope, 'args.scope', (word) => word);
  return scope;
}

export const guardians: readonly AnyTransaction[] = [appointGuardian, endGuardian, expireGuardian];
