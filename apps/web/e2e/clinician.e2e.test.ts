import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose, pick, press, tick, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';
import { registerApp } from './smart-app.ts';

const HOUR_MS = 3_600_000;
/** A delegation begins that much earlier than it is signed. */
const CLOCK_SLACK_MS = 60_000;

let stage: Stage;

const staff = (account: string) => stage.cast.staff.find((person) => person.account === account)!;
/** A claimed patient whom a.rossi has in care: the diabetic, whose record is the longest. */
const diabetic = () =>
  stage.cast.patients.find(({ story, device }) => story === 'diabetic-year' && device !== undefined)!;

async function signedIn(account: string): Promise<Page> {
  const page = await stage.newDevice();
  await signIn(page, staff(account).device);
  await page.goto('/clinician');
  await page.getByRole('heading', { level: 1, name: 'Patients' }).waitFor();
  return page;
}

/** Without accents, family name first, one letter doubled: as somebody types who only heard it. */
function misheard(name: string): string {
  const words = name.normalize('NFKD').replaceAll(/\p{M}/gu, '').toUpperCase().split(' ').reverse();
  return words.map((word) => `${word.slice(0, 3)}${word.slice(2)}`).join(' ');
}

async function openRecord(page: Page, name: string): Promise<void> {
  await page.goto('/clinician');
  await write(page.getByRole('textbox', { name: 'Name' }), misheard(name));
  await press(page.getByRole('button', { name: 'Search' }));
  await press(
    page
      .getByRole('search')
      .getByRole('link', { name: `Choose ${name}` })
      .or(page.getByRole('link', { name: `Choose ${name}` }))
      .last(),
  );
  await page.getByRole('heading', { level: 1, name: 'Is this the person?' }).waitFor();
}

async function look(page: Page, name: string): Promise<void> {
  await expectAccessible(page);
  await photograph(page, name);
}

describe.skipIf(!hasBrowser)('a clinician', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('finds a patient whose name was misheard, recognises the person, and only then opens the record', async () => {
    const { name } = diabetic();
    const page = await signedIn('a.rossi');
    await page.getByText('here', { exact: true }).first().waitFor();
    await look(page, 'clinician-patients');
    const opened: string[] = [];
    page.on('request', (request) => opened.push(request.url()));
    await openRecord(page, name);
    await look(page, 'clinician-confirm');
    expect(opened.filter((url) => /\/fhir\/R4\/Patient\/[^/]+\/\*/.test(url))).toEqual([]);
    await press(page.getByRole('button', { name: 'Yes, open the record' }));
    await page.getByRole('heading', { level: 2, name: 'Allergies' }).waitFor();
    await page.getByText('Type 2 diabetes mellitus').first().waitFor();
    await look(page, 'clinician-overview');
    await press(page.getByRole('button', { name: 'Where is this from? Type 2 diabetes mellitus' }));
    // The first proof in this browser has only the node's word for it; later ones lead on from what was kept then.
    await page.getByText('Checked as far as this node’s own word: block').waitFor();
    await page.getByText('It has kept no point of this ledger so far').waitFor();
    await press(page.getByRole('button', { name: /^Where is this from\? (?!Type 2 diabetes)/ }).first());
    await page.getByText('Checked on this device: block').waitFor();
    await page.getByText('since this browser first saw it').waitFor();
    for (const tab of ['Results', 'Everything', 'Therapy', 'Write', 'Elsewhere']) {
      await press(page.getByRole('link', { name: tab, exact: true }));
      await page.getByText('Opening the record …').waitFor({ state: 'detached' });
      await page.getByText('Loading …').waitFor({ state: 'detached' });
      await look(page, `clinician-${tab.toLowerCase()}`);
    }
  });

  it('writes a result, a note and a prescription, and orders a test that holds only with a reason', async () => {
    const { name } = diabetic();
    const page = await signedIn('a.rossi');
    await openRecord(page, name);
    await press(page.getByRole('button', { name: 'Yes, open the record' }));
    await press(page.getByRole('link', { name: 'Write', exact: true }));
    await write(page.getByRole('textbox', { name: 'Text' }), 'Feels well. Plan: HbA1c, then see again.');
    await press(page.getByRole('button', { name: 'Save the note' }));
    await page.getByText('The note is written.').waitFor();

    await press(page.getByText('Result', { exact: true }));
    await pick(
      page.getByRole('textbox', { name: 'What was measured', exact: true }),
      'Hemoglobin A1c/Hemoglobin.total in Blood',
    );
    await write(page.getByRole('textbox', { name: 'Value in %' }), 'seven');
    await press(page.getByRole('button', { name: 'Save the result' }));
    await page.getByText('Write a number, such as 7.1.').waitFor();
    await write(page.getByRole('textbox', { name: 'Value in %' }), '7.10');
    await press(page.getByRole('button', { name: 'Save the result' }));
    await page.getByText('The result is written.').waitFor();

    await press(page.getByText('Order', { exact: true }));
    await pick(page.getByRole('textbox', { name: 'Test', exact: true }), 'Hemoglobin A1c/Hemoglobin.total in Blood');
    await page.getByRole('alert').getByText('There is one already').waitFor();
    await page.getByRole('alert').getByText('7.10').waitFor();
    await look(page, 'clinician-order-again');
    await press(page.getByRole('button', { name: 'Order the test' }));
    await page.getByText('Give a reason.').waitFor();
    await write(page.getByRole('textbox', { name: 'Why is it needed again?' }), 'The sample was haemolysed');
    await press(page.getByRole('button', { name: 'Order the test' }));
    await page.getByText('The test is ordered.').waitFor();

    await press(page.getByText('Prescription', { exact: true }));
    await pick(page.getByRole('textbox', { name: 'Medicine', exact: true }), 'Lisinopril 10 MG Oral Tablet');
    await write(page.getByRole('textbox', { name: 'How to take it' }), 'One tablet each morning.');
    await press(page.getByRole('button', { name: 'Prescribe' }));
    await page.getByText('The prescription is written.').waitFor();

    await press(page.getByRole('link', { name: 'Overview', exact: true }));
    await page.getByText('Lisinopril 10 MG Oral Tablet').waitFor();
    await page.getByText('Ordered again: The sample was haemolysed').waitFor();
    await press(page.getByRole('link', { name: 'Everything', exact: true }));
    await page.getByText('Feels well. Plan: HbA1c, then see again.').waitFor();
    expect(await page.getByText('7.10').count()).toBeGreaterThan(0);
  });

  it('asks a patient, sees where else they are treated, and opens what they allow beside the own records', async () => {
    const { name, device } = diabetic();
    const page = await signedIn('a.rossi');
    await openRecord(page, name);
    await press(page.getByRole('button', { name: 'Yes, open the record' }));
    await press(page.getByRole('link', { name: 'Elsewhere', exact: true }));
    await press(page.getByRole('button', { name: 'Send the request' }));
    await page.getByText('Tick at least one.').waitFor();
    await tick(page.getByRole('checkbox', { name: 'Laboratory results' }));
    await write(page.getByRole('textbox', { name: 'Your words to the patient' }), 'I would like to see your HbA1c.');
    await press(page.getByRole('button', { name: 'Send the request' }));
    await page.getByText('The patient has your request.').waitFor();

    const patient = await stage.newDevice();
    await signIn(patient, device!);
    await patient.goto('/patient/access/requests');
    await patient.getByText('I would like to see your HbA1c.').waitFor();
    await tick(patient.getByRole('checkbox', { name: 'Also tell them where else I am treated' }));
    await press(patient.getByRole('button', { name: 'Allow this' }));
    await patient.getByText('They can read it from now on').first().waitFor();

    const treated = page.getByRole('table', { name: 'Treated elsewhere' });
    await treated.getByText('Pharmacy').waitFor();
    expect(await treated.getByText('Laboratory', { exact: true }).count()).toBe(1);
    await press(page.getByRole('button', { name: 'Open the records at Laboratory' }));
    await page.getByText('Open, beside your own records, until').waitFor();
    await look(page, 'clinician-elsewhere-open');
    await press(page.getByRole('link', { name: 'Results', exact: true }));
    await page.getByRole('heading', { name: 'Hemoglobin A1c/Hemoglobin.total in Blood' }).waitFor();
    await look(page, 'clinician-results-elsewhere');
  });

  it('finds nobody who is not in care, and opens such a record in an emergency alone, which the patient sees', async () => {
    const { name, device } = diabetic();
    const rossi = await signedIn('a.rossi');
    await openRecord(rossi, name);
    const number = /no\. (hospital-a-\d+)/.exec(await rossi.getByRole('main').innerText())![1]!;

    const page = await signedIn('a.mehta');
    await write(page.getByRole('textbox', { name: 'Name' }), name);
    await press(page.getByRole('button', { name: 'Search' }));
    await page.getByText('Nobody in your care fits.').waitFor();
    await page.goto(
      `/clinician/patient/${diabetic().at.find(({ organisation }) => organisation === 'hospital-a')!.fhirId}`,
    );
    await page.getByText('This record is not open to you').waitFor();
    await look(page, 'clinician-unseen');

    await page.goto('/clinician/emergency');
    await page.getByText('What it does not reach').waitFor();
    await press(page.getByText('Number', { exact: true }));
    await write(page.getByRole('textbox', { name: 'Record or insurance number' }), number);
    await press(page.getByRole('button', { name: 'Open the record now' }));
    await page.getByText('Choose a reason.').waitFor();
    await look(page, 'clinician-emergency');
    await pick(page.getByRole('textbox', { name: 'Reason', exact: true }), 'Unconscious');
    await write(
      page.getByRole('textbox', { name: 'What happened' }),
      'Found collapsed at the bus stop, medicines unknown.',
    );
    await press(page.getByRole('button', { name: 'Open the record now' }));
    await page.getByRole('heading', { level: 1, name: 'Opened in an emergency' }).waitFor();
    await page.getByText('Metformin').first().waitFor();
    await look(page, 'clinician-emergency-record');

    const patient = await stage.newDevice();
    await signIn(patient, device!);
    await patient.goto('/patient/access');
    const told = patient.getByText('Opened in an emergency at Hospital A');
    await told.first().waitFor();
    expect(await told.count()).toBeGreaterThan(0);
  });

  it('lends an app the name with the key on the device, for the time that was chosen, and takes it back at one button', async () => {
    const page = await signedIn('a.rossi');
    await press(page.getByRole('link', { name: 'Apps', exact: true }));
    await page.getByText('No app is registered here.').waitFor();
    await registerApp(stage, { name: 'Growth Chart', scope: 'launch/patient patient/*.rs', purpose: 'PATRQT' });
    await registerApp(stage, { name: 'Ward Rounds', scope: 'openid fhirUser user/*.cruds', purpose: 'TREAT' });
    const list = '**/api/v1/orgs/*/apps';
    await page.route(list, (route) => route.fulfill({ status: 503 }));
    await page.goto('/clinician/apps');
    await page.getByRole('alert').waitFor();
    await page.unroute(list);
    await press(page.getByRole('button', { name: 'Try again' }));

    const app = page.getByRole('article', { name: 'Ward Rounds' });
    await app.getByText('user/*.cruds').waitFor();
    await app.getByText('not lent', { exact: true }).waitFor();
    const patients = page.getByRole('article', { name: 'Growth Chart' });
    await patients.getByText('Used by patients').waitFor();
    expect(await patients.getByRole('button').count()).toBe(0);
    await choose(app.getByRole('combobox', { name: 'For how long' }), '2 hours');
    const [sent] = await Promise.all([
      page.waitForRequest((request) => request.method() === 'PUT' && request.url().endsWith('/delegation')),
      press(app.getByRole('button', { name: 'Lend my name: Ward Rounds' })),
    ]);
    await app.getByText(/^Writes under your name until/).waitFor();
    await app.getByText(/^It may: write entries, correct entries,? and hide entries\.$/).waitFor();
    // A signature leaves the device, and nothing else of the key.
    const { delegation, ...rest } = sent.postDataJSON() as { delegation: { payload: Record<string, unknown> } };
    expect([rest, Object.keys(delegation).toSorted()]).toEqual([{}, ['payload', 'signature']]);
    const { notBeforeMs, notAfterMs } = delegation.payload as { notBeforeMs: number; notAfterMs: number };
    expect(notAfterMs - notBeforeMs).toBe(2 * HOUR_MS + CLOCK_SLACK_MS);
    await look(page, 'clinician-apps');

    await page.goto('/clinician/apps');
    await press(app.getByRole('button', { name: 'Take it back: Ward Rounds' }));
    await app.getByText('not lent', { exact: true }).waitFor();
    await page.goto('/clinician/apps');
    await app.getByText('not lent', { exact: true }).waitFor();
  });
});
