import { type AuthenticityFacts, findAuthenticityQr, hashTuple, verifyAuthenticity } from '@salus/crypto';

/** The members' authorities, as a node listed them at `atMs`; kept on the device, so that a certificate verifies offline. */
export interface KnownAuthorities {
  readonly network: string;
  readonly atMs: number;
  readonly members: readonly {
    readonly organisation: string;
    readonly status: 'active' | 'removed';
    readonly authorities: readonly {
      readonly certificate: string;
      readonly fromMs: number;
      readonly untilMs: number | null;
    }[];
  }[];
}

/** What the ledger says of a fingerprint; `status` is null where no administrator signed the certificate. */
export interface Standing {
  readonly status: 'valid' | 'revoked' | null;
  readonly organisation: string | null;
  readonly sinceMs: number | null;
  readonly member: boolean;
}

export type Verdict =
  /** The text is no certificate of authenticity. */
  | { readonly kind: 'unreadable' }
  /** No member's authority signed it, or it is over, or its organisation left. */
  | { readonly kind: 'forged' }
  /** Signed by a member's authority; what the ledger says of it today could not be asked. */
  | { readonly kind: 'signed'; readonly facts: AuthenticityFacts; readonly asOfMs: number }
  | { readonly kind: 'valid' | 'unlisted' | 'revoked' | 'left'; readonly facts: AuthenticityFacts };

/** The certificate of a scanned or pasted text: the text of its QR code, or the certificate alone. */
export function certificateIn(text: string): string | undefined {
  const compact = text.replaceAll(/\s/g, '');
  return findAuthenticityQr(compact) ?? (/^MI[A-Za-z0-9_-]{100,8190}$/.test(compact) ? compact : undefined);
}

export function fingerprintOf(certificate: string): string {
  return hashTuple('authenticity', certificate);
}

/**
 * What a certificate is worth. The signature is checked here, by authorities that were read before; `standing` is the
 * ledger's word on it, undefined without a connection.
 */
export function judge(
  text: string,
  known: KnownAuthorities,
  { nowMs, standing }: { readonly nowMs: number; readonly standing: Standing | undefined },
): Verdict {
  const certificate = certificateIn(text);
  if (certificate === undefined) return { kind: 'unreadable' };
  const facts = signedFacts(certificate, known, nowMs);
  if (facts === undefined) return { kind: 'forged' };
  if (standing === undefined) return { kind: 'signed', facts, asOfMs: known.atMs };
  if (standing.status === null || standing.organisation !== facts.organisation) return { kind: 'unlisted', facts };
  if (standing.status === 'revoked') return { kind: 'revoked', facts };
  return { kind: standing.member ? 'valid' : 'left', facts };
}

/** The facts where a live authority of the very organisation that the certificate names has signed it. */
function signedFacts(certificate: string, { members }: KnownAuthorities, nowMs: number): AuthenticityFacts | undefined {
  for (const { organisation, status, authorities } of members) {
    if (status !== 'active') continue;
    const live = authorities.filter(({ fromMs, untilMs }) => fromMs <= nowMs && (untilMs === null || nowMs < untilMs));
    const roots = live.map((authority) => authority.certificate);
    const facts = roots.length === 0 ? undefined : verifyAuthenticity({ certificate, roots, atMs: nowMs });
    if (facts?.organisation === organisation) return facts;
  }
  return undefined;
}
