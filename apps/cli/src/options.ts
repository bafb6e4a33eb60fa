import { InvalidArgumentError, Option } from 'commander';
import { unmark } from './words.ts';

/** Whose wallet; the same words on every command. */
export function walletOption(whose: 'staff' | 'patient' | 'anybody'): Option {
  const known = { staff: 'a member of staff', patient: 'a patient', anybody: 'a patient or a member of staff' }[whose];
  return new Option('--as, --wallet <wallet>', `name or file of the wallet of ${known}`);
}

export function accountOption(): Option {
  return new Option('--account <name>', 'account to log in with (default: the wallet’s name)');
}

/** Words between commas, or given again. */
export function list(value: string, before: readonly string[] | undefined): readonly string[] {
  const words = value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0) throw new InvalidArgumentError('It needs at least one word.');
  return [...(before ?? []), ...words];
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const parsed = Number(value);
    if (!/^\d{1,16}$/.test(value) || parsed < min || parsed > max) {
      throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
    }
    return parsed;
  };
}

/** An organisation's short name. */
export function slug(value: string): string {
  if (!/^[a-z][a-z0-9-]{1,31}$/.test(value)) {
    throw new InvalidArgumentError('It is a small letter, then 1 to 31 small letters, digits or dashes.');
  }
  return value;
}

/** A date or time of ISO 8601 as milliseconds since the epoch. */
export function timeMs(value: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a date such as 2026-11-21 or 2026-11-21T12:00:00Z.');
  return ms;
}

/** 16 random bytes as base64url: a pid, a grant, a request, a record. */
export function id(value: string): string {
  const word = unmark(value);
  if (!/^[A-Za-z0-9_-]{22}$/.test(word)) throw new InvalidArgumentError('It has 22 letters, digits, - or _.');
  return word;
}
