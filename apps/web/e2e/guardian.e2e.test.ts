import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

let stage: Stage;

async function signedIn(patient: number, path: string): Promise<Page> {
  const page = await stage.newDevice();
  await signIn(page, stage.cast.patients[patient]!.device!);
  await page.goto(path);
  return page;
}

describe.skipIf(!hasBrowser)('a guardian', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('is appointed with evidence, acts with keys of their own, is seen, and is refused once ended', async () => {
    const ward = await signedIn(0, '/patient/access/guardians');
    const guardian = await signedIn(1, '/patient/access/guardians');
    const code = (await ward.getByText(/^SALUS-WARD:1:/).innerText()).trim();

    const offer = guardian.getByRole('region', { name: 'Act for somebody else' });
    await offer.getByRole('textbox', { name: 'Their code' }).fill('SALUS-WARD:1:nothing');
    await offer.getByRole('textbox', { name: 'Whom it is for' }).fill('My mother');
    await offer.getByRole('button', { name: 'Make the return code' }).click();
    await offer.getByText('This is no such code.').waitFor();
    await offer.getByRole('textbox', { name: 'Their code' }).fill(code);
    await offer.getByRole('button', { name: 'Make the return code' }).click();
    const answer = (await offer.getByText(/^SALUS-GUARDIAN:1:/).innerText()).trim();

    // Before the appointment the key opens nothing.
    await offer.getByRole('button', { name: 'They have appointed me' }).click();
    await offer.getByRole('alert').waitFor();

    const form = ward.getByRole('region', { name: 'Appoint a guardian' });
    await form.getByRole('textbox', { name: 'Their code' }).fill(answer.slice(0, -4));
    await form.getByText('This is no guardian’s code for you.').waitFor();
    await form.getByRole('textbox', { name: 'Their code' }).fill(answer);
    await form.getByRole('textbox', { name: 'Their name' }).fill('Ada Example');
    await form.getByRole('checkbox', { name: 'Give and take back access' }).check();
    await form.getByRole('button', { name: 'Appoint' }).click();
    await form.getByText('Say what shows it.').waitFor();
    await form.getByRole('textbox', { name: 'In a few words' }).fill('We stand here together at the desk');
    await form.getByRole('button', { name: 'Appoint' }).click();
    const cards = ward.getByRole('article', { name: 'Ada Example' });
    await cards.first().getByText('active').waitFor();
    await photograph(ward, 'guardians-appointed');
    await expectAccessible(ward);

    await offer.getByRole('button', { name: 'They have appointed me' }).click();
    await offer.getByText('My mother at Hospital A').waitFor();
    await guardian.getByRole('combobox', { name: 'Acting for' }).selectOption('My mother');
    await guardian.getByText('You act for My mother.').waitFor();
    await guardian.getByRole('link', { name: 'Requests' }).click();
    const request = guardian.getByRole('region', { name: 'Everybody at Hospital B would like to read:' });
    await request.getByText('Opens 5 documents today, 0 sensitive.').waitFor();
    await photograph(guardian, 'guardian-acting');
    await expectAccessible(guardian);
    await request.getByRole('button', { name: 'Allow this' }).click();
    await guardian.getByText('allowed as asked').waitFor();

    await ward.reload();
    const acts = ward.getByRole('region', { name: 'What guardians did for you' });
    await acts.getByText('Ada Example: gave access').first().waitFor();
    await acts.getByText('Ada Example: answered a request').waitFor();

    await ward.goto('/patient/access/log?place=hospital-a');
    await ward.getByRole('listitem').filter({ hasText: 'Your guardian' }).first().waitFor();
    await ward.goto('/patient/access/guardians');
    await cards.first().waitFor();

    for (let left = await cards.getByRole('button', { name: 'End it' }).count(); left > 0; left -= 1) {
      await cards.getByRole('button', { name: 'End it' }).first().click();
      const question = ward.getByRole('dialog', { name: 'End this guardianship?' });
      await question.getByRole('button', { name: 'End it' }).click();
      await question.waitFor({ state: 'detached' });
      await expect
        .poll(() => cards.getByRole('button', { name: 'End it' }).count(), { timeout: 30_000 })
        .toBe(left - 1);
    }
    await guardian.getByRole('link', { name: 'Who looked' }).click();
    await guardian.getByRole('alert').filter({ hasText: 'That did not work' }).waitFor();
  });
});
