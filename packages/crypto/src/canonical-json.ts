import { type Bytes, fromUtf8, utf8 } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';

/** A JSON value (RFC 8259) of plain objects and arrays. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonLimits = {
  /** Bytes of UTF-8, or UTF-16 units when the input is a string. */
  readonly sizeMax: number;
  /** Nesting of objects and arrays; a scalar has depth 0. */
  readonly depthMax: number;
};

/** Nesting that `canonical` and `parseJson` accept at most, so that neither recursion nor a cycle can exhaust the stack. */
export const JSON_DEPTH_MAX = 128;
/** Size that `parseJson` accepts unless told otherwise. */
export const JSON_SIZE_MAX = 16 * 1024 * 1024;

/** Printable ASCII but `"` and `\`: a string that is its own JSON text. */
const PLAIN_STRING = /^[ !#-[\]-~]*$/;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * The canonical text of a value by RFC 8785: members sorted by UTF-16 code units, numbers and strings as ECMAScript writes them.
 * Refuses with `bad-json` what has none: undefined, functions, bigints, non-finite numbers, lone surrogates, objects with
 * a prototype of their own (Date, Map, Uint8Array), and nesting beyond `JSON_DEPTH_MAX`.
 */
export function canonical(value: Json): string {
  return writeValue(value, 0);
}

/** UTF-8 of `canonical(value)`. */
export function canonicalBytes(value: Json): Bytes {
  return utf8(canonical(value));
}

/** True for an integer that every JSON implementation reads alike: |n| ≤ 2^53 − 1 (RFC 7493 §2.2). */
export function isInteger53(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/**
 * Parses I-JSON (RFC 7493): valid UTF-8, no byte order mark, no duplicate member names, no lone surrogates, no number
 * outside the range of a double, bounded size and depth. Refuses with `bad-json`; the message never quotes the input.
 */
export function parseJson(input: string | Uint8Array, limits: Partial<JsonLimits> = {}): Json {
  const sizeMax = limits.sizeMax ?? JSON_SIZE_MAX;
  const depthMax = Math.min(limits.depthMax ?? JSON_DEPTH_MAX, JSON_DEPTH_MAX);
  if (input.length > sizeMax) throw refusal(`JSON is larger than ${sizeMax}`);
  const text = typeof input === 'string' ? input : decode(input);
  const memberCount = countMembers(text, depthMax);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    // The engine's message quotes the input, which may be health data: it is not kept as a cause.
    throw refusal('input is not JSON');
  }
  // JSON.parse keeps the last of equal names, so any duplicate makes the value poorer than its text.
  if (countKept(value) !== memberCount) throw refusal('JSON has a duplicate member name');
  return value;
}

function decode(input: Uint8Array): string {
  try {
    return fromUtf8(input);
  } catch (cause) {
    throw new CryptoError('bad-json', 'JSON is not UTF-8', { cause });
  }
}

/** Members that a valid text writes down; on invalid text the count means nothing, but depth is bounded all the same. */
function countMembers(text: string, depthMax: number): number {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COLON:
        members += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > depthMax) throw refusal(`JSON is nested deeper than ${depthMax}`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
    }
  }
  return members;
}

/** Index of the quote that closes the string opened at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** Members of a parsed value; refuses strings and numbers outside I-JSON on the way. */
function countKept(value: Json): number {
  if (typeof value === 'string') requireWellFormed(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw refusal('JSON has a number beyond a double');
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (isArray(value)) {
    for (const item of value) members += countKept(item);
    return members;
  }
  for (const key of Object.keys(value)) {
    requireWellFormed(key);
    members += 1 + countKept(value[key] ?? null);
  }
  return members;
}

function writeValue(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw refusal('a non-finite number has no canonical form');
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= JSON_DEPTH_MAX) throw refusal(`a value nested deeper than ${JSON_DEPTH_MAX} has no canonical form`);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw refusal(`a value of type ${typeof value} has no canonical form`);
  }
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '[';
  for (let at = 0; at < items.length; at += 1) {
    if (at > 0) text += ',';
    text += writeValue(items[at], depth);
  }
  return `${text}]`;
}

function writeObject(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  // Any realm's Object.prototype is the one whose own prototype is null.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refusal('an object with a prototype of its own has no canonical form');
  }
  const members = object as { readonly [key: string]: unknown };
  let text = '';
  for (const key of sortedKeys(members)) {
    text += `${text === '' ? '{' : ','}${writeString(key)}:${writeValue(members[key], depth)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Most objects on the ledger are built in order: looking is cheaper than sorting. */
function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  for (let at = 1; at < keys.length; at += 1) {
    if ((keys[at - 1] ?? '') > (keys[at] ?? '')) return keys.sort();
  }
  return keys;
}

function writeString(text: string): string {
  if (PLAIN_STRING.test(text)) return `"${text}"`;
  requireWellFormed(text);
  return JSON.stringify(text);
}

function requireWellFormed(text: string): void {
  if (!text.isWellFormed()) throw refusal('JSON has a lone surrogate');
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function refusal(message: string): CryptoError {
  return new CryptoError('bad-json', message);
}
