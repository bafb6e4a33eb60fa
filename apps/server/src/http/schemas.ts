/** JSON Schema fragments (2020-12, as OpenAPI 3.1 uses it) that the routes share: every text and list has a bound. */
export type JsonSchema = { readonly [keyword: string]: unknown };

export const text = (maxLength: number, minLength = 0): JsonSchema => ({ type: 'string', minLength, maxLength });
export const matching = (pattern: string, maxLength: number): JsonSchema => ({ type: 'string', pattern, maxLength });
export const oneOf = (values: readonly string[]): JsonSchema => ({ type: 'string', enum: values });
export const count: JsonSchema = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
export const flag: JsonSchema = { type: 'boolean' };
export const timeMs: JsonSchema = { ...count, description: 'Milliseconds since the epoch.' };
export const nullable = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
export const list = (items: JsonSchema, maxItems: number, minItems = 0): JsonSchema => ({
  type: 'array',
  items,
  maxItems,
  minItems,
});

/** An object with exactly these members; names in `optional` may be absent. */
export function object(
  properties: { readonly [name: string]: JsonSchema },
  optional: readonly string[] = [],
): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, additionalProperties: false, ...(required.length === 0 ? {} : { required }) };
}

/** JSON of any shape: whoever reads it parses it (a call's arguments, a fact of the world state). */
export const anything: JsonSchema = {};
/** An object of any members, for values that a parser of their own checks: they differ by contract and transaction. */
export const anyObject: JsonSchema = { type: 'object', maxProperties: 64 };

/** 16 random bytes: pid, grant, request, record, network. */
export const id = matching('^[A-Za-z0-9_-]{22}$', 22);
/** 32 bytes: call ids, hashes, salts. */
export const hash = matching('^[A-Za-z0-9_-]{43}$', 43);
export const signature = matching('^[A-Za-z0-9_-]{86}$', 86);
export const publicKey = matching('^B[A-Za-z0-9_-]{86}$', 87);
export const organisation = matching('^[a-z][a-z0-9-]{1,31}$', 32);
export const role = matching('^[a-z][a-z0-9-]{0,31}$', 32);
export const account = matching('^[a-z0-9][a-z0-9._-]{1,63}$', 64);
export const password = text(256, 1);
export const base64url = (maxLength: number): JsonSchema => matching('^[A-Za-z0-9_-]*$', maxLength);
/** A decimal number in a query or path, which are text. */
export const digits = matching('^[0-9]{1,15}$', 15);
export const category = matching('^[a-z][a-z0-9-]{0,63}$', 64);
export const labelClass = matching('^[A-Za-z]{1,16}$', 16);
export const resourceType = matching('^[A-Z][A-Za-z]{1,63}$', 64);
/** FHIR R4 §2.24.0.1 `id`. */
export const fhirId = matching('^[A-Za-z0-9.-]{1,64}$', 64);

export const org = object({ org: organisation });

const CERTIFICATE_CHARACTERS_MAX = 8_192;
export const CHAIN_LENGTH_MAX = 4;
export const chain = list(base64url(CERTIFICATE_CHARACTERS_MAX), CHAIN_LENGTH_MAX, 1);

/** A signed call (docs/CONTRACTS.md): the contract parses its arguments. */
export const signedCall = object({
  payload: object(
    {
      version: oneOf(['salus:call:v1']),
      alg: oneOf(['ES256']),
      network: id,
      contract: matching('^[a-z]{1,32}$', 32),
      transaction: matching('^[a-z][A-Za-z0-9]{0,63}$', 64),
      args: anyObject,
      privateHash: hash,
      signer: matching('^[a-z]{2,8}:[A-Za-z0-9_/-]{22,45}$', 54),
      onBehalfOf: anyObject,
      nonce: id,
      notAfter: nullable(timeMs),
    },
    ['privateHash', 'onBehalfOf'],
  ),
  signature,
});
export const privateArgs = object({ salt: hash, values: anyObject });

/** A sealed envelope (docs: crypto); its own parser checks every member. */
export const hpkeEnvelope: JsonSchema = { type: 'object', maxProperties: 8 };
