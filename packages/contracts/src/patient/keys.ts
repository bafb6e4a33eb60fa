import { parseFields, parseId, parseInteger, parseNullable, parsePublicKey } from '../args.ts';
import type { Caller, Context } from '../context.ts';
import { raiseEpoch } from '../epoch.ts';
import { ContractError, demand } from '../errors.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import {
  checkSequence,
  DEVICES_MAX,
  type DeviceArgs,
  markRemoved,
  parseDevice,
  parseDevices,
  putDevices,
  putPatient,
} from './device.ts';
import { deviceKey, type PatientFact, readClaimedPatient, readOpenPatient } from './patient.ts';

const SEQUENCE_CHECK = 'The sequence is greater than the last one, by at most 1,000.';
const PROOF_CHECK =
  'Each device proves possession of its signing key, for this pid on this network, and its kid was never used by this pid; no key has two uses.';
const HOLDER = { signers: ['pid', 'recovery'] } as const;

type Claim = { readonly sequence: number; readonly devices: readonly DeviceArgs[]; readonly recovery: string };

export const claim = defineTransaction<Claim>({
  contract: 'patient',
  name: 'claim',
  summary:
    'The holder of the slip takes the pseudonym: from now on its devices and recovery key decide, and the organisation is no longer custodian. It ends whom a registrar appointed guardian, and then the epoch of the patient’s keys. Once only.',
  signers: ['claim'],
  checks: ['The pid is unclaimed and not merged, and the slip has not ended.', SEQUENCE_CHECK, PROOF_CHECK],
  writes: ['patient/pid/<pid>', 'patient/device/<pid>/<kid>', 'record/epoch/pid:<pid>, where there were guardians'],
  errors: [
    'patient-claimed',
    'patient-merged',
    'claim-expired',
    'sequence-stale',
    'sequence-jump',
    'device-proof',
    'device-exists',
    'key-reused',
    'args-invalid',
  ],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['sequence', 'devices', 'recovery']);
    return {
      sequence: parseInteger(fields.sequence, 'sequence'),
      devices: parseDevices(fields.devices, 'devices'),
      recovery: parsePublicKey(fields.recovery, 'recovery'),
    };
  },
  run: async (context, { sequence, devices, recovery }) => {
    const patient = await readOpenPatient(context, pidOf(context.caller));
    demand(patient.status === 'unclaimed', 'patient-claimed');
    demand(context.timestampMs <= patient.claimNotAfterMs, 'claim-expired');
    checkSequence(patient, sequence);
    demand(recovery !== patient.claimKey, 'key-reused');
    const kids = await putDevices(context, patient.pid, devices, [recovery, patient.claimKey]);
    // Nobody but the organisation could appoint them: whoever is to go on, the patient appoints.
    const guardians = patient.guardians ?? [];
    for (const kid of guardians) {
      await markRemoved(context, patient.pid, kid);
      context.emit('patient.guardian', { pid: patient.pid, guardian: kid });
    }
    if (guardians.length > 0) await raiseEpoch(context, `pid:${patient.pid}`);
    putPatient(context, {
      ...patient,
      ...(patient.guardians === undefined ? {} : { guardians: [] }),
      status: 'claimed',
      sequence,
      claimedMs: context.timestampMs,
      recovery,
      devices: kids,
    });
    context.emit('patient.claimed', { pid: patient.pid });
    return { pid: patient.pid, devices: kids };
  },
});

export const addDevice = defineTransaction<{ readonly sequence: number; readonly device: DeviceArgs }>({
  contract: 'patient',
  name: 'addDevice',
  summary: 'Adds a device, signed by another device or the recovery key.',
  ...HOLDER,
  checks: [SEQUENCE_CHECK, PROOF_CHECK, 'The pid has at most 20 active devices afterwards.'],
  writes: ['patient/pid/<pid>', 'patient/device/<pid>/<kid>'],
  errors: [
    'sequence-stale',
    'sequence-jump',
    'device-limit',
    'device-proof',
    'device-exists',
    'key-reused',
    'args-invalid',
  ],
  parse: (args) => {
    const { sequence, device } = parseFields(args, 'args', ['sequence', 'device']);
    return { sequence: parseInteger(sequence, 'sequence'), device: parseDevice(device, 'device') };
  },
  run: async (context, { sequence, device }) => {
    const patient = await readClaimedPatient(context, pidOf(context.caller));
    checkSequence(patient, sequence);
    demand(patient.devices.length < DEVICES_MAX, 'device-limit');
    const kids = await putDevices(context, patient.pid, [device], [patient.recovery, patient.claimKey]);
    putPatient(context, { ...patient, sequence, devices: [...patient.devices, ...kids].sort() });
    context.emit('patient.device', { pid: patient.pid });
    return { kid: kids[0]! };
  },
});

export const removeDevice = defineTransaction<{ readonly sequence: number; readonly kid: string }>({
  contract: 'patient',
  name: 'removeDevice',
  summary: 'Removes a device for ever and ends the epoch of the patient’s keys, which the device could open.',
  ...HOLDER,
  checks: [SEQUENCE_CHECK, 'The device is active and not the last one: the last is replaced by `recover`.'],
  writes: ['patient/pid/<pid>', 'patient/device/<pid>/<kid>', 'record/epoch/pid:<pid>'],
  errors: ['sequence-stale', 'sequence-jump', 'device-unknown', 'last-device', 'args-invalid'],
  parse: (args) => {
    const { sequence, kid } = parseFields(args, 'args', ['sequence', 'kid']);
    return { sequence: parseInteger(sequence, 'sequence'), kid: parseId(kid, 'kid') };
  },
  run: async (context, { sequence, kid }) => {
    const patient = await readClaimedPatient(context, pidOf(context.caller));
    checkSequence(patient, sequence);
    demand(patient.devices.includes(kid), 'device-unknown');
    await markRemoved(context, patient.pid, kid);
    const devices = patient.devices.filter((known) => known !== kid);
    demand(devices.length > 0, 'last-device');
    putPatient(context, { ...patient, sequence, devices });
    const epoch = await raiseEpoch(context, `pid:${patient.pid}`);
    context.emit('patient.device', { pid: patient.pid });
    return { kid, epoch };
  },
});

type Recovery = {
  readonly sequence: number;
  readonly devices: readonly DeviceArgs[];
  readonly recovery: string | null;
};

export const recover = defineTransaction<Recovery>({
  contract: 'patient',
  name: 'recover',
  summary:
    'The recovery key replaces all devices at once, ends all guardianships, and itself where `recovery` is not null; ends the epoch of the patient’s keys.',
  signers: ['recovery'],
  checks: [SEQUENCE_CHECK, PROOF_CHECK, 'A new recovery key is new for this pid.'],
  writes: ['patient/pid/<pid>', 'patient/device/<pid>/<kid>', 'record/epoch/pid:<pid>'],
  errors: ['sequence-stale', 'sequence-jump', 'device-proof', 'device-exists', 'key-reused', 'args-invalid'],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['sequence', 'devices', 'recovery']);
    return {
      sequence: parseInteger(fields.sequence, 'sequence'),
      devices: parseDevices(fields.devices, 'devices'),
      recovery: parseNullable(fields.recovery, 'recovery', parsePublicKey),
    };
  },
  run: async (context, { sequence, devices, recovery }) => {
    const patient = await readClaimedPatient(context, pidOf(context.caller));
    checkSequence(patient, sequence);
    demand(recovery === null || !(await isKeyOf(context, patient, recovery)), 'key-reused');
    // Whoever held a stolen device may have appointed guardians: they go with it.
    for (const kid of [...patient.devices, ...(patient.guardians ?? [])]) await markRemoved(context, patient.pid, kid);
    const reserved = [recovery ?? undefined, patient.recovery, patient.claimKey];
    const without = patient.guardians === undefined ? {} : { guardians: [] };
    const kids = await putDevices(context, patient.pid, devices, reserved);
    putPatient(context, { ...patient, sequence, recovery: recovery ?? patient.recovery, devices: kids, ...without });
    const epoch = await raiseEpoch(context, `pid:${patient.pid}`);
    context.emit('patient.recovered', { pid: patient.pid });
    return { pid: patient.pid, devices: kids, epoch };
  },
});

export const close = defineTransaction<{ readonly sequence: number }>({
  contract: 'patient',
  name: 'close',
  summary:
    'Closes the pseudonym for ever: nothing is written to it, granted or opened any more, and its keys sign nothing but revocations. Ends the epoch.',
  ...HOLDER,
  checks: [SEQUENCE_CHECK],
  writes: ['patient/pid/<pid>', 'record/epoch/pid:<pid>'],
  errors: ['sequence-stale', 'sequence-jump', 'args-invalid'],
  parse: (args) => ({ sequence: parseInteger(parseFields(args, 'args', ['sequence']).sequence, 'sequence') }),
  run: async (context, { sequence }) => {
    const patient = await readClaimedPatient(context, pidOf(context.caller));
    checkSequence(patient, sequence);
    putPatient(context, { ...patient, status: 'closed', sequence, closedMs: context.timestampMs });
    const epoch = await raiseEpoch(context, `pid:${patient.pid}`);
    context.emit('patient.closed', { pid: patient.pid });
    return { pid: patient.pid, epoch };
  },
});

/** Was the key ever the pid's slip, recovery key or device? */
async function isKeyOf(context: Context, patient: PatientFact, publicKey: string): Promise<boolean> {
  if (publicKey === patient.claimKey || publicKey === patient.recovery) return true;
  return (await context.get(deviceKey(patient.pid, context.pure.kidOf(publicKey)))) !== undefined;
}

/** The pid whose key signed: never an argument. */
function pidOf(caller: Caller): string {
  if (caller.kind === 'id') throw new ContractError('signer-not-allowed');
  return caller.pid;
}

export const keyChanges: readonly AnyTransaction[] = [claim, addDevice, removeDevice, recover, close];
