import { describe, expect, it } from 'vitest';
import {
  createConsentWorld,
  delegateOf,
  emergencyOf,
  expireOf,
  grantOf,
  locateOf,
  narrowOf,
  openTerms,
  revokeOf,
  useOf,
} from '../test/consent.ts';
import { appointOf } from '../test/guardian.ts';
import type { CallOptions } from '../test/host.ts';
import { testId } from '../test/keys.ts';
import { contracts } from './catalogue.ts';
import { findPrivatePid, readPrivateOrganisation } from './private-pid.ts';

const world = await createConsentWorld();
const terms = openTerms(world, 'grant');
const { pid } = world.alice;
const { administrator } = world.organisation('hospital-a');
const get = (key: string) => world.state.get(key);
const payloadOf = (options: CallOptions) => world.sign(options).call.payload;

/** One call of every transaction that takes private arguments. */
const calls: { readonly [name: string]: CallOptions } = {
  'consent.grant': grantOf(world, terms),
  'consent.use': useOf(world, { opened: terms }),
  'consent.locate': locateOf(world, { opened: terms }),
  'consent.delegate': delegateOf(world, { parent: terms, child: terms }),
  'consent.narrow': narrowOf(world, { previous: terms, next: terms }),
  'consent.emergency': emergencyOf(world),
  'consent.expire': expireOf(world, terms),
  'consent.request': {
    transaction: 'consent.request',
    args: { pid, request: testId('request'), commitment: '' },
    values: {},
    by: world.nodeA,
  },
  'patient.merge': { transaction: 'patient.merge', args: { pid, commitment: '' }, values: {}, by: administrator },
  'consent.review': {
    transaction: 'consent.review',
    args: { pid, emergency: '', outcome: 'justified' },
    values: {},
    by: administrator,
  },
  'patient.appointGuardian': appointOf(world, { pid, label: 'greta', by: world.alice.phone }),
  'record.dispute': { transaction: 'record.dispute', args: {}, values: {}, by: world.alice.phone },
  'record.answerDispute': { transaction: 'record.answerDispute', args: { pid }, values: {}, by: administrator },
};

describe('the pid that private arguments concern', () => {
  it('is told by every transaction that takes some', () => {
    const names = contracts.flatMap((one) => (one.private === undefined ? [] : [`${one.contract}.${one.name}`]));
    expect(Object.keys(calls).sort()).toEqual(names.sort());
    for (const [name, options] of Object.entries(calls)) expect(findPrivatePid(payloadOf(options)), name).toBe(pid);
  });

  it('leads to the organisation that keeps its records', async () => {
    for (const options of Object.values(calls))
      expect(await readPrivateOrganisation(get, payloadOf(options))).toBe('hospital-a');
  });

  it('is none where the ledger does not know it', async () => {
    const unknown = payloadOf(useOf(world, { opened: terms, args: { pid: testId('nobody') } }));
    expect(findPrivatePid(unknown)).toBe(testId('nobody'));
    expect(await readPrivateOrganisation(get, unknown)).toBeUndefined();
  });

  it('is none for a call without private arguments, which any member may send: a revocation', () => {
    expect(findPrivatePid(payloadOf(revokeOf(world, terms.terms.grant)))).toBeUndefined();
  });

  it('is none for what is no such call', () => {
    const payload = payloadOf(useOf(world, { opened: terms }));
    for (const value of [
      undefined,
      null,
      'text',
      [],
      {},
      { ...payload, transaction: 'nothing' },
      { ...payload, transaction: 'commit', contract: 'record' },
      { ...payload, args: null },
      { ...payload, args: { pid: 1 } },
      { ...payload, args: { pid: 'short' } },
      { ...payload, contract: 1 },
      { ...payload, signer: 1 },
    ])
      expect(findPrivatePid(value)).toBeUndefined();
    const grant = payloadOf(calls['consent.grant']!);
    for (const signer of ['id:AAAAAAAAAAAAAAAAAAAAAA', 'nobody', ''])
      expect(findPrivatePid({ ...grant, signer })).toBeUndefined();
  });
});
