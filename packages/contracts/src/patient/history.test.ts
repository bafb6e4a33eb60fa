import { scaled } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testKey } from '../../test/keys.ts';
import { createNetwork, deviceArgs, deviceBy, type Patient, type TestNetwork } from '../../test/network.ts';
import type { ContractCode } from '../errors.ts';
import type { Json } from '../json.ts';
import type { PatientFact } from './patient.ts';

/** What a small independent model remembers of one patient; devices and recovery keys are numbered. */
type Model = {
  status: 'unclaimed' | 'claimed' | 'closed';
  sequence: number;
  readonly active: Set<number>;
  readonly removed: Set<number>;
  recovery: number;
  epoch: number;
};

/** Who signs: the slip, a recovery key, a device; each may be one that has no right. */
type By = { readonly kind: 'claim' | 'recovery' | 'device'; readonly number: number };
type Step = {
  readonly action: 'claim' | 'addDevice' | 'removeDevice' | 'recover' | 'close';
  readonly by: By;
  readonly ahead: number;
  readonly device: number;
  readonly renew: boolean;
};

const DEVICES = 8;
const RECOVERIES = 3;
const number = (max: number) => fc.nat(max - 1);
const step: fc.Arbitrary<Step> = fc.record({
  action: fc.oneof(
    { weight: 6, arbitrary: fc.constant('addDevice' as const) },
    { weight: 6, arbitrary: fc.constant('removeDevice' as const) },
    { weight: 3, arbitrary: fc.constant('recover' as const) },
    { weight: 1, arbitrary: fc.constantFrom('claim' as const, 'close' as const) },
  ),
  by: fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('device' as const), number: number(DEVICES) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('recovery' as const), number: number(RECOVERIES) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('claim' as const), number: fc.constant(0) }) },
  ),
  ahead: fc.constantFrom(1, 1, 1, 1, 1, 1, 2, 1000, 0, -1, 1001),
  device: number(DEVICES),
  renew: fc.boolean(),
});

/** Drawn histories may all miss a rare step: this one has each of them, after a claim by device 0. */
const EVERY_STEP: readonly Step[] = [
  { action: 'removeDevice', by: { kind: 'device', number: 0 }, ahead: 1, device: 0, renew: false },
  { action: 'addDevice', by: { kind: 'device', number: 0 }, ahead: 1, device: 1, renew: false },
  { action: 'removeDevice', by: { kind: 'device', number: 1 }, ahead: 1, device: 0, renew: false },
  { action: 'recover', by: { kind: 'recovery', number: 0 }, ahead: 1, device: 2, renew: true },
  { action: 'close', by: { kind: 'device', number: 2 }, ahead: 1, device: 0, renew: false },
  { action: 'addDevice', by: { kind: 'recovery', number: 1 }, ahead: 1, device: 3, renew: false },
];

/** The refusal that the model expects, or undefined after it has made the step itself. */
function expected(model: Model, { action, by, ahead, device, renew }: Step): ContractCode | undefined {
  const allowed = { claim: ['claim'], recover: ['recovery'] }[action as string] ?? ['device', 'recovery'];
  if (!allowed.includes(by.kind)) return 'signer-not-allowed';
  if (by.kind === 'device') {
    if (!model.active.has(by.number) && !model.removed.has(by.number)) return 'signer-unknown';
    if (model.removed.has(by.number)) return 'signer-revoked';
  }
  if (model.status === 'closed') return 'patient-closed';
  if (by.kind === 'claim' && model.status !== 'unclaimed') return 'patient-claimed';
  if (by.kind === 'recovery' && model.status === 'unclaimed') return 'signer-unknown';
  if (by.kind === 'recovery' && by.number !== model.recovery) return 'signature-invalid';
  if (ahead < 1) return 'sequence-stale';
  if (ahead > 1000) return 'sequence-jump';
  const known = model.active.has(device) || model.removed.has(device);
  const next = (model.recovery + 1) % RECOVERIES;
  switch (action) {
    case 'claim':
      model.status = 'claimed';
      model.active.add(device);
      break;
    case 'addDevice':
      if (known) return 'device-exists';
      model.active.add(device);
      break;
    case 'removeDevice':
      if (!model.active.has(device)) return 'device-unknown';
      if (model.active.size === 1) return 'last-device';
      model.active.delete(device);
      model.removed.add(device);
      model.epoch++;
      break;
    case 'recover':
      if (known) return 'device-exists';
      for (const old of model.active) model.removed.add(old);
      model.active.clear();
      model.active.add(device);
      if (renew) model.recovery = next;
      model.epoch++;
      break;
    case 'close':
      model.status = 'closed';
      model.epoch++;
      break;
  }
  model.sequence += ahead;
  return undefined;
}

function callOf(network: TestNetwork, patient: Patient, model: Model, { action, by, ahead, device, renew }: Step) {
  const { pid } = patient;
  const recovery = (index: number): string => testKey(`recovery ${index}`).publicKey;
  const newDevice = deviceArgs(network, pid, `device ${device}`);
  const sequence = Math.max(0, model.sequence + ahead);
  const args: Json = {
    claim: { sequence, devices: [newDevice], recovery: recovery(model.recovery) },
    addDevice: { sequence, device: newDevice },
    removeDevice: { sequence, kid: testKey(`device ${device}`).kid },
    recover: { sequence, devices: [newDevice], recovery: renew ? recovery((model.recovery + 1) % RECOVERIES) : null },
    close: { sequence },
  }[action];
  const signers = {
    claim: patient.claimBy,
    recovery: { signer: patient.recoveryBy.signer, key: testKey(`recovery ${by.number}`) },
    device: deviceBy(pid, `device ${by.number}`),
  };
  return { transaction: `patient.${action}`, args, by: signers[by.kind] } as const;
}

describe('any history of key changes', () => {
  it('ends as a small independent model says, step by step, refusals and their codes included', async () => {
    const network = await createNetwork(['hospital-a']);
    const seen = new Set<string>();
    let patients = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        const patient = await network.register('hospital-a', `history ${patients++}`);
        const model: Model = {
          status: 'unclaimed',
          sequence: 0,
          active: new Set(),
          removed: new Set(),
          recovery: 0,
          epoch: 1,
        };
        // Most histories start with a claim; without one nearly every step is the same refusal.
        const claim: Step = { action: 'claim', by: { kind: 'claim', number: 0 }, ahead: 1, device: 0, renew: false };
        for (const next of steps.length % 9 === 0 ? steps : [claim, ...steps]) {
          const call = network.sign(callOf(network, patient, model, next));
          const code = expected(model, next);
          const outcome = await network.submit(call);
          expect(outcome.kind === 'refused' ? outcome.code : undefined, JSON.stringify(next)).toBe(code);
          seen.add(code ?? next.action);
        }
        const fact = network.state.get(`patient/pid/${patient.pid}`) as unknown as PatientFact;
        const kids = [...model.active].map((device) => testKey(`device ${device}`).kid).sort();
        expect(fact).toMatchObject({ status: model.status, sequence: model.sequence, devices: kids });
        const epoch = network.state.get(`record/epoch/pid:${patient.pid}`);
        expect(epoch).toEqual(model.epoch === 1 ? undefined : { epoch: model.epoch });
      }),
      { numRuns: scaled(80, 1000), examples: [[[...EVERY_STEP]]] },
    );
    for (const what of ['claim', 'addDevice', 'removeDevice', 'recover', 'close', 'last-device', 'patient-closed']) {
      expect(seen).toContain(what);
    }
  });
});
