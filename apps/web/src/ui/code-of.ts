const CODE = /^[a-z][a-z0-9-]{1,63}$/;

/** The closed code of an error of one of our packages; nothing of any other error is shown, its message least of all. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && CODE.test(error.code) ? error.code : undefined;
}
