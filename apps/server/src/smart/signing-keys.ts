import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Json } from '@salus/crypto';
import type { Documents } from '@salus/records';
import type { Configuration } from 'oidc-provider';

const KIND = 'app-keys';
const NAME = 'current';
const RSA_BITS = 2048;
const COOKIE_KEY_BYTES = 32;

/** What an issuer signs with: RS256 for id_tokens as OpenID Connect demands, ES256 for clients that register it. */
export interface IssuerKeys {
  readonly jwks: NonNullable<Configuration['jwks']>;
  readonly cookieKeys: readonly string[];
}

/** The keys of one organisation's issuer, made at their first use; sealed under the master key like every document. */
export async function openIssuerKeys(documents: Documents): Promise<IssuerKeys> {
  const known = await documents.find(KIND, NAME);
  if (known !== undefined) return known as unknown as IssuerKeys;
  const rsa = generateKeyPairSync('rsa', { modulusLength: RSA_BITS }).privateKey.export({ format: 'jwk' });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const made = {
    jwks: {
      keys: [
        { ...rsa, use: 'sig', alg: 'RS256' },
        { ...p256, use: 'sig', alg: 'ES256' },
      ],
    },
    cookieKeys: [randomBytes(COOKIE_KEY_BYTES).toString('base64url')],
  };
  await documents.put(KIND, NAME, made as unknown as Json);
  return made as unknown as IssuerKeys;
}
