import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

const WORDS = 'My weight was not taken that day; the value is somebody else’s.';
const ANSWER = 'We have checked the sheet of that day: the value is yours.';

let stage: Stage;

describe.skipIf(!hasBrowser)('a patient who objects', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('states it in signed words beside the document, reads the author’s answer, and may withdraw', async () => {
    const patient = stage.cast.patients[0]!;
    const page = await stage.newDevice();
    await signIn(page, patient.device!);
    await page.goto('/patient/access/disputes');
    await page.getByText('You have objected to nothing.').waitFor();
    const form = page.getByRole('region', { name: 'Object to a document' });
    await form.getByRole('button', { name: 'Sign and send' }).click();
    await form.getByText('Choose a document.').waitFor();
    await form.getByText('Say what is wrong.').waitFor();
    const document = form.getByRole('combobox', { name: 'Which document' });
    const option = document.getByRole('option', { name: /^Measurements and findings at Hospital A/ }).first();
    await option.waitFor({ state: 'attached' });
    await document.selectOption(await option.getAttribute('value'));
    await form.getByRole('textbox', { name: 'What is wrong' }).fill(WORDS);
    await form.getByRole('button', { name: 'Sign and send' }).click();
    const card = page.getByRole('article').filter({ hasText: WORDS });
    await card.getByText('waits for an answer').waitFor();
    await expectAccessible(page);

    const rossi = await stage.newDevice();
    await signIn(rossi, stage.cast.staff.find(({ account }) => account === 'a.rossi')!.device);
    await rossi.goto('/clinician');
    await rossi.getByRole('link', { name: 'Corrections that patients ask for' }).click();
    const stated = rossi.getByRole('article').filter({ hasText: WORDS });
    await stated.getByRole('button', { name: 'Sign and answer' }).click();
    await stated.getByText('Write an answer.').waitFor();
    await stated.getByRole('textbox', { name: 'Your answer to the patient' }).fill(ANSWER);
    await stated.getByRole('radio', { name: 'It was corrected' }).check();
    await stated.getByRole('button', { name: 'Sign and answer' }).click();
    await stated.getByText('There is no newer version of this document yet').waitFor();
    await photograph(rossi, 'clinician-disputes');
    await expectAccessible(rossi);
    await stated.getByRole('radio', { name: 'It stays as it is' }).check();
    await stated.getByRole('button', { name: 'Sign and answer' }).click();
    await rossi.getByText('No patient waits for an answer.').waitFor();

    // The node tells the open page.
    await card.getByText('answered, not changed').waitFor();
    await card.getByText(ANSWER).waitFor();
    await photograph(page, 'disputes-answered');
    await card.getByRole('button', { name: 'Withdraw' }).click();
    const question = page.getByRole('dialog', { name: 'Withdraw your objection?' });
    await question.getByRole('button', { name: 'Withdraw' }).click();
    await card.getByText('withdrawn by you').waitFor();
  });
});
