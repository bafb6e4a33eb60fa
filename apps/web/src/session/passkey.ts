import { randomBytes } from '@salus/crypto';
import { WalletError } from '@salus/wallet';
import type { PasskeyName } from '@salus/wallet/web';

const TIMEOUT_MS = 120_000;
const BYTES = 32;
/** COSE algorithms: ES256, RS256. The passkey's own signature proves nothing here; only its PRF is used. */
const ALGORITHMS = [-7, -257] as const;

/** Whether this browser may have a passkey that gives a secret (WebAuthn Level 3, extension prf): never at a bare IP address. */
export function mayHavePasskey(): boolean {
  return 'PublicKeyCredential' in window && !/^[\d.]+$|:/.test(window.location.hostname);
}

/** Makes a passkey for this device. @throws WalletError `wrong-passkey` where the authenticator gives no secret */
export async function makePasskey(): Promise<PasskeyName & { readonly secret: Uint8Array }> {
  const made = await asked(
    navigator.credentials.create({
      publicKey: {
        challenge: randomBytes(BYTES),
        rp: { name: 'Salus' },
        user: { id: randomBytes(BYTES), name: 'Salus', displayName: 'Salus' },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
        timeout: TIMEOUT_MS,
        extensions: { prf: {} },
      },
    }),
  );
  const name = { credentialId: new Uint8Array(made.rawId), salt: randomBytes(BYTES) };
  // Only some authenticators evaluate at the making: asking afterwards works with all.
  return { ...name, secret: await askPasskey(name) };
}

/** The 32 bytes that the passkey's PRF gives for the salt. @throws WalletError `wrong-passkey` */
export async function askPasskey({ credentialId, salt }: PasskeyName): Promise<Uint8Array> {
  const answered = await asked(
    navigator.credentials.get({
      publicKey: {
        challenge: randomBytes(BYTES),
        allowCredentials: [{ type: 'public-key', id: credentialId.slice() }],
        userVerification: 'required',
        timeout: TIMEOUT_MS,
        extensions: { prf: { eval: { first: salt.slice() } } },
      },
    }),
  );
  const first = answered.getClientExtensionResults().prf?.results?.first;
  if (first === undefined) throw new WalletError('wrong-passkey', 'This passkey gives no secret to unlock with.');
  return first instanceof ArrayBuffer
    ? new Uint8Array(first)
    : new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
}

async function asked(request: Promise<Credential | null>): Promise<PublicKeyCredential> {
  let credential: Credential | null;
  try {
    credential = await request;
  } catch (cause) {
    throw new WalletError('wrong-passkey', 'The passkey was not used.', { cause });
  }
  if (!(credential instanceof PublicKeyCredential)) throw new WalletError('wrong-passkey', 'The passkey was not used.');
  return credential;
}
