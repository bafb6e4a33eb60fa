import { WalletError } from '@salus/wallet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type PatientBrowser,
  type PatientNode,
  patientBrowser,
  patientNode,
  tooMany,
} from '../../test/patient-browser.ts';
import { claimFirst, claimMore } from '../patient/onboarding/claim.ts';
import type { HeldPatient } from './patient-session.ts';

let node: PatientNode;
let browser: PatientBrowser;
let [one, two]: HeldPatient[] = [];
beforeEach(async () => {
  node = await patientNode();
  browser = patientBrowser(node);
  const { text } = node.newSlip('hospital-a');
  await claimFirst(browser.surroundings, browser.signIn, { slip: text, pin: '418 270' });
  [one, two] = [await browser.openTab(), await browser.openTab()];
});
afterEach(() => browser.close());

const seen = (number: number) => ({ number, hash: 'h'.repeat(43) });

describe('two tabs of a patient', () => {
  it('lose nothing of each other: a tab that was left open keeps what another has claimed', async () => {
    const { slip, text } = node.newSlip('hospital-b');
    await claimMore(browser.surroundings, two!.patient, text);
    await one!.patient.change((kept) => ({ ...kept, content: { ...kept.content, checkpoint: seen(7) } }));
    const { content } = (await browser.kept())!;
    expect(content.pids.map(({ pid }) => pid)).toContain(slip.pid);
    expect(content.recoveryNext).toBe(2);
    expect(content.checkpoint).toEqual(seen(7));
  });

  it('change one after the other, each from what the other has kept', async () => {
    const before = (await browser.kept())!.content.recoveryNext;
    const tabs = [one!, two!, one!, two!];
    await Promise.all(
      tabs.map((tab) =>
        tab.patient.seal(async (kept) => {
          await new Promise((resolve) => setImmediate(resolve));
          return { ...kept, content: { ...kept.content, recoveryNext: kept.content.recoveryNext + 1 } };
        }),
      ),
    );
    expect((await browser.kept())!.content.recoveryNext).toBe(before + tabs.length);
  });

  it('show each other’s changes', async () => {
    const { slip, text } = node.newSlip('hospital-b');
    await claimMore(browser.surroundings, two!.patient, text);
    await expect.poll(() => one!.patient.pids.map(({ pid }) => pid)).toContain(slip.pid);
  });

  it('bring nobody back who was removed from the browser', async () => {
    await browser.signIn.forget();
    const change = one!.patient.seal((kept) => kept);
    await expect(change).rejects.toBeInstanceOf(WalletError);
    await expect(change).rejects.toMatchObject({ code: 'wallet-missing' });
    expect(await browser.kept()).toBeUndefined();
  });
});

describe('a backup that failed', () => {
  it('is still owed after the page was loaded again, and is left then', async () => {
    await one!.patient.backUp();
    node.disturb('/backup', { kind: 'refuse', error: tooMany() });
    await one!.patient.change((kept) => ({ ...kept, content: { ...kept.content, checkpoint: seen(9) } }));
    expect(one!.patient.isBackedUp).toBe(false);
    const third = await browser.openTab();
    await expect.poll(() => third.patient.isBackedUp).toBe(true);
  });
});
