import { type DeviceFact, deviceKey, epochKey, patientKey } from '@salus/contracts';
import { appointGuardian, createPatientWallet, derivedDeviceKeys, guardianOffer } from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const DAY_MS = 86_400_000;
const workers = new BundleWorkers(1);
let story: Story;
beforeAll(async () => {
  story = await createStory(workers);
});
afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

test('ends guardianships whose time is over, and the epoch that the former guardian could open', async () => {
  const { consortium, author, patient } = story;
  const { pid } = patient;
  const { ledger } = consortium;
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const { wallet: other } = await createPatientWallet(consortium.network, derivedDeviceKeys(secret));
  const { device } = await guardianOffer(other, { organisation: 'hospital-a', pid });
  const appointed = await appointGuardian(patient.wallet, consortium.occasion, {
    ...{ pid, device, scope: ['read'], untilMs: consortium.clock() + DAY_MS, ends: { kind: 'date' } },
    guardian: { name: 'Greta Guardian', relation: 'daughter' },
    evidence: { kind: 'in-person', text: 'came along', digest: null },
  });
  await consortium.commit(appointed);
  const { kid } = appointed;
  await author.vault.documents.put('guardian', `${pid}/${kid}`, {});
  const before = (await ledger.get(epochKey(`pid:${pid}`))) ?? { epoch: 1 };
  expect(await author.exchange.expiries.sweep()).toBe(0);
  consortium.advance(DAY_MS);
  expect(await author.exchange.expiries.sweep()).toBe(1);
  expect(await author.exchange.expiries.sweep()).toBe(0);
  expect(((await ledger.get(deviceKey(pid, kid))) as DeviceFact).status).toBe('removed');
  expect(await ledger.get(patientKey(pid))).toMatchObject({ guardians: [] });
  expect(await ledger.get(epochKey(`pid:${pid}`))).toEqual({ epoch: (before as { epoch: number }).epoch + 1 });
});
