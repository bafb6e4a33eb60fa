import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose, press, tick, write } from './by-keys.ts';
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
    await press(form.getByRole('button', { name: 'Sign and send' }));
    await form.getByText('Choose a document.').waitFor();
    await form.getByText('Say what is wrong.').waitFor();
    const document = form.getByRole('combobox', { name: 'Which document' });
    await choose(document, /^Measurements and findings at Hospital A/);
    await form.getByRole('region', { name: 'What you object to' }).locator('dd').first().waitFor();
    await write(form.getByRole('textbox', { name: 'What is wrong' }), WORDS);
    await press(form.getByRole('button', { name: 'Sign and send' }));
    const card = page.getByRole('article').filter({ hasText: WORDS });
    await card.getByText('waits for an answer').waitFor();
    await expectAccessible(page);

    const rossi = await stage.newDevice();
    await signIn(rossi, stage.cast.staff.find(({ account }) => account === 'a.rossi')!.device);
    await rossi.goto('/clinician');
    await press(rossi.getByRole('link', { name: 'Corrections that patients ask for' }));
    const stated = rossi.getByRole('article').filter({ hasText: WORDS });
    await press(stated.getByRole('button', { name: 'Sign and answer' }));
    await stated.getByText('Write an answer.').waitFor();
    await write(stated.getByRole('textbox', { name: 'Your answer to the patient' }), ANSWER);
    await tick(stated.getByRole('radio', { name: 'It was corrected' }));
    await press(stated.getByRole('button', { name: 'Sign and answer' }));
    await stated.getByText('There is no newer version of this document yet').waitFor();
    await photograph(rossi, 'clinician-disputes');
    await expectAccessible(rossi);
    await tick(stated.getByRole('radio', { name: 'It stays as it is' }));
    await press(stated.getByRole('button', { name: 'Sign and answer' }));
    await rossi.getByText('No patient waits for an answer.').waitFor();

    // The node tells the open page.
    await card.getByText('answered, not changed').waitFor();
    await card.getByText(ANSWER).waitFor();
    await photograph(page, 'disputes-answered');
    await press(card.getByRole('button', { name: 'Withdraw' }));
    const question = page.getByRole('dialog', { name: 'Withdraw your objection?' });
    await press(question.getByRole('button', { name: 'Withdraw' }));
    await card.getByText('withdrawn by you').waitFor();
  });
});
