import type { Command } from 'commander';

/** Ids and hashes are base64url of random bytes: one in 64 begins with a dash. */
const DASHED_ID = /^-(?:[A-Za-z0-9_-]{21}|[A-Za-z0-9_-]{42})$/;
/** Begins no option, and no id. */
const MARK = ' ';

/** Marks ids that begin with a dash, which would be taken for options. */
export function markIds(words: readonly string[], program: Command): readonly string[] {
  const flags = new Set(flagsOf(program));
  return words.map((word) => (DASHED_ID.test(word) && !flags.has(word) ? MARK + word : word));
}

/** Takes the marks away again, from words and from the values of options. */
export function unmark<T>(value: T): T {
  if (typeof value === 'string') return (value.startsWith(`${MARK}-`) ? value.slice(MARK.length) : value) as T;
  if (Array.isArray(value)) return value.map(unmark) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, unmark(member)])) as T;
}

function flagsOf(command: Command): readonly string[] {
  const own = command.options.flatMap(({ long, short }) => [long, short].filter((flag) => typeof flag === 'string'));
  return [...own, ...command.commands.flatMap(flagsOf)];
}
