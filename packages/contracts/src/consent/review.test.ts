import { beforeEach, describe, expect, it } from 'vitest';
import { type ConsentWorld, createConsentWorld, emergencyOf } from '../../test/consent.ts';
import { type CallOptions, HOUR_MS } from '../../test/host.ts';
import { testHash } from '../../test/keys.ts';
import type { Member } from '../../test/network.ts';
import type { JsonObject } from '../json.ts';
import { emergencyKey } from './emergency.ts';

let world: ConsentWorld;
let opened: CallOptions;
let officer: Member;

beforeEach(async () => {
  world = await createConsentWorld();
  opened = emergencyOf(world);
  await world.commit(opened);
  officer = await world.enrol('hospital-a', { label: 'officer', roles: ['privacy-officer'] });
  world.advance(HOUR_MS);
});

const idOf = ({ args }: CallOptions): string => (args as { request: string }).request;

function reviewOf({
  by = officer,
  of = opened,
  outcome = 'justified',
  args = {},
}: {
  by?: Member;
  of?: CallOptions;
  outcome?: string;
  args?: JsonObject;
} = {}): CallOptions {
  return {
    transaction: 'consent.review',
    args: { pid: world.alice.pid, emergency: idOf(of), outcome, ...args },
    values: { request: of.values?.request ?? null, finding: 'as documented' },
    by,
  };
}

describe('consent.review', () => {
  it('marks an emergency access once, by a privacy officer or an administrator', async () => {
    const { administrator } = world.organisation('hospital-a');
    await world.commit(reviewOf({ outcome: 'unjustified' }));
    const fact = world.state.get(emergencyKey(world.alice.pid, idOf(opened)));
    expect(fact).toMatchObject({ status: 'reviewed', outcome: 'unjustified' });
    await world.refuse(reviewOf({ by: administrator }), 'emergency-reviewed');
    const second = emergencyOf(world);
    await world.commit(second);
    await world.commit(reviewOf({ by: administrator, of: second }));
  });

  it('refuses an unknown access, another outcome, other roles and other organisations', async () => {
    await world.refuse(reviewOf({ args: { emergency: testHash('x') } }), 'emergency-unknown');
    await world.refuse(reviewOf({ outcome: 'forgotten' }), 'args-invalid');
    await world.refuse(reviewOf({ by: world.organisation('hospital-a').registrar }), 'role-missing');
    await world.refuse(reviewOf({ by: world.organisation('hospital-b').administrator }), 'caller-foreign');
    await world.refuse(reviewOf({ by: world.nodeA }), 'member-kind-not-allowed');
  });

  it('refuses the clinician who had the access, and a request that is another one', async () => {
    const roles = ['clinician', 'privacy-officer'];
    const both = await world.enrol('hospital-a', { label: 'both', roles });
    const own = emergencyOf(world, { reader: both });
    await world.commit(own);
    await world.refuse(reviewOf({ by: both, of: own }), 'self-review');
    const hidden = reviewOf({ by: both, of: own });
    const values = { ...hidden.values, request: opened.values?.request ?? null };
    await world.refuse({ ...hidden, values }, 'request-mismatch');
    await world.commit(reviewOf({ of: own }));
  });
});
