import { ClientError } from '@salus/client';
import { type GrantFact, grantKey, type Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
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
import { findUnfinished, finishNarrowing, narrowOnce } from './narrow-once.ts';

const DAY_MS = 86_400_000;

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
    expect(findUnfinished(patient, agreed.grant)).toBeUndefined();
    expect(await opensCommitment()).toBe(true);
    await endGrant(patient, agreed.pid, agreed.grant);
    await expect(narrowOnce(patient, less())).rejects.toMatchObject({ code: 'grant-revoked' });
  });
});
