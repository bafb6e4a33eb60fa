/** The instants that a date of some precision means: from `startMs` until before `endMs`. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}

const DATE_TIME =
  /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?$/;
const MINUTE_MS = 60_000;
/** R4 §2.24.0.1: offsets reach from -14:00 to +14:00. */
const OFFSET_MINUTES_MAX = 14 * 60;

/**
 * A date, dateTime or instant (R4 §2.24.0.1; §3.1.1.4.8 lets a search leave out seconds and time zone). Without a zone it is
 * taken as UTC, for resources and searches alike. undefined for anything else.
 */
export function parsePeriod(text: string): Period | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  if (day !== undefined && !isDay(Number(year), Number(month), Number(day))) return undefined;
  if (month !== undefined && !(Number(month) >= 1 && Number(month) <= 12)) return undefined;
  if (hour === undefined) return dates(Number(year), month, day);
  // 24:00 is no time of FHIR; a leap second is.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 60) return undefined;
  const offset = zone === undefined || zone === 'Z' ? 0 : offsetMinutes(zone);
  if (offset === undefined) return undefined;
  const base = utc(Number(year), Number(month) - 1, Number(day)) - offset * MINUTE_MS;
  const startMs = base + (Number(hour) * 60 + Number(minute)) * MINUTE_MS + Number(second ?? 0) * 1000;
  if (second === undefined) return { startMs, endMs: startMs + MINUTE_MS };
  if (fraction === undefined) return { startMs, endMs: startMs + 1000 };
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  // Digits beyond the millisecond are kept in the resource; here the millisecond that holds them.
  const precisionMs = fraction.length === 1 ? 100 : fraction.length === 2 ? 10 : 1;
  return { startMs: startMs + milliseconds, endMs: startMs + milliseconds + precisionMs };
}

function dates(year: number, month: string | undefined, day: string | undefined): Period {
  if (month === undefined) return { startMs: utc(year, 0, 1), endMs: utc(year + 1, 0, 1) };
  const index = Number(month) - 1;
  if (day === undefined) return { startMs: utc(year, index, 1), endMs: utc(year, index + 1, 1) };
  return { startMs: utc(year, index, Number(day)), endMs: utc(year, index, Number(day) + 1) };
}

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(utc(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function offsetMinutes(zone: string): number | undefined {
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number);
  const offset = hours * 60 + minutes;
  if (minutes > 59 || offset > OFFSET_MINUTES_MAX) return undefined;
  return zone.startsWith('-') ? -offset : offset;
}

/** `Date.UTC` would take the years 0 to 99 for those of the twentieth century. */
function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day);
}
