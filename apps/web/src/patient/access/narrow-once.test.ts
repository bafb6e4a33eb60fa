import { ClientError } from '@salus/client';
import { type GrantFact, grantKey, type Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import { CALL_LIFETIME_MS, type PreparedCall } from '@salus/wallet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  badGateway,
  type PatientBrowser,
  type PatientNode,
  patientBrowser,
  patientNode,
} from '../../../test/patient-browser.ts';
import type { PatientSession } from '../../session/index.ts';
import { claimFirst } from '../onboarding/claim.ts';
import { endGrant, makeGrants } from './decide.ts';
import { findUnfinished, finishNarrowing, forgetNarrowing, narrowOnce } from './narrow-once.ts';

const DAY_MS = 86_400_000;
/** A minute longer than a call lives. */
const LATE_MS = CALL_LIFETIME_MS + 60_000;

let node: PatientNode;
let browser: PatientBrowser;
let patient: PatientSession;
let agreed: Terms;
beforeEach(async () => {
  node = await patientNode(['hospital-a', 'lab']);
  browser = patientBrowser(node);
  const first = node.newSlip('hospital-a');
  await claimFirst(browser.surroundings, browser.signIn, { slip: first.text, pin: '418 270' });
  ({ patient } = await browser.openTab());
  const [entry] = patient.pids;
  const { nowMs } = patient.occasion();
  const choice = {
    pid: entry!.pid,
    grantee: { kind: 'organisation', organisation: 'lab' },
    categories: ['laboratory', 'medication'],
    labelClasses: ['N'],
    purposes: ['TREAT'],
    ...{ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + DAY_MS },
  } as const;
  await makeGrants(patient, { decision: 'give', plans: [{ entry: entry!, choice }] }, () => undefined);
  agreed = patient.wallet.content.grants[0]!.terms;
});
afterEach(() => browser.close());

const less = (): Terms => ({ ...agreed, categories: ['laboratory'] });
const fact = (): GrantFact => node.ledger.state.get(grantKey(agreed.pid, agreed.grant)) as unknown as GrantFact;
const tokensSent = (): number => node.arrived.filter((name) => name.endsWith('/lab/tokens')).length;

/** The ledger's clock goes on. */
function elapse(ms: number): void {
  const { submit } = node.ledger;
  const { nowMs } = patient.occasion();
  Object.assign(node.ledger, { submit: (prepared: PreparedCall) => submit(prepared, nowMs + ms) });
}

/** Does what this device keeps open what the ledger holds? Else nothing can be narrowed or told again. */
async function opensCommitment(): Promise<boolean> {
  const { terms, salt } = (await browser.kept())!.content.grants[0]!;
  return fact().commitment === hashTuple('grant', salt, terms as unknown as Json);
}

describe('a narrowing', () => {
  it('is committed, kept, and told to the grantee', async () => {
    await narrowOnce(patient, less());
    expect(patient.wallet.content.grants.map(({ terms }) => terms)).toEqual([less()]);
    expect(await opensCommitment()).toBe(true);
    expect(tokensSent()).toBe(1);
    expect(findUnfinished(patient, agreed.grant)).toBeUndefined();
    await narrowOnce(patient, { ...less(), maxUses: 3 });
    expect(await opensCommitment()).toBe(true);
  });

  it('that was made and not answered is finished by the same call, also after the page was loaded again', async () => {
    node.disturb('/patient/grants', { kind: 'lose' });
    await expect(narrowOnce(patient, less())).rejects.toBeInstanceOf(ClientError);
    const { commitment } = fact();
    ({ patient } = await browser.openTab());
    expect(findUnfinished(patient, agreed.grant)?.sent).not.toBeNull();
    await narrowOnce(patient, less());
    expect(fact().commitment).toBe(commitment);
    expect(await opensCommitment()).toBe(true);
    expect(tokensSent()).toBe(1);
  });

  it('that the grantee did not hear of waits, and is told without another call', async () => {
    node.disturb('/lab/tokens', { kind: 'refuse', error: badGateway() });
    await expect(narrowOnce(patient, less())).rejects.toBeInstanceOf(ClientError);
    const begun = findUnfinished(patient, agreed.grant)!;
    expect(begun.sent).toBeNull();
    const calls = node.arrived.filter((name) => name.endsWith('/patient/grants')).length;
    await finishNarrowing(patient, begun);
    expect(node.arrived.filter((name) => name.endsWith('/patient/grants'))).toHaveLength(calls);
    expect(tokensSent()).toBe(2);
    expect(findUnfinished(patient, agreed.grant)).toBeUndefined();
  });

  it('that the ledger refuses leaves the terms that count', async () => {
    const wider = { ...agreed, categories: [...agreed.categories, 'imaging'] };
    await expect(narrowOnce(patient, wider)).rejects.toMatchObject({ code: 'not-narrower' });
    expect(findUnfinished(patient, agreed.grant)?.refused).toBe('not-narrower');
    expect(await opensCommitment()).toBe(true);
    await endGrant(patient, agreed.pid, agreed.grant);
    await expect(narrowOnce(patient, less())).rejects.toMatchObject({ code: 'grant-revoked' });
  });

  it('that did not arrive and is brought to its end too late is told as refused until that was read', async () => {
    node.disturb('/patient/grants', { kind: 'refuse', error: badGateway() });
    await expect(narrowOnce(patient, less())).rejects.toMatchObject({ status: 502 });
    elapse(LATE_MS);
    const refusal = await finishNarrowing(patient, findUnfinished(patient, agreed.grant)!);
    expect(refusal).toMatchObject({ code: 'not-after-passed' });
    expect(patient.wallet.content.grants.map(({ terms }) => terms)).toEqual([agreed]);
    expect(tokensSent()).toBe(0);
    ({ patient } = await browser.openTab());
    const refused = findUnfinished(patient, agreed.grant)!;
    expect(refused).toMatchObject({ terms: less(), refused: 'not-after-passed' });
    await forgetNarrowing(patient, refused);
    expect(findUnfinished(patient, agreed.grant)).toBeUndefined();
  });

  it('that came too late is made anew, with another call', async () => {
    node.disturb('/patient/grants', { kind: 'refuse', error: badGateway() });
    await expect(narrowOnce(patient, less())).rejects.toMatchObject({ status: 502 });
    const { salt } = findUnfinished(patient, agreed.grant)!;
    const { submit } = node.ledger;
    elapse(LATE_MS);
    await finishNarrowing(patient, findUnfinished(patient, agreed.grant)!);
    Object.assign(node.ledger, { submit });
    expect(await narrowOnce(patient, less())).toBe('done');
    expect(patient.wallet.content.grants[0]!.salt).not.toBe(salt);
    expect(await opensCommitment()).toBe(true);
    expect(findUnfinished(patient, agreed.grant)).toBeUndefined();
  });
});

describe('two tabs that narrow the same grant', () => {
  const shorter = (): Terms => ({ ...agreed, maxUses: 3 });
  let other: PatientSession;
  beforeEach(async () => {
    ({ patient: other } = await browser.openTab());
  });

  it('at the same moment send one call, whose salt is not lost although its answer is', async () => {
    node.disturb('/patient/grants', { kind: 'lose' });
    const calls = (): number =>
      node.arrived.filter((name) => name === 'POST /api/v1/orgs/hospital-a/patient/grants').length;
    const before = calls();
    const ends = await Promise.allSettled([narrowOnce(patient, less()), narrowOnce(other, shorter())]);
    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'lost')).sort()).toEqual([
      'begun-elsewhere',
      'lost',
    ]);
    expect(calls()).toBe(before + 1);
    ({ patient } = await browser.openTab());
    expect(await finishNarrowing(patient, findUnfinished(patient, agreed.grant)!)).toBeUndefined();
    expect(await opensCommitment()).toBe(true);
  });

  it('lose nothing where the one sends again what the other has brought to its end, and gone on from', async () => {
    node.disturb('/patient/grants', { kind: 'lose' });
    await expect(narrowOnce(patient, less())).rejects.toMatchObject({ code: 'answer-cut' });
    const begun = findUnfinished(patient, agreed.grant)!;
    await finishNarrowing(patient, begun);
    await narrowOnce(patient, { ...less(), maxUses: 3 });
    await finishNarrowing(other, begun);
    expect((await browser.kept())!.content.grants[0]!.terms).toEqual({ ...less(), maxUses: 3 });
    expect(await opensCommitment()).toBe(true);
  });
});
