import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose, chooseFile, press, tick, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

let stage: Stage;
let page: Page;

const heading = (at: Page, name: string | RegExp, level = 1) => at.getByRole('heading', { level, name });
const go = async (path: string, title: string | RegExp): Promise<void> => {
  await page.goto(path);
  await heading(page, title).waitFor();
};
const deviceOf = (account: string): string => stage.cast.staff.find((person) => person.account === account)!.device;

describe.skipIf(!hasBrowser)('a steward', () => {
  beforeAll(async () => {
    stage = await openStage();
    page = await stage.newDevice();
    await signIn(page, deviceOf('hospital-a.admin'));
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('sees how the node runs, and who the members are', async () => {
    await go('/steward', 'This node');
    await page.getByText('The node serves, and releases records.').waitFor();
    await page.getByText('Embedded: one machine, one file').waitFor();
    await page.getByText('None: every block is as it should be.').waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-node');
    await go('/steward/members', 'Members');
    await heading(page, 'Hospital A', 2).waitFor();
    await heading(page, 'Hospital B', 2).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-members');
  });

  it('issues a certificate of authenticity that anybody verifies, also offline, until it is revoked', async () => {
    await go('/steward/certificates', 'Certificates');
    await choose(page.getByLabel('For'), 'a.rossi');
    await write(page.getByLabel('Name, as people should read it'), 'Dr Aurora Rossi');
    await write(page.getByLabel('Licence or register number'), 'Register of physicians 4711');
    await expectAccessible(page);
    await press(page.getByRole('button', { name: 'Sign and issue' }));
    await heading(page, 'Certificate of Authenticity').waitFor();
    const code = await page.getByRole('img', { name: /QR code/ }).screenshot();
    await expectAccessible(page);
    await photograph(page, 'steward-certificate');
    await press(page.getByText('Text of the QR code'));
    const text = (await page.locator('details code').textContent()) ?? '';
    expect(text).toMatch(/^SALUS-AUTHENTICITY:1:/);

    const stranger = await stage.newDevice();
    await stranger.goto('/verify');
    const check = async (given: string): Promise<string> => {
      await write(stranger.getByRole('textbox', { name: 'Text of the QR code' }), given);
      await press(stranger.getByRole('button', { name: 'Check' }));
      const verdict = stranger.getByRole('alert');
      await verdict.waitFor();
      return (await verdict.textContent()) ?? '';
    };
    expect(await check(text)).toMatch(/Genuine and valid.*Dr Aurora Rossi/);
    await expectAccessible(stranger);
    await photograph(stranger, 'verify-certificate');

    // What a camera sees is checked without a further word.
    await stranger.goto('/verify');
    const picture = { name: 'certificate.png', mimeType: 'image/png', buffer: code };
    await chooseFile(stranger.getByRole('button', { name: 'Read a QR code from a picture' }), picture);
    const seen = stranger.getByRole('alert').filter({ hasText: 'Genuine and valid' });
    await seen.getByText('Dr Aurora Rossi').waitFor();
    expect(await stranger.getByRole('textbox', { name: 'Text of the QR code' }).inputValue()).toBe(text);
    const at = Math.floor(text.length / 2);
    expect(await check(`${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`)).toMatch(
      /Not genuine/,
    );
    await stranger.context().setOffline(true);
    expect(await check(text)).toMatch(/Genuine, not asked today/);
    await stranger.context().setOffline(false);

    await press(page.getByRole('button', { name: 'Revoke' }));
    await press(page.getByRole('dialog').getByRole('button', { name: 'Revoke' }));
    await page.getByText('revoked', { exact: true }).waitFor();
    expect(await check(text)).toMatch(/Revoked/);
    await go('/steward/certificates', 'Certificates');
    await page.getByRole('link', { name: 'Dr Aurora Rossi' }).waitFor();
    await photograph(page, 'steward-certificates');
  });

  it('enrols a colleague whose key is made in the colleague’s own browser', async () => {
    await go('/steward/people', 'People');
    await write(page.getByLabel('Account name'), 'c.weber');
    await tick(page.getByRole('checkbox', { name: /doctor|clinician/i }));
    await press(page.getByRole('button', { name: 'Make the code' }));
    const code = (await page.getByTestId('join-code').textContent()) ?? '';
    await expectAccessible(page);
    await photograph(page, 'steward-people');

    const colleague = await stage.newDevice();
    await colleague.goto('/join');
    await heading(colleague, 'Begin with a code').waitFor();
    await expectAccessible(colleague);
    await write(colleague.getByRole('textbox', { name: 'Code' }), code);
    await write(colleague.getByLabel('New password'), 'a long password of mine');
    await write(colleague.getByLabel('The password again'), 'a long password of mine');
    await write(colleague.getByLabel('PIN for this device'), '739164');
    await press(colleague.getByRole('button', { name: 'Make my key' }));
    const number = (await colleague.getByTestId('join-number').textContent()) ?? '';
    expect(number).toMatch(/^(\d{4} ){3}\d{4}$/);
    await expectAccessible(colleague);
    await photograph(colleague, 'join');

    await page.getByText(number).waitFor();
    await press(page.getByRole('button', { name: 'The numbers are the same: enrol' }));
    await press(page.getByRole('dialog').getByRole('button', { name: /enrol/ }));
    await page.getByText('Nobody is invited at the moment.').waitFor();
    await page.getByText('c.weber', { exact: true }).waitFor();
    await colleague.getByRole('button', { name: 'Sign out' }).waitFor();
    await colleague.waitForURL('**/clinician');

    // And is sent away again: the key counts no more, and the colleague’s session ends.
    const row = page.getByRole('listitem').filter({ hasText: 'c.weber' });
    await press(row.getByRole('button', { name: 'Revoke' }));
    await press(page.getByRole('dialog').getByRole('button', { name: 'Revoke' }));
    await row.getByText('revoked').waitFor();
  });

  it('follows any act through the ledger to who signed it, with proofs checked in the browser', async () => {
    await go('/steward/ledger', 'Ledger');
    await page.getByText(/Checked on this device/).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-ledger');
    await press(page.getByRole('link', { name: /^Block / }).first());
    await heading(page, /^Block /).waitFor();
    await page.getByText(/Checked on this device/).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-block');
    await press(page.getByRole('listitem').getByRole('link').last());
    await heading(page, 'Call').waitFor();
    await page.getByText(/Proof checked on this device/).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-call');
    const { pid } = stage.cast.patients.find(({ device }) => device !== undefined)!.at[0]!;
    await go('/steward/ledger', 'Ledger');
    await write(page.getByLabel(/Number of a block/), pid);
    await press(page.getByRole('button', { name: 'Show' }));
    await heading(page, 'Known under this id').waitFor();
    await page.getByText('Device of a patient').first().waitFor();
    await expectAccessible(page);
    await press(page.getByRole('link', { name: /patient\/pid\// }));
    await heading(page, 'Pseudonym of a patient').waitFor();
    await page.getByRole('link', { name: 'A patient took over their record' }).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-fact');
  });

  it('is told when a node shows what does not hold', async () => {
    const cheated = await stage.newDevice();
    await cheated.route('**/api/v1/ledger/blocks?*', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({
        response: answer,
        body: (await answer.text()).replace(/"timestampMs":(\d)/, '"timestampMs":9'),
      });
    });
    await signIn(cheated, deviceOf('hospital-a.admin'));
    await cheated.goto('/steward/ledger');
    await cheated.getByText(/What the node shows does not hold/).waitFor();
  });

  it('checks the running ledger, keeps its checkpoint and makes a backup', async () => {
    await go('/steward/safety', 'Checks and backups');
    await press(page.getByRole('button', { name: 'Check now' }));
    await page.getByText('Nothing is wrong.').waitFor({ timeout: 240_000 });
    await page.getByText(/signatures? (is|are) valid/).waitFor();
    const saved = page.waitForEvent('download');
    await press(page.getByRole('button', { name: 'Save the checkpoint as a file' }));
    expect((await saved).suggestedFilename()).toMatch(/^checkpoint-\d+\.json$/);
    await write(page.getByLabel('Name of the new backup'), 'walk');
    await press(page.getByRole('button', { name: 'Make a backup' }));
    await page.getByText('The backup walk was made and verified.').waitFor({ timeout: 240_000 });
    await page.getByText('walk', { exact: true }).waitFor();
    await expectAccessible(page);
    await photograph(page, 'steward-safety');
  });

  it('is who these pages are for: a doctor reads the ledger, and changes nothing', async () => {
    const doctor = await stage.newDevice();
    await signIn(doctor, deviceOf('a.rossi'));
    for (const path of ['/steward', '/steward/people', '/steward/certificates', '/steward/safety']) {
      await doctor.goto(path);
      await doctor.getByText(/^This page is for administrators/).waitFor();
    }
    await doctor.goto('/steward/ledger');
    await doctor.getByText(/Checked on this device/).waitFor();
  });
});
