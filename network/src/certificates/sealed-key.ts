import { existsSync, readFileSync } from 'node:fs';
import { openObject, sealObject } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import { NetworkError } from '../network-error.ts';

/** Which key a sealed file holds: another organisation's, or another use, does not open in its place. */
export interface SealedKeyUse {
  readonly organisation: string;
  readonly use: 'ca' | 'tlsca' | 'chaincodeca';
}

/** Writes a private key (PKCS #8) sealed under the organisation's master key; the file opens with no other. */
export function writeSealedKey(
  file: string,
  key: Uint8Array,
  { masterKey, ...use }: SealedKeyUse & { readonly masterKey: Uint8Array },
): void {
  writePrivateFile(file, sealObject(masterKey, key, contextOf(use)));
}

/** Inverse of `writeSealedKey`. Throws NetworkError `not-found`, or `bad-input` for another master key or changed bytes. */
export function readSealedKey(
  file: string,
  { masterKey, ...use }: SealedKeyUse & { readonly masterKey: Uint8Array },
): Uint8Array {
  if (!existsSync(file)) throw new NetworkError('not-found', `There is no sealed key at ${file}.`);
  try {
    return openObject(masterKey, readFileSync(file), contextOf(use));
  } catch (cause) {
    throw new NetworkError('bad-input', `${file} does not open with the master key of network:${use.organisation}.`, {
      cause,
    });
  }
}

function contextOf({ organisation, use }: SealedKeyUse): readonly string[] {
  return ['salus:network-authority:v1', organisation, use];
}
