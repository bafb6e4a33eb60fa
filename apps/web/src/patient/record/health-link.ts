import { base64url, CompactEncrypt } from 'jose';

/** Of the label that a reader shows beside the link (SMART Health Links 1.0, "SMART Health Link payload"). */
export const LABEL_LENGTH_MAX = 80;
const KEY_BYTES = 32;
const SHLINK = 'shlink:/';

/** A file of a link as the node keeps it: ciphertext, and what it is of. */
export interface SealedFile {
  readonly contentType: string;
  readonly jwe: string;
}

/** One file for a link, encrypted here under a key that only the link itself carries. */
export interface SealedContent {
  /** 32 random bytes, base64url: never sent to the node. */
  readonly key: string;
  readonly file: SealedFile;
}

/**
 * Encrypts FHIR JSON for a link: a compact JWE, `dir` with A256GCM, a fresh key for each link (SMART Health Links 1.0,
 * "Encrypting and decrypting files").
 */
export async function sealForLink(fhirJson: string): Promise<SealedContent> {
  const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const contentType = 'application/fhir+json';
  const jwe = await new CompactEncrypt(new TextEncoder().encode(fhirJson))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: contentType })
    .encrypt(key);
  return { key: base64url.encode(key), file: { contentType, jwe } };
}

export interface LinkPayload {
  /** Of the manifest, or of the one file for the flag `U`. */
  readonly url: string;
  readonly key: string;
  readonly expiresMs: number;
  /** `L`, `P`, `U` in alphabetical order, or empty. */
  readonly flags: string;
  readonly label: string;
}

/** The link itself: whoever has it, and the passcode, reads the file. */
export function healthLinkOf({ url, key, expiresMs, flags, label }: LinkPayload): string {
  const payload = {
    url,
    key,
    exp: Math.floor(expiresMs / 1_000),
    ...(flags === '' ? {} : { flag: flags }),
    label: label.slice(0, LABEL_LENGTH_MAX),
    v: 1,
  };
  return `${SHLINK}${base64url.encode(new TextEncoder().encode(JSON.stringify(payload)))}`;
}
