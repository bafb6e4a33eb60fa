/**
 * Formats of numbers, dates and lists by language. Making one takes a hundred times as long as using it, and a list of
 * entries uses the same few for every row: each is made once.
 */
export function dateFormat(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return known(dates, language, options, () => new Intl.DateTimeFormat(language, options));
}

export function numberFormat(language: string, options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  return known(numbers, language, options, () => new Intl.NumberFormat(language, options));
}

export function listFormat(language: string): Intl.ListFormat {
  const options = { type: 'conjunction' } as const;
  return known(lists, language, options, () => new Intl.ListFormat(language, options));
}

/** Languages are three, and options stand in the sources but for a number's digits after the point. */
const KEPT_MAX = 200;
const dates = new Map<string, Intl.DateTimeFormat>();
const numbers = new Map<string, Intl.NumberFormat>();
const lists = new Map<string, Intl.ListFormat>();

function known<Format>(kept: Map<string, Format>, language: string, options: object, make: () => Format): Format {
  const name = `${language} ${JSON.stringify(options)}`;
  const found = kept.get(name);
  if (found !== undefined) return found;
  if (kept.size >= KEPT_MAX) kept.clear();
  const made = make();
  kept.set(name, made);
  return made;
}
