import { existsSync, readFileSync } from 'node:fs';
import { generateHpkeKey, isPublicKey, toBase64url } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import { NetworkError } from '../network-error.ts';

const VERSION = 'salus:chaincode-key:v1';

/** Draws the HPKE key pair of an organisation's chaincode, unless there is one. The service reads the file: mode 0600. */
export async function ensureChaincodeKey(file: string): Promise<void> {
  if (existsSync(file)) return;
  const { publicKey, privateKey } = await generateHpkeKey();
  writePrivateFile(file, `${JSON.stringify({ version: VERSION, publicKey, privateKey: toBase64url(privateKey) })}\n`);
}

/** The public half, to which the submitting node seals private arguments. Throws NetworkError `malformed`. */
export function readChaincodePublicKey(file: string): string {
  let parsed: { readonly version?: unknown; readonly publicKey?: unknown } | null;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8')) as typeof parsed;
  } catch {
    // The cause would quote the file, which holds a private key.
    throw malformed(file);
  }
  if (parsed?.version !== VERSION || !isPublicKey(parsed.publicKey)) throw malformed(file);
  return parsed.publicKey;
}

function malformed(file: string): NetworkError {
  return new NetworkError('malformed', `${file} is no key file of version ${VERSION}.`);
}
