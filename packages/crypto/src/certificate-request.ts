import { fromBase64url, toBase64url } from './bytes.ts';
import { CERTIFICATE_BYTES_MAX, OID, readName, readPublicKey, readSignature } from './certificate-profile.ts';
import { CryptoError } from './crypto-error.ts';
import { childrenOf, DER, hexOf, parseDer, requireTag } from './der.ts';
import { findVerifier, type SigningKey, type WebCryptoKey } from './signature.ts';
import { loadX509 } from './x509.ts';

export type ParsedCsr = { readonly id: string; readonly publicKey: string };

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const VERSION_1 = '020100';

/**
 * A certificate request (PKCS #10, RFC 2986) for CN=<id>, signed by the key that it names: DER in base64url. The key is
 * PKCS #8 or a WebCrypto key, which may be non-extractable.
 */
export async function createCsr(input: {
  readonly id: string;
  readonly publicKey: string;
  readonly privateKey: SigningKey['privateKey'] | WebCryptoKey;
}): Promise<string> {
  const x509 = await loadX509();
  const { privateKey } = input;
  const signing =
    privateKey instanceof Uint8Array
      ? await crypto.subtle.importKey('pkcs8', privateKey, ALGORITHM, false, ['sign'])
      : privateKey;
  const point = fromBase64url(input.publicKey);
  const publicKey = await crypto.subtle.importKey('raw', point, ALGORITHM, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([{ CN: [{ utf8String: input.id }] }]),
    keys: { privateKey: signing, publicKey },
    signingAlgorithm: ALGORITHM,
  });
  return toBase64url(new Uint8Array(request.rawData));
}

/** The id and key of a request whose signature proves possession of the key; anything else throws `bad-certificate`. */
export function parseCsr(csr: string): ParsedCsr {
  if (csr.length > Math.ceil((CERTIFICATE_BYTES_MAX * 4) / 3)) throw refusal('a request of bounded size');
  const [info, algorithm, signatureBits, ...rest] = childrenOf(requireTag(parseDer(fromBase64url(csr)), DER.sequence));
  const [version, subject, spki] = childrenOf(requireTag(info, DER.sequence));
  if (rest.length > 0 || hexOf(requireTag(version, DER.integer).raw) !== VERSION_1) throw refusal('PKCS #10 version 1');
  const [name, ...otherNames] = readName(subject);
  if (name?.oid !== OID.commonName || otherNames.length > 0) throw refusal('a subject of one common name');
  const publicKey = readPublicKey(spki);
  const signature = readSignature(algorithm, signatureBits);
  const signed = findVerifier(publicKey)?.(requireTag(info, DER.sequence).raw, signature) ?? false;
  if (!signed) throw refusal('the signature of the key in the request');
  return { id: name.value, publicKey };
}

function refusal(expected: string): CryptoError {
  return new CryptoError('bad-certificate', `expected ${expected}`);
}
