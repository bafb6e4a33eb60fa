import { ContractError } from './errors.ts';
import { isJsonObject, type Json } from './json.ts';

/** 16 bytes: pid, grant, request, record, key id, opaque id, nonce, kid. */
const ID = /^[A-Za-z0-9_-]{22}$/;
/** 32 bytes. The last character's spare bits are zero: a second spelling of one hash would be a second state key for one fact. */
const HASH = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/** 65 bytes: 0x04 ‖ x ‖ y of an uncompressed P-256 point (SEC 1 §2.3.3). */
const PUBLIC_KEY = /^B[A-P][A-Za-z0-9_-]{84}[AEIMQUYcgkosw048]$/;
/** 64 bytes: r ‖ s (RFC 7518 §3.4). */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;
const ORGANISATION = /^[a-z][a-z0-9-]{1,31}$/;
/** A word of a closed vocabulary outside the contracts: role, category, label class, purpose, reason code. */
const CODE = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/;
const OWNER = /^(?:pid:[A-Za-z0-9_-]{22}|org:[a-z][a-z0-9-]{1,31})$/;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

export const PROOF_MAX = 64;
export const CERTIFICATE_CHARACTERS_MAX = 8192;
export const CHAIN_MAX = 4;
/** 9999-12-31T23:59:59.999Z: later times are mistakes of unit. */
export const TIME_MAX_MS = 253_402_300_799_999;

export type Owner = { readonly text: string } & (
  | { readonly kind: 'pid'; readonly pid: string }
  | { readonly kind: 'org'; readonly organisation: string }
);

/**
 * The members of an object: all of `required`, any of `optional`, nothing else. `name` says in a refusal where the object
 * stands; a value never does, as it may be private.
 */
export function parseFields<R extends string, O extends string = never>(
  value: Json | undefined,
  name: string,
  required: readonly R[],
  optional: readonly O[] = [],
): { readonly [K in R]: Json } & { readonly [K in O]?: Json } {
  if (!isJsonObject(value)) return refuse(name, 'an object');
  let seen = 0;
  for (const key of required) {
    if (!Object.hasOwn(value, key)) refuse(`${name}.${key}`, 'present');
    seen++;
  }
  for (const key of optional) if (Object.hasOwn(value, key)) seen++;
  // Unknown members are refused: a signer must not be shown one thing and have another ignored.
  if (Object.keys(value).length !== seen) refuse(name, `no members but ${[...required, ...optional].join(', ')}`);
  return value as { readonly [K in R]: Json } & { readonly [K in O]?: Json };
}

export const parseId = (value: Json | undefined, name: string): string =>
  parseText(value, name, ID, 'an id of 22 characters');
export const parseHash = (value: Json | undefined, name: string): string =>
  parseText(value, name, HASH, 'a hash of 43 characters');
export const parsePublicKey = (value: Json | undefined, name: string): string =>
  parseText(value, name, PUBLIC_KEY, 'an uncompressed P-256 point');
export const parseSignature = (value: Json | undefined, name: string): string =>
  parseText(value, name, SIGNATURE, 'a signature of 64 bytes');
export const parseOrganisation = (value: Json | undefined, name: string): string =>
  parseText(value, name, ORGANISATION, 'an organisation');
export const parseCode = (value: Json | undefined, name: string): string => parseText(value, name, CODE, 'a code');

export function parseOwner(value: Json | undefined, name: string): Owner {
  const text = parseText(value, name, OWNER, 'pid:<pid> or org:<organisation>');
  const rest = text.slice(4);
  return text.startsWith('pid:') ? { text, kind: 'pid', pid: rest } : { text, kind: 'org', organisation: rest };
}

/** A DER certificate in base64url. Only its form is checked here. */
export function parseCertificate(value: Json | undefined, name: string): string {
  const text = parseText(value, name, BASE64URL, 'a certificate in base64url');
  if (text.length > CERTIFICATE_CHARACTERS_MAX) refuse(name, `at most ${CERTIFICATE_CHARACTERS_MAX} characters`);
  return text;
}

/** A certificate chain, leaf first. */
export const parseChain = (value: Json | undefined, name: string): readonly string[] =>
  parseList(value, name, { min: 1, max: CHAIN_MAX }, parseCertificate);

export function parseInteger(
  value: Json | undefined,
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    return refuse(name, `an integer from ${min} to ${max}`);
  }
  return value;
}

export const parseTimeMs = (value: Json | undefined, name: string): number =>
  parseInteger(value, name, { max: TIME_MAX_MS });

export function parseBoolean(value: Json | undefined, name: string): boolean {
  return typeof value === 'boolean' ? value : refuse(name, 'true or false');
}

/** One of a closed list of words. */
export function parseOneOf<T extends string>(value: Json | undefined, name: string, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  return found ?? refuse(name, `one of ${words.join(', ')}`);
}

export function parseNullable<T>(
  value: Json | undefined,
  name: string,
  parse: (value: Json | undefined, name: string) => T,
): T | null {
  return value === null ? null : parse(value, name);
}

/** A list of `min` (0) to `max` items, each parsed. */
export function parseList<T>(
  value: Json | undefined,
  name: string,
  { min = 0, max }: { readonly min?: number; readonly max: number },
  parse: (value: Json, name: string) => T,
): readonly T[] {
  if (!Array.isArray(value)) return refuse(name, 'a list');
  if (value.length < min || value.length > max) refuse(name, `${min} to ${max} items`);
  return (value as readonly Json[]).map((item, index) => parse(item, `${name}[${index}]`));
}

/** A list whose `keyOf` values are all different. */
export function demandUnique<T>(items: readonly T[], name: string, keyOf: (item: T) => string): void {
  if (new Set(items.map(keyOf)).size !== items.length) refuse(name, 'no item twice');
}

export function parseText(value: Json | undefined, name: string, pattern: RegExp, expected: string): string {
  return typeof value === 'string' && pattern.test(value) ? value : refuse(name, expected);
}

function refuse(name: string, expected: string): never {
  throw new ContractError('args-invalid', `${name} must be ${expected}`);
}
