import { demandUnique, parseFields, parseList, parsePublicKey, parseSignature } from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { demandPoint } from '../public-key.ts';
import { type DeviceFact, deviceKey, type PatientFact, patientKey } from './patient.ts';

/** Active devices of one pid. */
export const DEVICES_MAX = 20;
/** A wallet that was restored, or a change that was lost, may skip numbers, but never so many that it could lock itself out. */
export const SEQUENCE_STEP_MAX = 1000;

/** A device as it presents itself: `proof` is the signature of its signing key over hashTuple('device', network, pid, publicKey, hpke). */
export type DeviceArgs = { readonly publicKey: string; readonly hpke: string; readonly proof: string };

export function parseDevice(value: Json | undefined, name: string): DeviceArgs {
  const { publicKey, hpke, proof } = parseFields(value, name, ['publicKey', 'hpke', 'proof']);
  return {
    publicKey: parsePublicKey(publicKey, `${name}.publicKey`),
    hpke: parsePublicKey(hpke, `${name}.hpke`),
    proof: parseSignature(proof, `${name}.proof`),
  };
}

export function parseDevices(value: Json | undefined, name: string): readonly DeviceArgs[] {
  const devices = parseList(value, name, { min: 1, max: DEVICES_MAX }, parseDevice);
  demandUnique(
    devices.flatMap(({ publicKey, hpke }) => [publicKey, hpke]),
    name,
    (key) => key,
  );
  return devices;
}

/**
 * Writes new devices and returns their kids. Each proves that it holds its signing key, for this pid on this network; no kid of
 * this pid comes back, a removed one neither. Throws `device-proof`, `device-exists`, `key-reused`, `args-invalid`.
 */
export async function putDevices(
  context: Context,
  pid: string,
  devices: readonly DeviceArgs[],
  reserved: readonly (string | undefined)[],
): Promise<readonly string[]> {
  const { pure, network, timestampMs } = context;
  const kids: string[] = [];
  for (const { publicKey, hpke, proof } of devices) {
    // A key with two uses would let the holder of one act as the other: slip, recovery, device, encryption.
    demand(publicKey !== hpke && !reserved.includes(publicKey) && !reserved.includes(hpke), 'key-reused');
    demandPoint(pure, hpke, 'hpke');
    const message = pure.hashTuple('device', network, pid, publicKey, hpke);
    demand(pure.verifySignature(publicKey, message, proof), 'device-proof');
    const kid = pure.kidOf(publicKey);
    demand((await context.get(deviceKey(pid, kid))) === undefined, 'device-exists');
    const fact: DeviceFact = { kid, publicKey, hpke, status: 'active', addedMs: timestampMs };
    context.put(deviceKey(pid, kid), fact);
    kids.push(kid);
  }
  return kids.sort();
}

export async function markRemoved(context: Context, pid: string, kid: string): Promise<void> {
  const device = await context.get<DeviceFact>(deviceKey(pid, kid));
  if (device === undefined || device.status === 'removed') throw new ContractError('device-unknown');
  context.put(deviceKey(pid, kid), { ...device, status: 'removed', removedMs: context.timestampMs });
}

/** Key changes are numbered strictly upwards, in steps of at most 1,000: an older or replayed change is refused. */
export function checkSequence(patient: PatientFact, sequence: number): void {
  demand(sequence > patient.sequence, 'sequence-stale');
  demand(sequence <= patient.sequence + SEQUENCE_STEP_MAX, 'sequence-jump');
}

export function putPatient(context: Context, patient: PatientFact): void {
  context.put(patientKey(patient.pid), patient);
}
