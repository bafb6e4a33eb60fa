import type { ElementHandle, FileChooser, Locator } from 'playwright-core';
import { expect, vi } from 'vitest';

/** What Tab stops at. */
const STOPS = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
const REACHED = { timeout: 120_000, interval: 50 };
const PRESSES_MAX = 300;
const TRIES_MAX = 5;
const OPTIONS_MAX = 60;
/** What is longer than anybody types is pasted. */
const TYPED_MAX = 60;
/** A field or list that is drawn anew shows within this what a key did, or the key was lost. */
const TAKEN = { timeout: 2_000, interval: 50 };

/** Goes to a control with Tab, and presses what works it: Space for what is ticked, arrows among radio buttons, else Enter. */
export async function press(control: Locator): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    await reach(control);
    const kind = await control.evaluate(kindOf);
    if (kind === 'radio') return chooseRadio(control);
    await control.evaluate(noteKey);
    await control.page().keyboard.press(kind === 'checkbox' ? 'Space' : 'Enter');
    // What is drawn anew may take the focus away before the key arrives; a page that was left tells nothing.
    const isLost = await control
      .page()
      .evaluate(keyWasLost)
      .catch(() => false);
    if (!isLost) return undefined;
  }
  throw new Error('the control loses the focus again and again');
}

/** Ticks a check box or chooses a radio button, unless it is already. */
export async function tick(control: Locator): Promise<void> {
  await reach(control);
  if (!(await isTicked(control))) await press(control);
  await vi.waitFor(async () => expect(await isTicked(control), 'is ticked').toBe(true), REACHED);
}

export async function untick(control: Locator): Promise<void> {
  await reach(control);
  if (await isTicked(control)) await press(control);
  await vi.waitFor(async () => expect(await isTicked(control), 'is ticked').toBe(false), REACHED);
}

/** Replaces what a field holds; a date is given as the field's value has it, and typed as the page shows it. */
export async function write(field: Locator, text: string): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    await reach(field);
    const { keyboard } = field.page();
    if ((await field.getAttribute('type')) === 'date') return writeDate(field, text);
    await keyboard.press('ControlOrMeta+A');
    if (text === '') await keyboard.press('Delete');
    else if (text.length <= TYPED_MAX) await keyboard.type(text);
    else await keyboard.insertText(text);
    // What is drawn anew may take the focus away between two letters.
    if (await holds(field, text)) return undefined;
  }
  throw new Error('the field does not keep what is typed');
}

/** Whether a field holds a text, however it spaces it; one that goes once it is full has taken it. */
async function holds(field: Locator, text: string): Promise<boolean> {
  const value = await field.inputValue({ timeout: TAKEN.timeout }).catch(() => undefined);
  return value === undefined || lettersOf(value) === lettersOf(text);
}

function lettersOf(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/[^\p{L}\p{M}\p{N}]/gu, '')
    .toLowerCase();
}

/** Goes down a list of the browser's own to the option with this label or value. */
export async function choose(list: Locator, wanted: string | RegExp): Promise<void> {
  await reach(list);
  // What the list is called may change with what is chosen, as with another language.
  let select = (await list.elementHandle()) as ElementHandle<HTMLSelectElement>;
  const to = await vi.waitFor(async () => {
    const options = await select.evaluate(optionsOf);
    const at = options.findIndex((option) => isWanted(option, wanted));
    expect(at, 'the option is there').toBeGreaterThanOrEqual(0);
    return at;
  }, REACHED);
  for (let at = await select.evaluate(chosen), lost = 0; at !== to; ) {
    const before = at;
    await list.page().keyboard.press(to > at ? 'ArrowDown' : 'ArrowUp');
    // A page may take its time to show what was chosen.
    at = await vi.waitFor(() => changedFrom(select, before), TAKEN).catch(() => before);
    if (at !== before) continue;
    lost += 1;
    if (lost > TRIES_MAX) throw new Error('the list does not take the arrow keys');
    await reach(list);
    select = (await list.elementHandle()) as ElementHandle<HTMLSelectElement>;
    at = await select.evaluate(chosen);
  }
}

async function changedFrom(select: ElementHandle<HTMLSelectElement>, before: number): Promise<number> {
  const now = await select.evaluate(chosen);
  expect(now).not.toBe(before);
  return now;
}

/** Opens a list of the app's own and goes down to the option with this label. */
export async function pick(field: Locator, label: string): Promise<void> {
  await reach(field);
  const page = field.page();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('option', { name: label }).first().waitFor();
  const current = page.locator('[role="option"][data-combobox-selected]');
  for (let presses = 0; presses < OPTIONS_MAX; presses += 1) {
    const texts = await current.allTextContents();
    if (texts.some((text) => text.includes(label))) {
      await page.keyboard.press('Enter');
      return;
    }
    await page.keyboard.press('ArrowDown');
  }
  throw new Error(`no key leads to the option ${label}`);
}

/** Presses the button that asks for a file, and gives it one: the browser's own window for that is no part of the page. */
export async function chooseFile(button: Locator, file: Parameters<FileChooser['setFiles']>[0]): Promise<void> {
  const [chooser] = await Promise.all([button.page().waitForEvent('filechooser'), press(button)]);
  await chooser.setFiles(file);
}

/** Presses Tab, or Shift and Tab, until the control has the focus; waits where it is not there yet, or disabled. */
async function reach(control: Locator): Promise<void> {
  await control.waitFor({ state: 'attached' });
  let presses = 0;
  await vi.waitFor(async () => {
    const stops = await control.evaluate(stopsTo, STOPS);
    expect(stops, 'the control can be reached').not.toBeNull();
    presses += Math.abs(stops!);
    if (presses > PRESSES_MAX) throw new Error('Tab does not lead there');
    const key = stops! > 0 ? 'Tab' : 'Shift+Tab';
    for (let press = 0; press < Math.abs(stops!); press += 1) await control.page().keyboard.press(key);
    // Some stops, such as a date, take several presses: whether this was enough shows the next look.
    expect(stops, 'the control has the focus').toBe(0);
  }, REACHED);
}

async function chooseRadio(radio: Locator): Promise<void> {
  const { keyboard } = radio.page();
  for (let presses = 0; presses < OPTIONS_MAX; presses += 1) {
    if (await radio.evaluate(hasFocus)) {
      if (!(await isTicked(radio))) await keyboard.press('Space');
      return;
    }
    await keyboard.press('ArrowDown');
  }
  throw new Error('no arrow leads to the radio button');
}

/** Month, day and year, as browsers in English show them; typing goes from one to the next by itself. */
async function writeDate(field: Locator, date: string): Promise<void> {
  const [year = '', month = '', day = ''] = date.split('-');
  const { keyboard } = field.page();
  for (let part = 0; part < 3; part += 1) await keyboard.press('ArrowLeft');
  await keyboard.type(`${month}${day}${year}`);
  expect(await field.inputValue()).toBe(date);
}

function isWanted(option: { readonly value: string; readonly label: string }, wanted: string | RegExp): boolean {
  return wanted instanceof RegExp ? wanted.test(option.label) : option.value === wanted || option.label === wanted;
}

const isTicked = (control: Locator) => control.evaluate((element) => element.matches(':checked'));

// What follows runs in the page, each function by itself.

function chosen(select: HTMLSelectElement): number {
  return select.selectedIndex;
}

function optionsOf(select: HTMLSelectElement): { value: string; label: string }[] {
  return [...select.options].map(({ value, label }) => ({ value, label: label.trim() }));
}

/** How many stops lie between what has the focus and the control; null where it cannot be reached now. */
function stopsTo(element: Element, selector: string): number | null {
  const control = element.closest('label')?.control ?? element.closest(selector) ?? element;
  const isSameGroup = (left: Element | null, right: Element): boolean =>
    left instanceof HTMLInputElement &&
    right instanceof HTMLInputElement &&
    right.type === 'radio' &&
    left.type === 'radio' &&
    left.name === right.name;
  const focused = document.activeElement;
  const canStop = (stop: HTMLElement): boolean =>
    stop.tabIndex >= 0 &&
    !stop.matches(':disabled') &&
    stop.closest('[inert]') === null &&
    stop.checkVisibility({ visibilityProperty: true });
  if (focused === control || isSameGroup(focused, control)) return 0;
  const stops: Element[] = [];
  for (const stop of document.querySelectorAll<HTMLElement>(selector)) {
    if (canStop(stop) && !stops.some((before) => isSameGroup(before, stop))) stops.push(stop);
  }
  const to = stops.findIndex((stop) => stop === control || isSameGroup(stop, control));
  if (to < 0) return null;
  // Where nothing has the focus, the browser goes on from where it was last.
  if (focused === null || focused === document.body) return 1;
  const from = stops.findIndex((stop) => stop === focused || isSameGroup(stop, focused));
  if (from >= 0) return to - from;
  const before = stops.filter(
    (stop) => (stop.compareDocumentPosition(focused) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0,
  ).length;
  return to >= before ? to - before + 1 : to - before;
}

function kindOf(element: Element): string {
  const control = element.closest('label')?.control ?? element;
  return control instanceof HTMLInputElement ? control.type : 'other';
}

function hasFocus(element: Element): boolean {
  return document.activeElement === (element.closest('label')?.control ?? element);
}

function noteKey(element: Element): void {
  const told = window as unknown as { arrived?: boolean };
  told.arrived = false;
  const note = ({ target }: Event): void => {
    const focused = element.closest('label')?.control ?? element.closest('a, button, summary, input') ?? element;
    told.arrived = target === focused;
  };
  document.addEventListener('keydown', note, { capture: true, once: true });
}

function keyWasLost(): boolean {
  return (window as unknown as { arrived?: boolean }).arrived === false;
}
