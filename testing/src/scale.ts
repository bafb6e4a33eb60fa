/**
 * The count a test should run: the full one that the issues state under
 * `SALUS_TEST_SCALE=full` (set by `.ci/run`), else the reduced one that keeps `npm test` short.
 */
export function scaled(reduced: number, full: number): number {
  const scale = process.env.SALUS_TEST_SCALE ?? 'reduced';
  switch (scale) {
    case 'full':
      return full;
    case 'reduced':
      return reduced;
    default:
      throw new RangeError(`SALUS_TEST_SCALE must be "full" or "reduced", not ${JSON.stringify(scale)}`);
  }
}
