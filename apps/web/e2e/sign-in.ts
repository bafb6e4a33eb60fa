import type { Page } from 'playwright-core';

/** Signs a person of the demonstration in on this device, as a tester does: paste the line, press the button. */
export async function signIn(page: Page, device: string): Promise<void> {
  await page.goto('/start');
  await page.getByRole('textbox', { name: 'Sign-in line' }).fill(device);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}
