/**
 * JSON as contracts know it: integers only (|n| ≤ 2^53−1), well-formed Unicode, plain objects. Everything that enters from
 * outside passes `measureJson` once; after it, values are trusted to be JSON and only their shape is parsed.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** Why a value is not acceptable JSON; each is also a `ContractCode`. */
export type JsonFault = 'json-invalid' | 'number-invalid' | 'text-invalid' | 'too-deep' | 'too-large';
/** The size in bytes of the value's canonical form (RFC 8785), or what is wrong with it. */
export type JsonMeasure =
  | { readonly ok: true; readonly sizeBytes: number }
  | { readonly ok: false; readonly fault: JsonFault };

export interface JsonLimits {
  readonly sizeBytesMax: number;
  readonly depthMax: number;
}

/** Printable ASCII without quote and backslash: its canonical form is itself between two quotes. */
const PLAIN = /^[ !#-[\]-~]*$/;
const SHORT_ESCAPES = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x22, 0x5c]);

/**
 * Walks an untrusted value once, without recursion deeper than `depthMax` and without work after `sizeBytesMax`.
 * Refuses floats, −0, integers beyond 2^53−1, lone surrogates, `__proto__` members, sparse arrays, class instances and
 * anything that JSON does not know (functions, undefined, symbols, big integers).
 */
export function measureJson(value: unknown, limits: JsonLimits): JsonMeasure {
  const state: Walk = { left: limits.sizeBytesMax, fault: undefined };
  walk(value, limits.depthMax, state);
  return state.fault === undefined
    ? { ok: true, sizeBytes: limits.sizeBytesMax - state.left }
    : { ok: false, fault: state.fault };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Walk {
  left: number;
  fault: JsonFault | undefined;
}

function walk(value: unknown, depthLeft: number, state: Walk): void {
  switch (typeof value) {
    case 'string':
      spend(state, textBytes(value, state));
      return;
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) fail(state, 'number-invalid');
      else spend(state, String(value).length);
      return;
    case 'boolean':
      spend(state, value ? 4 : 5);
      return;
    case 'object':
      if (value === null) spend(state, 4);
      else if (depthLeft === 0) fail(state, 'too-deep');
      else if (Array.isArray(value)) walkArray(value, depthLeft - 1, state);
      else walkObject(value, depthLeft - 1, state);
      return;
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      fail(state, 'json-invalid');
      return;
  }
}

function walkArray(value: readonly unknown[], depthLeft: number, state: Walk): void {
  spend(state, 2 + Math.max(0, value.length - 1));
  // An index loop, because `for … of` and `forEach` treat the holes of a sparse array differently from each other.
  for (let index = 0; index < value.length && state.fault === undefined; index++) walk(value[index], depthLeft, state);
}

function walkObject(value: object, depthLeft: number, state: Walk): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  // An object of another realm has another Object.prototype, whose own prototype is null; a class instance is deeper.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    fail(state, 'json-invalid');
    return;
  }
  const keys = Object.keys(value);
  spend(state, 2 + Math.max(0, keys.length - 1));
  for (const key of keys) {
    if (state.fault !== undefined) return;
    if (key === '__proto__') fail(state, 'json-invalid');
    spend(state, textBytes(key, state) + 1);
    walk((value as Record<string, unknown>)[key], depthLeft, state);
  }
}

/** Bytes of the canonical string, quotes included (RFC 8785 §3.2.2.2: short escapes, \u00xx for other controls, UTF-8). */
function textBytes(text: string, state: Walk): number {
  if (text.length > state.left) return text.length + 2;
  if (PLAIN.test(text)) return text.length + 2;
  if (!text.isWellFormed()) {
    fail(state, 'text-invalid');
    return 0;
  }
  let bytes = 2;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (SHORT_ESCAPES.has(unit)) bytes += 2;
    else if (unit < 0x20) bytes += 6;
    else if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    // Each half of a surrogate pair counts two of the four UTF-8 bytes.
    else bytes += unit >= 0xd800 && unit <= 0xdfff ? 2 : 3;
  }
  return bytes;
}

function spend(state: Walk, bytes: number): void {
  state.left -= bytes;
  if (state.left < 0) fail(state, 'too-large');
}

function fail(state: Walk, fault: JsonFault): void {
  state.fault ??= fault;
}
