import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { chooseFile, press, write } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';

const PIN = '275 518';
const WALK_MS = 600_000;

let stage: Stage;
/** Whatever any device sent. */
const wire: string[] = [];

async function newDevice(): Promise<Page> {
  const page = await stage.newDevice();
  page.on('request', (request) => wire.push(`${request.url()} ${request.postData() ?? ''}`));
  return page;
}

async function choosePin(page: Page): Promise<void> {
  await write(page.getByLabel('Choose a PIN'), PIN);
  await write(page.getByLabel('The same PIN again'), PIN);
}

async function isAtHome(page: Page): Promise<void> {
  await page.waitForURL('**/patient');
  await page.getByRole('heading', { level: 1, name: 'My start page' }).waitFor();
}

/** Opens the page of devices anew, and waits for what the node says. */
async function devicesOf(page: Page): Promise<Page> {
  await page.goto('/patient/devices');
  await page.getByRole('heading', { level: 1, name: 'My devices' }).waitFor();
  return page;
}

async function isRefused(page: Page): Promise<void> {
  await devicesOf(page);
  await page.getByRole('alert').getByText('wrong-credentials').first().waitFor();
}

async function isAccepted(page: Page): Promise<void> {
  await devicesOf(page);
  await page.getByText('this device').first().waitFor();
}

interface Claimed {
  readonly page: Page;
  readonly recoveryCode: string;
  readonly line: string;
  readonly shares: readonly string[];
  /** A photograph of the printed sheet's QR code. */
  readonly picture: Buffer;
}

async function claimWith(slip: string, device?: Page): Promise<Claimed> {
  const page = device ?? (await newDevice());
  await press(page.getByRole('link', { name: 'Go to my record' }));
  await page.getByRole('heading', { level: 1, name: 'Claim your record' }).waitFor();
  await photograph(page, 'claim');
  await expectAccessible(page);
  await write(page.getByLabel('The text on your slip'), slip);
  await choosePin(page);
  await press(page.getByRole('button', { name: 'Continue' }));
  await page.getByRole('heading', { level: 1, name: 'Your recovery sheet' }).waitFor();
  const recoveryCode = (await page.getByTestId('recovery-code').textContent()) ?? '';
  await press(page.getByRole('button', { name: 'Make the shares' }));
  await page.getByRole('heading', { name: 'Share 3 of 3' }).waitFor();
  const shares = await page.getByTestId('share').allTextContents();
  await photograph(page, 'recovery-sheet');
  await expectAccessible(page);
  const line = (await page.getByText(/^SALUS-RECOVERY:1:/).textContent()) ?? '';
  const picture = await page.getByRole('img', { name: 'QR code of the recovery sheet' }).screenshot();
  await write(page.getByLabel('The last four characters'), '????');
  await press(page.getByRole('button', { name: 'I keep the sheet safely' }));
  await page.getByText('These are not the last four characters.').waitFor();
  await write(page.getByLabel('The last four characters'), recoveryCode.slice(-4));
  await press(page.getByRole('button', { name: 'I keep the sheet safely' }));
  await isAtHome(page);
  return { page, recoveryCode, line, shares, picture };
}

async function recoverWith(lines: string | Buffer): Promise<Page> {
  const page = await newDevice();
  await page.goto('/patient/recover');
  const field = page.getByRole('textbox', { name: 'Recovery sheet, or shares of your trusted people' });
  if (typeof lines === 'string') {
    await write(field, lines);
  } else {
    const sheet = { name: 'sheet.png', mimeType: 'image/png', buffer: lines };
    await chooseFile(page.getByRole('button', { name: 'Read a QR code from a picture' }), sheet);
    await page.getByText('The code was read.').waitFor();
  }
  await choosePin(page);
  await press(page.getByRole('button', { name: 'Recover' }));
  return page;
}

async function joinFrom(old: Page): Promise<Page> {
  await devicesOf(old);
  await press(old.getByRole('button', { name: 'Add a device' }));
  const pairing = (await old.getByTestId('pairing').textContent()) ?? '';
  const page = await newDevice();
  await page.goto('/patient/join');
  await write(page.getByRole('textbox', { name: 'What the old device shows' }), pairing);
  await choosePin(page);
  await press(page.getByRole('button', { name: 'Continue' }));
  const offer = (await page.getByTestId('offer').textContent()) ?? '';
  await photograph(page, 'join');
  await expectAccessible(page);
  await photograph(old, 'devices');
  await expectAccessible(old);
  await write(old.getByRole('textbox', { name: 'What the new device shows then' }), offer);
  await press(old.getByRole('button', { name: 'Let it decide about my record' }));
  await old.getByText('The new device may act for you now.').waitFor();
  await isAtHome(page);
  return page;
}

describe.skipIf(!hasBrowser)('a patient’s devices', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('claim with a slip, are joined by a second one, removed, and recovered by the sheet and by trusted people', {
    timeout: WALK_MS,
  }, async () => {
    const { slips = [] } = stage.cast.patients.find((patient) => (patient.slips?.length ?? 0) > 0)!;
    const { page: first, recoveryCode, line, shares, picture } = await claimWith(slips[0]!);
    await isAccepted(first);

    // A slip serves once, whoever has a copy of it.
    const thief = await newDevice();
    await thief.goto('/patient/start');
    await write(thief.getByLabel('The text on your slip'), slips[0]!);
    await choosePin(thief);
    await press(thief.getByRole('button', { name: 'Continue' }));
    await thief.getByRole('alert').getByText('A slip can be used once').waitFor();

    // Locked, it is opened by its PIN alone.
    await press(first.getByRole('button', { name: 'Lock now' }));
    await first.goto('/start');
    await write(first.getByLabel('PIN'), '000001');
    await press(first.getByRole('button', { name: 'Unlock' }));
    await first.getByRole('alert').getByText('wrong-pin').waitFor();
    await photograph(first, 'unlock');
    await expectAccessible(first);
    await write(first.getByLabel('PIN'), PIN);
    await press(first.getByRole('button', { name: 'Unlock' }));
    await isAtHome(first);

    const second = await joinFrom(first);
    await isAccepted(second);
    await isAccepted(first);
    await press(first.getByRole('button', { name: 'Remove', exact: true }).first());
    await press(first.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }));
    await first.getByText('removed').first().waitFor();
    await isRefused(second);
    await isAccepted(first);

    const wrong = await recoverWith(line.replace(/.$/, (last) => (last === '0' ? '1' : '0')));
    await wrong.getByRole('alert').getByText('Check every line').waitFor();
    await photograph(wrong, 'recover');
    await expectAccessible(wrong);
    const third = await recoverWith(picture);
    await isAtHome(third);
    await isAccepted(third);
    await isRefused(first);

    const tooFew = await recoverWith(shares[1]!);
    await tooFew.getByRole('alert').getByText('bad-share').waitFor();
    const fourth = await recoverWith([shares[2]!, shares[0]!].join('\n'));
    await isAtHome(fourth);
    await isAccepted(fourth);
    await isRefused(third);

    const sent = wire.join('\n');
    for (const secret of [recoveryCode, recoveryCode.replaceAll('-', ''), PIN, ...shares, slips[0]!]) {
      expect(sent).not.toContain(secret);
    }
    expect(wire.length).toBeGreaterThan(50);
  });

  it('are unlocked by a passkey that gives a secret, instead of the PIN', async () => {
    const [, { slips = [] } = {}] = stage.cast.patients.filter((patient) => (patient.slips?.length ?? 0) > 0);
    // No passkey belongs to a bare address: the same node by its name.
    const url = stage.url.replace('127.0.0.1', 'localhost');
    const context = await stage.browser.newContext({ baseURL: url, locale: 'en' });
    const page = await context.newPage();
    const chrome = await context.newCDPSession(page);
    await chrome.send('WebAuthn.enable');
    await chrome.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        ...{ protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasPrf: true },
        ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
      },
    });
    await page.goto('/');
    await claimWith(slips[0]!, page);
    await isAccepted(page);
    await write(page.getByLabel('Your PIN'), PIN);
    await press(page.getByRole('button', { name: 'Set up a passkey' }));
    await page.getByText('The passkey unlocks this device now.').waitFor();
    await press(page.getByRole('button', { name: 'Lock now' }));
    await page.goto('/start');
    await press(page.getByRole('button', { name: 'Use the passkey' }));
    await isAtHome(page);
    await isAccepted(page);
    await context.close();
  });
});
