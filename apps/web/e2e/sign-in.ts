import type { Page } from 'playwright-core';
import { press, write } from './by-keys.ts';

/** Signs a person of the demonstration in on this device, as a tester does: paste the line, press the button. */
export async function signIn(page: Page, device: string): Promise<void> {
  await page.goto('/start');
  await write(page.getByRole('textbox', { name: 'Sign-in line' }), device);
  await press(page.getByRole('button', { name: 'Sign in' }));
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}
