/** What the tests of engines take from these: a consortium with a patient, real keys, and calls of every kind. */
export {
  type ConsentWorld,
  childOf,
  createConsentWorld,
  delegateOf,
  emergencyOf,
  expireOf,
  grantOf,
  locateOf,
  makeCard,
  makeGrant,
  narrowOf,
  openTerms,
  revokeOf,
  useOf,
} from './consent.ts';
export { type Cast, createCast } from './consent-cast.ts';
export { createHistory, type Play } from './consent-history.ts';
export { type Dice, diceOf } from './dice.ts';
export { appointOf } from './guardian.ts';
export type { CallOptions, TestCall, TestLedger } from './host.ts';
export { testHash, testId } from './keys.ts';
export type { Member, Patient, TestNetwork } from './network.ts';
export { batchOf, commitBatch } from './record.ts';
