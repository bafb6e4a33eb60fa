import { type Bytes, toBase64url, utf8 } from '@salus/crypto';
import { WalletError } from '../wallet-error.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { aesGcmOf, newAesGcm, type OpenKeys } from './open-keys.ts';

const CONTEXT = 'salus:web-store:v1';

/** What a device keeps for its person: ciphertext under names that say nothing. */
export interface SealedStore {
  /** undefined where nothing is kept under the name. @throws WalletError `bad-wallet` where it was changed */
  find(name: string): Promise<Bytes | undefined>;
  put(name: string, plaintext: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

interface Sealed {
  readonly iv: Bytes;
  readonly ciphertext: Bytes;
}

export function openSealedStore(store: KeyValueStore, keys: OpenKeys): SealedStore {
  const placeOf = async (name: string): Promise<string> =>
    `sealed/${toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', keys.name, utf8(name))))}`;
  return {
    find: async (name) => {
      const sealed = (await store.get(await placeOf(name))) as Sealed | undefined;
      if (sealed === undefined) return undefined;
      const how = aesGcmOf(sealed.iv, `${CONTEXT}:${name}`);
      try {
        return new Uint8Array(await crypto.subtle.decrypt(how, keys.data, sealed.ciphertext));
      } catch (cause) {
        throw new WalletError('bad-wallet', 'What this device keeps was changed, or is of another wallet.', { cause });
      }
    },
    put: async (name, plaintext) => {
      const how = newAesGcm(`${CONTEXT}:${name}`);
      const ciphertext = new Uint8Array(await crypto.subtle.encrypt(how, keys.data, plaintext.slice()));
      await store.put(await placeOf(name), { iv: how.iv, ciphertext } satisfies Sealed);
    },
    remove: async (name) => store.remove(await placeOf(name)),
  };
}
