/** The day of the device's own clock, from midnight to midnight. */
export function dayOf(nowMs: number): { readonly fromMs: number; readonly untilMs: number } {
  const from = new Date(nowMs);
  from.setHours(0, 0, 0, 0);
  const until = new Date(from);
  until.setDate(until.getDate() + 1);
  return { fromMs: from.getTime(), untilMs: until.getTime() };
}
