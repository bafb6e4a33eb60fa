import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { chooseFile, press, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

let stage: Stage;

/** Every key that lies in the browser's stores, and every text in them. */
async function kept(page: Page): Promise<{ readonly extractable: readonly boolean[]; readonly text: string }> {
  return page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((done, fail) => {
      const opening = indexedDB.open('salus');
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => fail(opening.error ?? new Error('closed'));
    });
    const values = await new Promise<unknown[]>((done) => {
      const all = database.transaction('kept').objectStore('kept').getAll();
      all.onsuccess = () => done(all.result);
    });
    database.close();
    const extractable: boolean[] = [];
    const text: string[] = [];
    const visit = (value: unknown): void => {
      if (value instanceof CryptoKey) extractable.push(value.extractable);
      else if (ArrayBuffer.isView(value)) text.push(new TextDecoder('latin1').decode(value));
      else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
      else text.push(String(value));
    };
    visit(values);
    return {
      extractable,
      text: [...text, JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })].join('\n'),
    };
  });
}

describe.skipIf(!hasBrowser)('signing in', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('takes one paste, lasts over a reload, and leaves nothing behind when one signs out', async () => {
    const patient = stage.cast.patients.find(({ device }) => device !== undefined)!;
    const doctor = stage.cast.staff.find(({ account }) => account === 'a.rossi')!;
    for (const { device, path } of [
      { device: patient.device!, path: '/patient' },
      { device: doctor.device, path: '/clinician' },
    ]) {
      const page = await stage.newDevice();
      await page.goto('/start');
      await expectAccessible(page);
      await signIn(page, device);
      await page.waitForURL(`**${path}`);
      await page.reload();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      const { extractable, text } = await kept(page);
      expect(extractable.length).toBeGreaterThan(3);
      expect(extractable).not.toContain(true);
      expect(text).not.toContain(doctor.password);
      for (const { pid } of patient.at) expect(text).not.toContain(pid);
      // Nobody becomes a colleague on somebody's device.
      await page.goto('/join');
      await page.getByText('This browser is somebody’s device already').waitFor();
      expect(await page.getByLabel('PIN').count()).toBe(0);
      await expectAccessible(page);
      await press(page.getByRole('button', { name: 'Sign out' }));
      await page.getByRole('heading', { level: 1, name: 'Your health record, in your hands' }).waitFor();
      expect((await kept(page)).extractable).toEqual([]);
      await page.reload();
      await page.getByRole('heading', { level: 1, name: 'Your health record, in your hands' }).waitFor();
    }
  });

  it('says what to do when the line is not whole', async () => {
    const page = await stage.newDevice();
    await page.goto('/start');
    await photograph(page, 'sign-in');
    await write(page.getByRole('textbox', { name: 'Sign-in line' }), stage.cast.staff[0]!.device.slice(0, -2));
    await press(page.getByRole('button', { name: 'Sign in' }));
    await page.getByRole('alert').getByText('Paste the whole line again').waitFor();
    await expectAccessible(page);
  });

  it('takes the wallet file of a member of staff, its passphrase, account and password', async () => {
    const { account, password, wallet, passphrase } = stage.cast.staff.find(
      (one) => one.account === 'a.rossi',
    ) as unknown as {
      readonly [name in 'account' | 'password' | 'wallet' | 'passphrase']: string;
    };
    const page = await stage.newDevice();
    await press(page.getByRole('link', { name: 'Sign in' }).first());
    await press(page.getByRole('link', { name: 'Sign in with a wallet file' }));
    await page.getByRole('heading', { level: 1, name: 'Staff' }).waitFor();
    await photograph(page, 'sign-in-staff');
    await expectAccessible(page);
    const file = join(stage.node.folder, 'config', 'salus', 'demonstration', wallet);
    await chooseFile(page.getByRole('button', { name: 'Wallet file' }), file);
    await write(page.getByLabel('Passphrase of the file'), 'not the passphrase');
    await write(page.getByLabel('Account'), account);
    await write(page.getByLabel('Password'), password);
    await press(page.getByRole('button', { name: 'Sign in' }));
    await page.getByRole('alert').getByText('wrong-passphrase').waitFor();
    await write(page.getByLabel('Passphrase of the file'), passphrase);
    await write(page.getByLabel('Password'), 'not the password');
    await press(page.getByRole('button', { name: 'Sign in' }));
    await page.getByRole('alert').getByText('wrong-credentials').waitFor();
    expect((await kept(page)).extractable).toEqual([]);
    await write(page.getByLabel('Password'), password);
    await press(page.getByRole('button', { name: 'Sign in' }));
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const { extractable, text } = await kept(page);
    expect(extractable).not.toContain(true);
    expect(text).not.toContain(password);
    expect(text).not.toContain(passphrase);
  });
});
