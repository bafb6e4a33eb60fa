import { readFileSync } from 'node:fs';
import { checkRecordProof, proofsIn } from '@salus/client';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { press, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

let stage: Stage;
let page: Page;

const VIEWS = [
  ['', 'timeline', 'My record'],
  ['/problems', 'problems', 'Problems'],
  ['/medication', 'medication', 'Medicines'],
  ['/results', 'results', 'Results'],
  ['/documents', 'documents', 'Documents'],
  ['/take', 'take', 'Take it with me'],
  ['/card', 'card', 'Emergency card'],
] as const;

/** A patient whom the laboratory knows: several organisations wrote what this person reads. */
function device(): string {
  const person = stage.cast.patients.find(
    (one) => one.device !== undefined && one.at.some(({ organisation }) => organisation === 'laboratory'),
  );
  if (person?.device === undefined) throw new Error('no claimed patient is known at the laboratory');
  return person.device;
}

async function open(path: string, title: string): Promise<void> {
  await page.goto(`/patient/record${path}`);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.getByText('Your records are being opened').waitFor({ state: 'detached' });
}

/** Presses a button that saves a file, and gives its bytes. */
async function save(button: string): Promise<Buffer> {
  const download = page.waitForEvent('download');
  await press(page.getByRole('button', { name: button }));
  return readFileSync(await (await download).path());
}

describe.skipIf(!hasBrowser)("the patient's record", () => {
  beforeAll(async () => {
    stage = await openStage();
    page = await stage.newDevice();
    await signIn(page, device());
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('opens on the device and shows what every organisation wrote, in each view, wide and narrow', async () => {
    for (const [path, name, title] of VIEWS) {
      await open(path, title);
      await expectAccessible(page);
      await photograph(page, `record-${name}`);
    }
    await open('', 'My record');
    for (const place of ['Laboratory', 'Hospital A', 'Pharmacy']) await page.getByText(place).first().waitFor();
  });

  it('is searched without a request, whatever is written large or small', async () => {
    await open('', 'My record');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(`${request.url()} ${request.postData() ?? ''}`));
    await write(page.getByRole('searchbox', { name: 'Search' }), 'hemoglobin');
    await page.getByText('4 entries', { exact: true }).waitFor();
    await write(page.getByRole('searchbox', { name: 'Search' }), 'no such thing');
    await page.getByText('Nothing fits what you are looking for.').waitFor();
    for (const request of asked) expect(request).not.toContain('hemoglobin');
  });

  it('shows the course of a result as a picture and as a table', async () => {
    await open('/results', 'Results');
    await press(page.getByRole('link', { name: /Hemoglobin A1c/ }));
    await page.getByRole('heading', { level: 1, name: /Hemoglobin A1c/ }).waitFor();
    await page.getByRole('img', { name: /Course of Hemoglobin A1c/ }).waitFor();
    expect(await page.getByRole('row').count()).toBe(5);
    await expectAccessible(page);
    await photograph(page, 'record-course');
  });

  it('proves one entry on the device, against the ledger', async () => {
    await open('', 'My record');
    await press(page.getByRole('link', { name: /Creatinine/ }).first());
    await page.getByRole('heading', { level: 1, name: /Creatinine/ }).waitFor();
    await press(page.getByRole('button', { name: 'Check it' }));
    await page.getByText(/Unchanged: it stands in block/).waitFor();
    await expectAccessible(page);
    await photograph(page, 'record-entry');
  });

  it('is taken away as an International Patient Summary of all organisations', async () => {
    await open('/take', 'Take it with me');
    const bundle = JSON.parse((await save('Save the summary')).toString()) as {
      readonly type: string;
      readonly entry: readonly { readonly fullUrl: string; readonly resource: { readonly resourceType: string } }[];
    };
    expect(bundle.type).toBe('document');
    expect(bundle.entry[0]!.resource.resourceType).toBe('Composition');
    for (const organisation of ['hospital-a', 'laboratory']) {
      expect(bundle.entry.some(({ fullUrl }) => fullUrl.includes(`/${organisation}/fhir/R4/`))).toBe(true);
    }
  });

  it('is taken away as a PDF', async () => {
    await open('/take', 'Take it with me');
    const pdf = await save('Save as PDF');
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.length).toBeGreaterThan(2_000);
  });

  it('is taken away as a bundle in which every step of every proof holds, and none after a change', async () => {
    await open('/take', 'Take it with me');
    const text = (await save('Save everything')).toString();
    const { proofs } = proofsIn(text);
    expect(proofs.length).toBeGreaterThan(30);
    for (const proof of proofs) expect(checkRecordProof(proof, proof.checkpoint).block).toBeGreaterThan(0);
    const changed = text.replace('Type 2 diabetes mellitus', 'Type 1 diabetes mellitus');
    expect(changed).not.toBe(text);
    expect(() => proofsIn(changed)).toThrow('does not hold');
    const [proof] = proofs;
    const { plaintext } = proof!.record;
    const forged = { ...proof!, record: { ...proof!.record, plaintext: plaintext.replace('}', ' }') } };
    expect(() => checkRecordProof(forged, forged.checkpoint)).toThrow('not the one that the record commits to');
  });

  it('has an emergency card that is shown once, printed, and blocked', async () => {
    await open('/card', 'Emergency card');
    await press(page.getByRole('button', { name: 'Make the card' }));
    await page.getByRole('img', { name: 'Emergency card as a code' }).waitFor();
    const card = JSON.parse((await page.getByTestId('card-text').textContent()) ?? '') as { readonly version: string };
    expect(card.version).toBe('salus:card:v1');
    await expectAccessible(page);
    await photograph(page, 'record-card-made');
    await press(page.getByRole('button', { name: 'Done' }));
    await page.getByText('Works', { exact: true }).waitFor();
    await press(page.getByRole('button', { name: 'Block the card' }));
    await press(page.getByRole('dialog').getByRole('button', { name: 'Block the card' }));
    await page.getByText('Blocked by you').waitFor();
  });
});
