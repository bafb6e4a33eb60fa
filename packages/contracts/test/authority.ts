import { fromBase64url, fromUtf8, hashTuple, toBase64url, utf8, verifyEs256 } from '@salus/crypto';
import type { CertificateFacts, MemberKind } from '../src/context.ts';
import { sign, type TestKey, testKey } from './keys.ts';

export type Subject = {
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly publicKey: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

export type Authority = {
  readonly organisation: string;
  readonly certificate: string;
  /** A chain, leaf first, for any subject: a hostile authority certifies what it likes. */
  issue(subject: Subject): Promise<readonly string[]>;
};

export async function createAuthority(organisation: string, label: string, fromMs: number): Promise<Authority> {
  const key = testKey(`authority ${label}`);
  const certificate = encode(key, { ca: true, organisation, publicKey: key.publicKey, fromMs });
  return {
    organisation,
    certificate,
    issue: async (subject) => [encode(key, { ca: false, ...subject, fromMs })],
  };
}

function encode(key: TestKey, body: object): string {
  const text = JSON.stringify(body);
  return toBase64url(utf8(JSON.stringify({ text, signature: sign(key, text) })));
}

export async function verifyCertificate({
  chain,
  roots,
  atMs,
}: {
  chain: readonly string[];
  roots: readonly string[];
  atMs: number;
}): Promise<CertificateFacts | undefined> {
  for (const root of roots) {
    try {
      const ca = JSON.parse(JSON.parse(fromUtf8(fromBase64url(root))).text);
      const leaf = JSON.parse(fromUtf8(fromBase64url(chain[0]!)));
      if (!ca.ca || !verifyEs256(ca.publicKey, utf8(leaf.text), fromBase64url(leaf.signature))) continue;
      const body = JSON.parse(leaf.text);
      if (atMs < body.notBeforeMs || atMs > body.notAfterMs || body.ca) continue;
      return {
        id: body.id,
        organisation: body.organisation,
        kind: body.kind,
        roles: body.roles,
        publicKey: body.publicKey,
        serial: hashTuple('serial', chain[0]!),
        notBeforeMs: body.notBeforeMs,
        notAfterMs: body.notAfterMs,
        issuer: ca.organisation,
      };
    } catch {}
  }
  return undefined;
}
