const REMEMBERED_AS = 'salus.signed-in';

/**
 * Whether somebody was signed in here when a page was last open. It decides nothing but what stands on the first page until
 * the device has told who is here: the question to strangers, or a sign of waiting.
 */
export function wasSomebodyHere(): boolean {
  return localStorage.getItem(REMEMBERED_AS) !== null;
}

export function rememberSomebody(isHere: boolean): void {
  if (isHere) localStorage.setItem(REMEMBERED_AS, 'yes');
  else localStorage.removeItem(REMEMBERED_AS);
}
