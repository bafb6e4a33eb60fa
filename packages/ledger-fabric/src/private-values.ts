import type { Json, JsonObject, PrivateArgs } from '@salus/contracts';
import {
  CryptoError,
  canonical,
  type HpkeKey,
  openHpke,
  parseSealedEnvelope,
  sealHpke,
  sha256,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { FabricError } from './fabric-error.ts';
import { parseCanonical, refusal, requireObject } from './strict-json.ts';

export const PRIVATE_INFO = 'salus:private:v1';
/** Bytes of all private values of one transaction before they are sealed: what one HPKE envelope holds. */
export const PRIVATE_BYTES_MAX = 1024 * 1024;
/** Bytes of a sealed transient field. */
export const SEALED_BYTES_MAX = 1536 * 1024;
/** The shortest plaintext; the others have this times a power of two, up to `PRIVATE_BYTES_MAX`. */
const PADDED_BYTES_MIN = 4 * 1024;
const SPACE = 0x20;

/** Whom private values are sealed to, and beside what they travel: an envelope opens beside its own argument only. */
export type PrivateContext = { readonly network: string; readonly argument: Uint8Array };

/**
 * The transient field: private values by call id, sealed to the chaincode of the submitting organisation. Other endorsers see
 * the field's length, which is that of one of a few steps: it does not tell a short name from a long one. Throws `bad-wire`
 * when the values are too large to be sealed.
 */
export async function sealPrivate(
  values: ReadonlyMap<string, PrivateArgs>,
  to: PrivateContext & { readonly publicKey: string },
): Promise<Uint8Array> {
  const envelope = await sealHpke({
    publicKey: to.publicKey,
    info: privateInfo(to),
    plaintext: pad(utf8(canonical(Object.fromEntries(values) as unknown as JsonObject))),
  });
  return utf8(canonical(envelope));
}

/**
 * Private values by call id, each belonging to one of `callIds`; only that they are objects is checked, the contracts parse
 * them. Throws `bad-private` for what does not open or is malformed, and never says why in a caller's words.
 */
export async function openPrivate(
  field: Uint8Array,
  on: PrivateContext & { readonly key: HpkeKey; readonly callIds: ReadonlySet<string> },
): Promise<ReadonlyMap<string, PrivateArgs>> {
  try {
    if (field.length > SEALED_BYTES_MAX) throw refusal(`sealed values have at most ${SEALED_BYTES_MAX} bytes`);
    const envelope = parseSealedEnvelope(parseCanonical(field));
    const plaintext = await openHpke({ ...on.key, info: privateInfo(on), envelope });
    const entries = Object.entries(requireObject(parseCanonical(unpad(plaintext))));
    if (entries.length === 0 || entries.some(([id]) => !on.callIds.has(id))) throw refusal('values of no call here');
    return new Map(entries.map(([id, args]) => [id, requireObject(args) as unknown as PrivateArgs]));
  } catch (error) {
    // The cause may quote what was sealed: it is not kept.
    if (error instanceof CryptoError || error instanceof FabricError)
      throw new FabricError('bad-private', 'the private values do not open beside this argument');
    throw error;
  }
}

/** Canonical JSON of an object ends with its brace: the spaces behind it are padding and nothing else. */
function pad(text: Uint8Array): Uint8Array {
  if (text.length > PRIVATE_BYTES_MAX) throw refusal(`private values have at most ${PRIVATE_BYTES_MAX} bytes`);
  const padded = new Uint8Array(paddedBytes(text.length)).fill(SPACE);
  padded.set(text);
  return padded;
}

/** Takes only what `pad` gives. */
function unpad(padded: Uint8Array): Uint8Array {
  const end = padded.findLastIndex((byte) => byte !== SPACE) + 1;
  if (padded.length !== paddedBytes(end)) throw refusal('private values are padded to the next step');
  return padded.subarray(0, end);
}

function paddedBytes(textBytes: number): number {
  let bytes = PADDED_BYTES_MIN;
  while (bytes < textBytes) bytes *= 2;
  return bytes;
}

function privateInfo({ network, argument }: PrivateContext): readonly Json[] {
  return [PRIVATE_INFO, network, toBase64url(sha256(argument))];
}
