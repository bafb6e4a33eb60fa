import { apiClient, logInStaff } from '@salus/client';
import { parseDeviceCode } from '@salus/wallet';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose, press, tick, untick, write } from './by-keys.ts';
import { hasBrowser, openStage, type PatientPerson, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';
import { authorisationOf, readAs, redeem, registerApp } from './smart-app.ts';

const CLICKS_MAX = 3;
const PAGES = [
  ['', 'Who has access'],
  ['requests', 'Requests'],
  ['log', 'Who looked'],
  ['home', 'At home'],
  ['give', 'Give somebody access'],
  ['disputes', 'Corrections'],
  ['guardians', 'Guardians'],
] as const;

let stage: Stage;

/** Of the claimed patients the first, whom b.novak asks in the demonstration. */
const asked = (): PatientPerson => stage.cast.patients[0]!;

async function signedIn(device: string, path: string): Promise<Page> {
  const page = await stage.newDevice();
  await signIn(page, device);
  await page.goto(path);
  return page;
}

/** The desk puts the patient into the clinician’s care today: whom one does not treat, one does not open. */
async function putIntoCare(account: string, organisation: string): Promise<void> {
  const staff = (name: string) => stage.cast.staff.find((person) => person.account === name)!;
  const { password } = staff('b.desk');
  const code = parseDeviceCode(staff(account).device);
  if (code.kind !== 'staff') throw new Error('the line is not one of staff');
  const session = await logInStaff(apiClient(stage.url, fetch), { organisation, account: 'b.desk', password });
  const { pid } = asked().at.find((place) => place.organisation === organisation)!;
  const body = { pid, person: code.id, untilMs: Date.now() + 3_600_000 };
  const path = `/api/v1/orgs/${organisation}/assignments`;
  await session.api.send({ method: 'POST', path, body, token: session.token });
}

async function openChart(page: Page, organisation: string): Promise<void> {
  const { at } = asked();
  const { fhirId } = at.find((place) => place.organisation === organisation)!;
  await page.goto(`/clinician/patient/${fhirId}`);
  await press(page.getByRole('button', { name: 'Yes, open the record' }));
  await press(page.getByRole('link', { name: 'Elsewhere', exact: true }));
}

describe.skipIf(!hasBrowser)('a patient', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('sees each page about access, in both widths and without a grave fault', async () => {
    const page = await signedIn(asked().device!, '/patient/access');
    for (const [name, title] of PAGES) {
      await page.goto(`/patient/access${name === '' ? '' : `/${name}`}`);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      await page.getByText('Loading …').first().waitFor({ state: 'detached' });
      await expectAccessible(page);
      await photograph(page, `access-${name === '' ? 'grants' : name}`);
    }
  });

  it('allows less than was asked in three clicks, is read, takes it back, and the open tab shows nothing more', async () => {
    const novak = stage.cast.staff.find(({ account }) => account === 'b.novak')!;
    const clinician = await signedIn(novak.device, '/clinician');
    const patient = await signedIn(asked().device!, '/patient/access/requests');
    const request = patient.getByRole('region', { name: 'Everybody at Hospital B would like to read:' });
    await request.getByText('Opens 5 documents today, 0 sensitive.').waitFor();

    let clicks = 0;
    const click = async (role: 'checkbox' | 'button', name: RegExp): Promise<void> => {
      clicks += 1;
      await press(request.getByRole(role, { name }));
    };
    await click('checkbox', /^Medicines/);
    await request.getByText('Opens 3 documents today, 0 sensitive.').waitFor();
    await click('button', /^Allow this$/);
    await patient.getByText('allowed in part').waitFor();
    expect(clicks).toBeLessThanOrEqual(CLICKS_MAX);

    await putIntoCare('b.novak', 'hospital-b');
    await openChart(clinician, 'hospital-b');
    await clinician.getByText('allowed in part').first().waitFor();
    const opened = clinician.getByRole('region', { name: 'Records that the patient opened to you' });
    const granted = opened.locator('.mantine-Card-root').filter({ hasText: 'Laboratory results' });
    await granted.filter({ hasText: 'Hospital A' }).waitFor();
    expect(await granted.filter({ hasText: 'Medicines' }).count()).toBe(0);
    await press(granted.filter({ hasText: 'Hospital A' }).getByRole('button'));
    await opened.getByText('Open, beside your own records, until').waitFor();
    await press(clinician.getByRole('link', { name: 'Everything', exact: true }));
    const measured = clinician.getByRole('article', { name: /^Troponin .* by High sensitivity method/ });
    const reported = clinician.getByRole('article', { name: 'Troponin I.cardiac panel' });
    await measured.first().waitFor();
    expect([await measured.count(), await reported.count()]).toEqual([2, 1]);

    await patient.goto('/patient/access');
    const grant = patient
      .getByRole('article', { name: 'Everybody at Hospital B' })
      .filter({ hasText: 'Hospital A keeps: Laboratory results' });
    await grant.getByText('Used once.').waitFor();
    await photograph(patient, 'access-granted');

    await press(grant.getByRole('link', { name: /^Allow less/ }));
    await patient.getByRole('heading', { level: 1, name: 'Allow less' }).waitFor();
    await patient.getByText('Opens 3 documents now, 3 afterwards.').waitFor();
    await patient.getByText('Nothing is taken away yet.').waitFor();
    const address = patient.url();
    await failToCount(patient, address);
    const sign = patient.getByRole('button', { name: 'Allow only this' });
    expect(await sign.isDisabled()).toBe(true);
    await press(patient.getByRole('button', { name: 'Narrow it further' }));
    await write(patient.getByRole('textbox', { name: 'Ends on' }), inDays(100));
    await patient.getByText('a permission only becomes narrower').waitFor();
    expect(await sign.isDisabled()).toBe(true);
    await write(patient.getByRole('textbox', { name: 'Ends on' }), inDays(10));
    await untick(patient.getByRole('checkbox', { name: 'All kinds' }));
    await untick(patient.getByRole('checkbox', { name: 'Reports' }));
    await patient.getByText('Opens 3 documents now, 2 afterwards.').waitFor();
    await patient.getByText('cannot be widened again').waitFor();
    await expectAccessible(patient);
    await photograph(patient, 'access-narrow');
    await loseAnswers(patient, async () => {
      await press(sign);
      // The form stays, with what went wrong; and the page says it too after it was loaded again.
      await patient.getByRole('alert').getByText('no answer came').waitFor();
      expect(await sign.isEnabled()).toBe(true);
      await patient.goto(address);
      await patient.getByText('no answer came').waitFor();
      expect(await patient.getByText('cannot be narrowed here').count()).toBe(0);
      await expectAccessible(patient);
      await photograph(patient, 'access-narrow-unfinished');
    });
    await press(patient.getByRole('button', { name: 'Bring it to its end' }));
    await patient.getByText('Opens 2 documents now, 2 afterwards.').waitFor();
    await press(patient.getByRole('link', { name: 'Back', exact: true }));
    await grant.getByText('Only: Measurements and findings.').waitFor();
    await grant.getByText('Opens 2 documents today, 0 sensitive.').waitFor();
    // What was open under the wider terms leaves the clinician's tab; opened anew, it shows what is left.
    await clinician.getByText('Troponin').first().waitFor({ state: 'detached' });
    await press(clinician.getByRole('link', { name: 'Elsewhere', exact: true }));
    await press(granted.filter({ hasText: 'Hospital A' }).getByRole('button'));
    await opened.getByText('Open, beside your own records, until').waitFor();
    await press(clinician.getByRole('link', { name: 'Everything', exact: true }));
    await measured.first().waitFor();
    expect([await measured.count(), await reported.count()]).toEqual([2, 0]);
    await grant.getByText('Used 2 times.').waitFor();

    await press(grant.getByRole('button', { name: 'Take it back' }));
    const question = patient.getByRole('dialog', { name: 'Take this access back?' });
    await question.getByText('cannot be taken back').waitFor();
    await photograph(patient, 'access-revoke');
    await press(question.getByRole('button', { name: 'Take it back' }));
    // Nobody touches the clinician's tab.
    await clinician.getByText('Troponin').first().waitFor({ state: 'detached' });
    await grant.waitFor({ state: 'detached' });
    await patient.getByText('taken back by you').first().waitFor({ state: 'attached' });
  });

  it('finds in “who looked” that the clinician read, with role, place and purpose', async () => {
    const page = await signedIn(asked().device!, '/patient/access/log?place=hospital-a');
    const line = page.getByRole('listitem').filter({ hasText: 'Doctor at Hospital B' }).filter({ hasText: 'read' });
    await line.first().getByText('Why: treatment.').waitFor();
    await line.first().getByText('Proven').first().waitFor();
  });

  it('gives single documents to one profession, leaves a person out, and sees it all in words', async () => {
    const page = await signedIn(asked().device!, '/patient/access/give');
    await choose(page.getByRole('combobox', { name: 'The place whose people may read it.' }), 'hospital-b');
    await tick(page.getByRole('radio', { name: 'Only one profession' }));
    await choose(page.getByRole('combobox', { name: 'Which profession' }), 'nurse');
    await tick(page.getByRole('checkbox', { name: /^Laboratory results/ }));
    await page.getByText('Opens 3 documents today, 0 sensitive.').waitFor();
    await press(page.getByRole('button', { name: 'Narrow it further' }));
    await untick(page.getByRole('checkbox', { name: 'All documents of what I ticked' }));
    const singles = page.getByRole('group', { name: 'Only single documents' }).getByRole('checkbox');
    await untick(singles.last());
    await page.getByText('Opens 2 documents today, 0 sensitive.').waitFor();
    await page.getByText('kept shut by the place that hands them out').waitFor();
    await write(page.getByRole('textbox', { name: 'Number of a person' }), 'b.novak');
    await press(page.getByRole('button', { name: 'Leave this person out' }));
    await page.getByText('A number has 22 letters').waitFor();
    await tick(
      page
        .getByRole('group', { name: 'Not this person' })
        .getByRole('checkbox', { name: /^Doctor/ })
        .first(),
    );
    await write(page.getByRole('textbox', { name: 'Ends on' }), '2020-01-01');
    await page.getByText('The end lies in the past.').waitFor();
    expect(await page.getByRole('button', { name: 'Allow this' }).isDisabled()).toBe(true);
    await write(page.getByRole('textbox', { name: 'Ends on' }), inDays(10));
    await expectAccessible(page);
    await photograph(page, 'access-give-narrowed');
    await press(page.getByRole('button', { name: 'Allow this' }));
    const grant = page.getByRole('article', { name: 'Everybody at Hospital B who works as: Nurse' });
    await grant.getByText('Only 2 single documents.').waitFor();
    await grant.getByText('Not for 1 person whom you left out.').waitFor();
    await grant.getByText('Opens 2 documents today, 0 sensitive.').waitFor();
  });

  it('shuts a person out at home, and lets them in again', async () => {
    const rossi = await signedIn(stage.cast.staff.find(({ account }) => account === 'a.rossi')!.device, '/clinician');
    const chart = `/clinician/patient/${asked().at.find(({ organisation }) => organisation === 'hospital-a')!.fhirId}`;
    await rossi.goto(chart);
    await rossi.getByRole('heading', { level: 1, name: 'Is this the person?' }).waitFor();

    const page = await signedIn(asked().device!, '/patient/access/home');
    await choose(page.getByRole('combobox', { name: 'At which place' }), 'Hospital A');
    const who = page.getByRole('combobox', { name: 'Which person' });
    await choose(who, /^Doctor/);
    await press(page.getByRole('button', { name: 'Shut out' }));
    await page.getByText('may read nothing of yours.').waitFor();
    await photograph(page, 'access-home-denied');
    await expectAccessible(page);

    await rossi.goto(chart);
    await rossi.getByText('This record is not open to you').waitFor();
    await press(page.getByRole('button', { name: /^Let in again/ }));
    await page.getByText('You have shut out nobody.').waitFor();
    await rossi.goto(chart);
    await rossi.getByRole('heading', { level: 1, name: 'Is this the person?' }).waitFor();
  });

  it('lets an app in by the code on its page, sees since when and that it read, and ends it', async () => {
    const scope = 'launch/patient patient/*.rs';
    const app = await registerApp(stage, { name: 'Growth Chart', scope, purpose: 'PATRQT' });
    const { address, verifier } = authorisationOf(stage, app);
    const elsewhere = await stage.newDevice();
    await elsewhere.goto(address);
    const code = await elsewhere.locator('code').innerText();
    // The page would go on by itself, to a code that lives a minute: it waits until the app can redeem that.
    const waiting = elsewhere.url();
    await elsewhere.goto('about:blank');

    const page = await signedIn(asked().device!, '/patient/access');
    await press(page.getByRole('link', { name: 'Apps', exact: true }));
    await page.getByText('You have let in no app.').waitFor();
    await write(page.getByRole('textbox', { name: 'The code on its page' }), code.toLowerCase());
    await press(page.getByRole('button', { name: 'Show who asks' }));
    await page.getByRole('region', { name: 'Growth Chart would like to read at Hospital A:' }).waitFor();
    await press(page.getByRole('button', { name: 'Let it read' }));
    const letIn = page.getByRole('article', { name: 'Growth Chart' });
    await letIn.getByText('Has read nothing so far.').waitFor();
    await letIn.getByText(/^Since /).waitFor();

    await elsewhere.goto(waiting, { waitUntil: 'commit' });
    await elsewhere.waitForURL(/\/callback\?/, { waitUntil: 'commit' });
    const token = await redeem(stage, app, { returned: elsewhere.url(), verifier });
    const { fhirId } = asked().at.find(({ organisation }) => organisation === 'hospital-a')!;
    expect(await readAs(stage, token, `Patient/${fhirId}`)).toBe(200);
    const list = '**/api/v1/orgs/*/patient/apps';
    await page.route(list, (route) => route.fulfill({ status: 503 }));
    await page.goto('/patient/apps');
    await page.getByRole('alert').waitFor();
    await page.unroute(list);
    await press(page.getByRole('button', { name: 'Try again' }));
    await letIn.getByText('patient/*.rs').waitFor();
    await letIn.getByText(/^Last read on /).waitFor();
    await expectAccessible(page);
    await photograph(page, 'apps-let-in');

    await press(letIn.getByRole('button', { name: 'End it' }));
    const question = page.getByRole('dialog', { name: 'End what this app may read?' });
    await press(question.getByRole('button', { name: 'End it' }));
    await page.getByText('You have let in no app.').waitFor();
    expect(await readAs(stage, token, `Patient/${fhirId}`)).toBe(401);
  });

  it('is asked for the camera once, however often the page is drawn, and told where a file holds no code', async () => {
    const page = await stage.newDevice();
    await page.addInitScript(() => {
      const canvas = document.createElement('canvas');
      canvas.getContext('2d')?.fillRect(0, 0, 1, 1);
      const told = window as unknown as { asked: number };
      told.asked = 0;
      navigator.mediaDevices.getUserMedia = async () => {
        told.asked += 1;
        return canvas.captureStream();
      };
    });
    await page.goto('/verify');
    await press(page.getByRole('button', { name: 'Read a QR code with the camera' }));
    await page.getByLabel('What the camera sees').waitFor();
    await write(page.getByRole('textbox', { name: 'Text of the QR code' }), 'typed meanwhile');
    expect(await page.evaluate(() => (window as unknown as { readonly asked: number }).asked)).toBe(1);
    await press(page.getByRole('button', { name: 'Stop the camera' }));
    await page.getByLabel('What the camera sees').waitFor({ state: 'detached' });
    const letter = { name: 'letter.png', mimeType: 'image/png', buffer: Buffer.from('no picture at all') };
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      press(page.getByRole('button', { name: 'Read a QR code from a picture' })),
    ]);
    await chooser.setFiles(letter);
    await page.getByText('There is no readable QR code in this picture.').waitFor();
  });

  it('reads it all in Hindi, and from right to left in Arabic', async () => {
    for (const [language, title] of [
      ['hi', 'किसके पास पहुँच है'],
      ['ar', 'من لديه حق الاطلاع'],
    ] as const) {
      const page = await stage.newDevice({ language: 'en' });
      await signIn(page, asked().device!);
      await choose(page.getByRole('combobox', { name: 'Language' }), language);
      await page.locator(`html[lang="${language}"]`).waitFor();
      for (const path of ['', '/requests', '/guardians']) {
        await page.goto(`/patient/access${path}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (path === '') await page.getByRole('heading', { level: 1, name: title }).waitFor();
        expect(await page.getByRole('main').innerText()).not.toMatch(/\b(access|log|terms|guardians|disputes)[.:]\w/);
        await expectAccessible(page);
      }
      await page.goto('/patient/access/log?place=hospital-a');
      await page.getByRole('listitem').first().waitFor();
      await photograph(page, `access-log-${language}`);
    }
  });
});

/** The list of documents does not come: it is said, and asked for again. */
async function failToCount(page: Page, address: string): Promise<void> {
  const list = '**/api/v1/orgs/*/patient/records?*';
  await page.route(list, (route) => route.fulfill({ status: 503 }));
  await page.goto(address);
  await page.getByText('could not be counted').waitFor();
  expect(await page.getByRole('button', { name: 'Allow only this' }).isDisabled()).toBe(true);
  await page.unroute(list);
  await press(page.getByRole('button', { name: 'Try again' }));
  await page.getByText('Opens 3 documents now, 3 afterwards.').waitFor();
}

/** What is sent arrives, and its answer does not. */
async function loseAnswers(page: Page, meanwhile: () => Promise<void>): Promise<void> {
  const grants = '**/api/v1/orgs/*/patient/grants';
  await page.route(grants, async (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    await route.fetch();
    return route.abort();
  });
  await meanwhile();
  await page.unroute(grants);
}

/** A day of the browser’s calendar, as a date field takes it. */
function inDays(days: number): string {
  const date = new Date();
  date.setDate(date.getDate() + days);
  return date.toLocaleDateString('sv-SE');
}
