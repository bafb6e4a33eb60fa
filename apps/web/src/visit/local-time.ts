const MINUTE_MS = 60_000;

/** A moment as `<input type="datetime-local">` takes it: the reader's own clock, to the minute. */
export function localInput(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16);
}

/** Milliseconds of what was entered; NaN for nothing. */
export function localMs(input: string): number {
  return new Date(input).getTime();
}

/** Tomorrow at nine by the reader's clock: something to start from. */
export function tomorrowAtNine(nowMs: number): number {
  const date = new Date(nowMs);
  date.setDate(date.getDate() + 1);
  date.setHours(9, 0, 0, 0);
  return date.getTime();
}
