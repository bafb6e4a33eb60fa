import { type Appointment, guardianCommitment } from '../src/patient/guardian-terms.ts';
import { type CallOptions, DAY_MS, pure, type TestSigner } from './host.ts';
import { testHash, testKey } from './keys.ts';
import { deviceArgs, type TestNetwork } from './network.ts';

export type Appointing = {
  readonly pid: string;
  /** Of the guardian's key. */
  readonly label: string;
  readonly by: TestSigner;
  readonly scope?: readonly string[];
  readonly untilMs?: number;
  readonly ends?: Appointment['ends'];
  readonly appointed?: Partial<Appointment>;
  readonly commitment?: string;
};

/** Names somebody guardian, by a birth certificate. */
export function appointOf(world: TestNetwork, appointing: Appointing): CallOptions {
  const { pid, label, by, scope = ['read', 'consent'], ends = { kind: 'date' } } = appointing;
  const appointed: Appointment = {
    version: 'salus:guardian:v1',
    network: world.host.network,
    pid,
    kid: testKey(label).kid,
    guardian: { name: 'Greta Guardian', relation: 'mother' },
    evidence: { kind: 'birth-certificate', text: 'shown at the desk', digest: testHash('certificate') },
    ends,
    ...appointing.appointed,
  };
  const priv = { appointed, salt: testHash(`guardian ${label}`) };
  return {
    transaction: 'patient.appointGuardian',
    args: {
      pid,
      device: deviceArgs(world, pid, label),
      scope,
      untilMs: appointing.untilMs ?? world.nowMs() + 30 * DAY_MS,
      commitment: appointing.commitment ?? guardianCommitment(pure, priv),
    },
    values: priv as never,
    by,
  };
}

export const endOf = (pid: string, label: string, by: TestSigner): CallOptions => ({
  transaction: 'patient.endGuardian',
  args: { pid, kid: testKey(label).kid },
  by,
});
