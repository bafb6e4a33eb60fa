import { SHLViewer } from 'kill-the-clipboard';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { press, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

/** As the node counts them. */
const TRIES = 10;

let stage: Stage;
let page: Page;

/** Makes a link in the browser and gives what its reader is told. */
async function makeLink(): Promise<{ readonly link: string; readonly passcode: string }> {
  await page.goto('/patient/record/links');
  await write(page.getByRole('textbox', { name: 'For whom' }), 'Dr Abroad');
  const passcode = await page.getByRole('textbox', { name: 'Code word' }).inputValue();
  await press(page.getByRole('button', { name: 'Make the link' }));
  const link = await page.getByRole('textbox', { name: 'The link' }).inputValue();
  return { link, passcode };
}

/** Opens a link as a stranger would: another implementation, no account, no session. */
const open = (link: string, passcode: string) =>
  new SHLViewer({ shlinkURI: link, fetch }).resolveSHL({ recipient: 'Dr Abroad', passcode });

describe.skipIf(!hasBrowser)('a SMART Health Link', () => {
  beforeAll(async () => {
    stage = await openStage();
    page = await stage.newDevice();
    await signIn(page, stage.cast.patients.find(({ device }) => device !== undefined)!.device!);
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('is opened by an independent reader with the code word, and tells its owner so', async () => {
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    const { link, passcode } = await makeLink();
    await expectAccessible(page);
    await photograph(page, 'record-link-made');
    const { fhirResources } = await open(link, passcode);
    expect(fhirResources).toMatchObject([{ resourceType: 'Bundle', type: 'document' }]);
    // What went to the node held neither the key nor a word of the record.
    const payload = JSON.parse(Buffer.from(link.replace('shlink:/', ''), 'base64url').toString()) as { key: string };
    expect(sent.some((body) => body.includes('jwe'))).toBe(true);
    for (const body of sent) {
      expect(body).not.toContain(payload.key);
      expect(body).not.toContain('Composition');
    }
    await press(page.getByRole('button', { name: 'Done' }));
    await page.goto('/patient/record/links');
    await page.getByText(/Opened once/).waitFor();
    await expectAccessible(page);
    await photograph(page, 'record-links');
  });

  it('is refused without the right code word, and closes for good after too many wrong ones', async () => {
    const { link, passcode } = await makeLink();
    for (let tries = 0; tries < TRIES; tries += 1) await expect(open(link, `wrong-${tries}`)).rejects.toThrow(/./);
    await expect(open(link, passcode)).rejects.toThrow(/./);
    await page.goto('/patient/record/links');
    await page.getByText('Closed after too many wrong code words').waitFor();
  });

  it('is refused once its owner has closed it', async () => {
    const { link, passcode } = await makeLink();
    expect((await open(link, passcode)).fhirResources).toHaveLength(1);
    await page.goto('/patient/record/links');
    await press(page.getByRole('button', { name: 'Close the link' }).first());
    await press(page.getByRole('dialog').getByRole('button', { name: 'Close the link' }));
    await page.getByText('Closed by you').waitFor();
    await expect(open(link, passcode)).rejects.toThrow(/./);
  });
});
