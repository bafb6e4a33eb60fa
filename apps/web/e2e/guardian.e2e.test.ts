import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose, press, tick, write } from './by-keys.ts';
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
    await write(offer.getByRole('textbox', { name: 'Their code' }), 'SALUS-WARD:1:nothing');
    await write(offer.getByRole('textbox', { name: 'Whom it is for' }), 'My mother');
    await press(offer.getByRole('button', { name: 'Make the return code' }));
    await offer.getByText('This is no such code.').waitFor();
    await write(offer.getByRole('textbox', { name: 'Their code' }), code);
    await press(offer.getByRole('button', { name: 'Make the return code' }));
    const answer = (await offer.getByText(/^SALUS-GUARDIAN:1:/).innerText()).trim();

    // Before the appointment the key opens nothing.
    await press(offer.getByRole('button', { name: 'They have appointed me' }));
    await offer.getByRole('alert').waitFor();

    const form = ward.getByRole('region', { name: 'Appoint a guardian' });
    await write(form.getByRole('textbox', { name: 'Their code' }), answer.slice(0, -4));
    await form.getByText('This is no guardian’s code for you.').waitFor();
    await write(form.getByRole('textbox', { name: 'Their code' }), answer);
    await write(form.getByRole('textbox', { name: 'Their name' }), 'Ada Example');
    await tick(form.getByRole('checkbox', { name: 'Give and take back access' }));
    await press(form.getByRole('button', { name: 'Appoint' }));
    await form.getByText('Say what shows it.').waitFor();
    await write(form.getByRole('textbox', { name: 'In a few words' }), 'We stand here together at the desk');
    await press(form.getByRole('button', { name: 'Appoint' }));
    const cards = ward.getByRole('article', { name: 'Ada Example' });
    await cards.first().getByText('active').waitFor();
    await photograph(ward, 'guardians-appointed');
    await expectAccessible(ward);

    await press(offer.getByRole('button', { name: 'They have appointed me' }));
    await offer.getByText('My mother at Hospital A').waitFor();
    await choose(guardian.getByRole('combobox', { name: 'Acting for' }), 'My mother');
    await guardian.getByText('You act for My mother.').waitFor();
    await press(guardian.getByRole('link', { name: 'Requests' }));
    const request = guardian.getByRole('region', { name: 'Everybody at Hospital B would like to read:' });
    await request.getByText('Opens 5 documents today, 0 sensitive.').waitFor();
    await photograph(guardian, 'guardian-acting');
    await expectAccessible(guardian);
    await press(request.getByRole('button', { name: 'Allow this' }));
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
      await press(cards.getByRole('button', { name: 'End it' }).first());
      const question = ward.getByRole('dialog', { name: 'End this guardianship?' });
      await press(question.getByRole('button', { name: 'End it' }));
      await question.waitFor({ state: 'detached' });
      await expect
        .poll(() => cards.getByRole('button', { name: 'End it' }).count(), { timeout: 60_000 })
        .toBe(left - 1);
    }
    await press(guardian.getByRole('link', { name: 'Who looked' }));
    await guardian.getByRole('alert').filter({ hasText: 'That did not work' }).waitFor();
  });

  it('is appointed by the desk for somebody who has claimed nothing, acts, and is ended there', async () => {
    const staff = (account: string) => stage.cast.staff.find((person) => person.account === account)!;
    const child = stage.cast.patients.find(
      ({ slips = [], at }) => slips.length > 0 && at.some(({ organisation }) => organisation === 'hospital-a'),
    )!;
    const desk = await stage.newDevice();
    await signIn(desk, staff('a.desk').device);
    await desk.goto('/clinician');
    await press(desk.getByRole('link', { name: 'Guardians' }));
    await write(desk.getByRole('textbox', { name: 'Name' }), child.name);
    await press(desk.getByRole('button', { name: 'Search' }));
    await photograph(desk, 'desk-guardians');
    await expectAccessible(desk);
    await press(desk.getByRole('link', { name: `Choose ${child.name}` }).first());
    await desk.getByText('Nobody acts for this person.').waitFor();
    const code = (await desk.getByText(/^SALUS-WARD:1:/).innerText()).trim();

    const guardian = await signedIn(1, '/patient/access/guardians');
    const offer = guardian.getByRole('region', { name: 'Act for somebody else' });
    await write(offer.getByRole('textbox', { name: 'Their code' }), code);
    await write(offer.getByRole('textbox', { name: 'Whom it is for' }), 'My child');
    await press(offer.getByRole('button', { name: 'Make the return code' }));
    const answer = (await offer.getByText(/^SALUS-GUARDIAN:1:/).innerText()).trim();

    const form = desk.getByRole('region', { name: 'Appoint a guardian' });
    await write(form.getByRole('textbox', { name: 'Their code' }), answer.slice(0, -4));
    await form.getByText('This is no guardian’s code for this patient.').waitFor();
    await write(form.getByRole('textbox', { name: 'Their code' }), answer);
    await write(form.getByRole('textbox', { name: 'Their name' }), 'Greta Parent');
    await choose(form.getByRole('combobox', { name: 'What they are to the patient' }), 'parent');
    for (const scope of ['Give and take back access', 'Object to documents']) {
      await tick(form.getByRole('checkbox', { name: scope }));
    }
    await press(form.getByRole('button', { name: 'Appoint' }));
    await form.getByText('Say what shows it.').first().waitFor();
    await write(form.getByRole('textbox', { name: 'In a few words' }), 'Birth certificate 4711');
    await press(form.getByRole('button', { name: 'Appoint' }));
    await form.getByText('Say what shows it.').waitFor();
    await choose(form.getByRole('combobox', { name: 'What shows it' }), 'birth-certificate');
    await expectAccessible(desk);
    await photograph(desk, 'desk-guardian-form');
    await press(form.getByRole('button', { name: 'Appoint' }));
    const card = desk.getByRole('article', { name: 'Greta Parent' });
    await card.getByText('Shown: A birth certificate. Birth certificate 4711').waitFor();
    await photograph(desk, 'desk-guardian-appointed');

    await press(offer.getByRole('button', { name: 'They have appointed me' }));
    await choose(guardian.getByRole('combobox', { name: 'Acting for' }), 'My child');
    await guardian.getByText('You act for My child.').waitFor();
    await press(guardian.getByRole('link', { name: 'Documents' }));
    await press(guardian.locator('main details > summary').first());
    await guardian.locator('main details[open] dd').first().waitFor();
    await expectAccessible(guardian);
    await photograph(guardian, 'guardian-documents');
    await press(guardian.getByRole('link', { name: 'Corrections' }));
    const objection = guardian.getByRole('region', { name: 'Object to a document' });
    await choose(objection.getByRole('combobox', { name: 'Which document' }), /at Hospital A/);
    await objection.getByRole('region', { name: 'What you object to' }).locator('dd').first().waitFor();
    await write(objection.getByRole('textbox', { name: 'What is wrong' }), 'My child was not there that day.');
    await press(objection.getByRole('button', { name: 'Sign and send' }));
    await guardian.getByRole('article').getByText('waits for an answer').waitFor();
    await press(guardian.getByRole('link', { name: 'Who has access', exact: true }).last());
    await press(guardian.getByRole('link', { name: 'Give somebody access' }));
    await choose(guardian.getByRole('combobox', { name: 'The place whose people may read it.' }), 'hospital-b');
    await tick(guardian.getByRole('checkbox').first());
    await press(guardian.getByRole('button', { name: 'Allow this' }));
    await guardian.getByRole('article', { name: 'Everybody at Hospital B' }).waitFor();

    await press(card.getByRole('button', { name: 'End it' }));
    await press(desk.getByRole('dialog').getByRole('button', { name: 'End it' }));
    await card.getByText('removed').waitFor();
    await press(guardian.getByRole('link', { name: 'Who looked' }));
    await guardian.getByRole('alert').filter({ hasText: 'That did not work' }).waitFor();

    const doctor = await stage.newDevice();
    await signIn(doctor, staff('a.rossi').device);
    const asked: string[] = [];
    doctor.on('request', (request) => asked.push(request.url()));
    await doctor.goto(new URL(desk.url()).pathname);
    await doctor.getByText('Only the registration desk appoints guardians.').waitFor();
    await press(doctor.getByRole('link', { name: 'Another patient' }));
    await doctor.waitForURL('**/clinician/guardians');
    const fhirId = new URL(desk.url()).pathname.split('/').at(-1) ?? '';
    expect(fhirId.length).toBeGreaterThan(10);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((url) => url.includes(`/Patient/${fhirId}`) || url.includes('/guardians?'))).toEqual([]);
  });
});
