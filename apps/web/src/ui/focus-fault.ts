/** After a form was refused: leads keyboard and screen reader to the first field that is wrong, once it is marked. */
export function focusFault(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
