import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { press, tick, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';
import { noteTyped, type Typed } from './typed-values.ts';

const PEOPLE = { desk: 'a.desk', clinician: 'a.rossi', laboratory: 'lab.ivers', pharmacy: 'ph.adeyemi' } as const;
type Person = 'patient' | keyof typeof PEOPLE;
/** From the wish to the medicine, one test sent back and asked for again. */
const HAND_OVERS = 15;
const ACT_MS = 120_000;
const POLL = { timeout: 180_000, interval: 500 };

/** Everything that anybody writes in the walk; each is written once, by the one who knows it. */
const WORDS = {
  reason: 'Thirst and tiredness since spring',
  more: 'I drink four litres a day',
  note: 'Came without breakfast',
  rejection: 'The analyser is being cleaned',
  value: '8.40',
  conclusion: 'Above the range of health',
  lot: 'LOT-7741',
};

let stage: Stage;
const typed: Typed[] = [];
const pages = new Map<Person, Page>();

function at(person: Person): Page {
  const page = pages.get(person);
  if (page === undefined) throw new Error(`${person} has no device`);
  return page;
}

/** The claimed patient whom hospital, laboratory and pharmacy know. */
function patientPerson(): { readonly name: string; readonly device: string } {
  const places = ['hospital-a', 'laboratory', 'pharmacy'];
  const person = stage.cast.patients.find(
    (known) =>
      known.device !== undefined && places.every((slug) => known.at.some(({ organisation }) => organisation === slug)),
  );
  if (person?.device === undefined) throw new Error('no claimed patient is known at all three');
  return { name: person.name, device: person.device };
}

async function arrive(person: Person, device: string): Promise<void> {
  const page = await stage.newDevice();
  // An act writes records, signs and hands over: on a loaded machine it takes its time.
  page.setDefaultTimeout(ACT_MS);
  await signIn(page, device);
  await noteTyped(page, person, typed);
  pages.set(person, page);
}

async function openTask(person: Person): Promise<Page> {
  const page = at(person);
  await page.goto('/visit/tasks');
  await press(page.getByRole('link', { name: WORDS.reason }).first());
  await page.getByRole('heading', { level: 1, name: WORDS.reason }).waitFor();
  return page;
}

async function expectSound(page: Page, name: string): Promise<void> {
  await expectAccessible(page);
  await photograph(page, `visit-${name}`);
}

describe.skipIf(!hasBrowser)('a guided visit with five log-ins', () => {
  vi.setConfig({ testTimeout: 600_000 });
  beforeAll(async () => {
    stage = await openStage();
    await arrive('patient', patientPerson().device);
    for (const [person, account] of Object.entries(PEOPLE)) {
      const found = stage.cast.staff.find((known) => known.account === account);
      if (found === undefined) throw new Error(`nobody has the account ${account}`);
      await arrive(person as Person, found.device);
    }
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('begins with the patient’s own words and a wish', async () => {
    const page = at('patient');
    await page.goto('/visit');
    await page.getByRole('heading', { level: 1, name: 'I need care' }).waitFor();
    await page.getByText('You have asked for no visit yet.').waitFor();
    await expectSound(page, 'own-empty');
    await press(page.getByRole('link', { name: 'Ask for a visit' }));
    await press(page.getByRole('button', { name: 'Next' }));
    await page.getByText('Say in a few words why you need care.').waitFor();
    await write(page.getByRole('textbox', { name: 'Your reason, in your own words' }), WORDS.reason);
    await tick(page.getByRole('radio', { name: 'For some weeks' }));
    await tick(page.getByRole('radiogroup', { name: 'Is it getting worse?' }).getByRole('radio', { name: 'Yes' }));
    await write(page.getByRole('textbox', { name: 'What else should the clinician know?' }), WORDS.more);
    await expectSound(page, 'why');
    await press(page.getByRole('button', { name: 'Next' }));
    await tick(page.getByRole('radio', { name: 'Hospital A' }));
    await expectSound(page, 'where');
    await press(page.getByRole('button', { name: 'Next' }));
    await page.getByText(WORDS.more).waitFor();
    await expectSound(page, 'check');
    await press(page.getByRole('button', { name: 'Send to the desk' }));
    await page.getByText('Waiting for an appointment').waitFor();
    await expectSound(page, 'asked');
  });

  it('is booked by the desk, which finds reason and time and sees no answers', async () => {
    const page = at('desk');
    await page.goto('/visit/tasks');
    await page.getByRole('link', { name: WORDS.reason }).waitFor();
    await expectSound(page, 'desk-tasks');
    await openTask('desk');
    expect(await page.getByText(WORDS.more).count()).toBe(0);
    await expectSound(page, 'desk');
    await press(page.getByRole('button', { name: 'Book' }));
    await page.getByRole('button', { name: 'Book' }).waitFor({ state: 'detached' });
    await expectSound(page, 'desk-booked');
  });

  it('goes further when the patient’s device has signed who may work for it', async () => {
    const page = at('patient');
    // Told by the node: nobody reloads.
    await page.getByRole('heading', { name: 'Who may work for this visit?' }).waitFor();
    await page.getByText('It opens 0 documents that exist today.').waitFor();
    await expectSound(page, 'agree');
    await press(page.getByRole('button', { name: 'Agree and sign' }));
    await page.getByText('Booked and agreed').waitFor();
    await expectSound(page, 'agreed');
  });

  it('is begun by the clinician, who reads the answers and orders without writing them again', async () => {
    const page = await openTask('clinician');
    await press(page.getByText('What the patient answered').first());
    await page.getByText(WORDS.more).first().waitFor();
    await expectSound(page, 'clinician');
    await press(page.getByRole('button', { name: 'Begin the visit' }));
    await write(page.getByRole('textbox', { name: 'Note for the laboratory' }), WORDS.note);
    await expectSound(page, 'clinician-begun');
    await press(page.getByRole('button', { name: 'Send to Laboratory' }));
    await page.getByRole('heading', { level: 3, name: 'Laboratory test' }).waitFor();
  });

  it('has its test sent back, asked for again as it was, and measured', async () => {
    const page = await openTask('laboratory');
    await page.getByText(WORDS.note).waitFor();
    await expectSound(page, 'laboratory');
    await press(page.locator('summary', { hasText: 'Send it back' }));
    await write(page.getByRole('textbox', { name: 'Why it is sent back' }), WORDS.rejection);
    await press(page.getByRole('button', { name: 'Send it back' }));
    await page.getByText('Done.').waitFor();
    const clinician = at('clinician');
    await clinician.getByText(WORDS.rejection).first().waitFor();
    await expectSound(clinician, 'clinician-sent-back');
    await press(clinician.getByRole('button', { name: 'Ask again' }));
    await openTask('laboratory');
    await press(page.getByRole('button', { name: 'Take it up' }));
    // Who it is shows once the order is taken up: before, nobody there has a reason to open the record.
    await page.getByText(patientPerson().name).waitFor();
    await write(page.getByRole('textbox', { name: /Hemoglobin A1c.* in %/ }), WORDS.value);
    await write(page.getByRole('textbox', { name: 'Conclusion' }), WORDS.conclusion);
    await expectSound(page, 'laboratory-result');
    await press(page.getByRole('button', { name: 'Send the result to Hospital A' }));
    await page.getByText('Done.').waitFor();
  });

  it('shows the result to the clinician as measured, who prescribes what is usual', async () => {
    const page = at('clinician');
    await page.getByText(WORDS.value).waitFor();
    await page.getByText(WORDS.conclusion).waitFor();
    await press(page.getByRole('button', { name: 'Send to Pharmacy' }));
    await page.getByRole('heading', { level: 3, name: 'Prescription' }).waitFor();
    await expectSound(page, 'clinician-prescribed');
  });

  it('ends with the medicine in the patient’s hands', async () => {
    const page = await openTask('pharmacy');
    await page.getByText('One tablet with the evening meal.').waitFor();
    await expectSound(page, 'pharmacy');
    await press(page.getByRole('button', { name: 'Take it up' }));
    await page.getByText(patientPerson().name).waitFor();
    await write(page.getByRole('textbox', { name: 'Lot on the package' }), WORDS.lot);
    await expectSound(page, 'pharmacy-dispense');
    await press(page.getByRole('button', { name: 'Hand over the medicine' }));
    await page.getByText('Done.').waitFor();
    const clinician = at('clinician');
    await clinician.getByText(WORDS.lot).waitFor();
    await press(clinician.getByRole('button', { name: 'End the visit' }));
    await press(clinician.getByRole('dialog').getByRole('button', { name: 'End the visit' }));
    await clinician.getByText('Done.').waitFor();
  });

  it('shows the patient every step, and for each hand-over its line of the log on the ledger', async () => {
    const page = at('patient');
    await page.getByText('The visit is over').waitFor();
    for (const words of [WORDS.reason, WORDS.more, WORDS.value, WORDS.lot])
      await page.getByText(words).first().waitFor({ state: 'attached' });
    for (const summary of await page.getByText('How it was handed on').all()) await press(summary);
    // The receipt of the last one may still be on its way.
    await vi.waitFor(async () => {
      expect(await page.locator('[data-delivery]').count()).toBe(HAND_OVERS);
      expect(await page.locator('[data-state="delivered"]').count()).toBe(HAND_OVERS);
    }, POLL);
    await vi.waitFor(async () => {
      await page.reload();
      await page
        .locator('[data-line]')
        .nth(HAND_OVERS - 1)
        .waitFor({ state: 'attached' });
      const lines = await page.locator('[data-line]').allTextContents();
      expect(lines.filter((line) => line.includes('covered by the ledger'))).toHaveLength(HAND_OVERS);
    }, POLL);
    for (const summary of await page.getByText('How it was handed on').all()) await press(summary);
    await expectSound(page, 'over');
    await page.goto('/visit');
    await page.getByText('The visit is over').waitFor();
    await expectSound(page, 'own');
  });

  it('reads the same on a narrow screen and from right to left', async () => {
    const page = await stage.newDevice({ language: 'ar', narrow: true });
    page.setDefaultTimeout(ACT_MS);
    await page.goto('/start');
    await write(page.locator('form textarea'), patientPerson().device);
    await press(page.locator('form button[type="submit"]'));
    await page.getByRole('button', { name: 'تسجيل الخروج' }).waitFor();
    await page.goto('/visit');
    await press(page.getByRole('link', { name: WORDS.reason }));
    await page.getByText('انتهت الزيارة').waitFor();
    for (const summary of await page.getByText('كيف انتقل').all()) await press(summary);
    await expectSound(page, 'over-arabic');
    await page.goto('/visit/new');
    await page.getByRole('heading', { level: 2 }).waitFor();
    await expectSound(page, 'why-arabic');
  });

  it('had nothing written twice by anybody', () => {
    expect(typed.map(({ value }) => value).toSorted()).toEqual(Object.values(WORDS).toSorted());
    const writers = Object.fromEntries(typed.map(({ value, who }) => [value, who]));
    expect(writers).toEqual({
      [WORDS.reason]: 'patient',
      [WORDS.more]: 'patient',
      [WORDS.note]: 'clinician',
      [WORDS.rejection]: 'laboratory',
      [WORDS.value]: 'laboratory',
      [WORDS.conclusion]: 'laboratory',
      [WORDS.lot]: 'pharmacy',
    });
  });
});
