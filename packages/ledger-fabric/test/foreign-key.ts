import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '@salus/crypto';

/** Kinds of keys that no machine of a network has, and a member's own authority may certify nevertheless. */
export type ForeignKeyKind = 'ed25519' | 'rsa' | 'secp384r1' | 'broken';

/** The same certificate (DER) over another kind of key, signed by its authority again. */
export function withForeignKey(certificate: Buffer, ca: CertificateAuthority, kind: ForeignKeyKind): Buffer {
  const [tbs, algorithm] = elements(content(certificate));
  const known = new X509Certificate(certificate).publicKey.export({ format: 'der', type: 'spki' });
  const inner = content(tbs!);
  const at = inner.indexOf(known);
  const changed = sequence(inner.subarray(0, at), keyOf(kind, known), inner.subarray(at + known.length));
  const authority = createPrivateKey({ key: Buffer.from(ca.privateKey), format: 'der', type: 'pkcs8' });
  const signature = sign('sha256', changed, authority);
  return sequence(changed, algorithm!, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
}

function keyOf(kind: ForeignKeyKind, known: Buffer): Buffer {
  switch (kind) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' });
    case 'secp384r1':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' });
    case 'broken':
      // A point that is not on the curve.
      return Buffer.concat([known.subarray(0, -64), Buffer.alloc(64, 5)]);
  }
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, body: Buffer): Buffer {
  const hex = body.length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const length = body.length < 0x80 ? bytes : Buffer.concat([Buffer.of(0x80 + bytes.length), bytes]);
  return Buffer.concat([Buffer.of(tag), length, body]);
}

/** Where the content of the element at the start begins, and its length. */
function measure(der: Buffer): { readonly start: number; readonly length: number } {
  const first = der[1]!;
  if (first < 0x80) return { start: 2, length: first };
  const bytes = first - 0x80;
  return { start: 2 + bytes, length: der.readUIntBE(2, bytes) };
}

function content(der: Buffer): Buffer {
  const { start, length } = measure(der);
  return der.subarray(start, start + length);
}

function elements(der: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let rest = der; rest.length > 0; ) {
    const { start, length } = measure(rest);
    found.push(rest.subarray(0, start + length));
    rest = rest.subarray(start + length);
  }
  return found;
}
