import type { Json, JsonObject } from '@salus/contracts';
import { CryptoError, canonical, fromUtf8 } from '@salus/crypto';
import { FabricError } from './fabric-error.ts';

/** A value whose canonical text is exactly these bytes. */
export function parseCanonical(bytes: Uint8Array): Json {
  const { text, value } = parseText(bytes);
  if (canonicalOf(value) !== text) throw refusal('expected canonical JSON');
  return value;
}

export function parseText(bytes: Uint8Array): { readonly text: string; readonly value: Json } {
  try {
    const text = fromUtf8(bytes);
    return { text, value: JSON.parse(text) as Json };
  } catch (error) {
    // The engine's message quotes the input: it is not kept.
    if (error instanceof CryptoError || error instanceof SyntaxError) throw refusal('expected JSON in UTF-8');
    throw error;
  }
}

export function canonicalOf(value: Json): string {
  try {
    return canonical(value);
  } catch (error) {
    if (error instanceof CryptoError) throw refusal('a value has no canonical form');
    throw error;
  }
}

export function requireObject(value: Json | undefined): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal('expected an object');
  return value as JsonObject;
}

export function requireMembers(
  value: Json | undefined,
  required: readonly string[],
  optional: readonly string[] = [],
): JsonObject {
  const object = requireObject(value);
  const keys = Object.keys(object);
  const complete = required.every((key) => Object.hasOwn(object, key));
  if (!complete || !keys.every((key) => required.includes(key) || optional.includes(key)))
    throw refusal(`expected the members ${required.join(', ')}`);
  return object;
}

export function requireArray(value: Json | undefined, max: number): readonly Json[] {
  if (!Array.isArray(value) || value.length > max) throw refusal('expected a list within its bound');
  return value as readonly Json[];
}

export function refusal(message: string): FabricError {
  return new FabricError('bad-wire', message);
}
