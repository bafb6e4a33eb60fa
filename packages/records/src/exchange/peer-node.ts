import { loadMembers } from '@salus/contracts';
import { verifyCertificate } from '@salus/crypto';
import type { LedgerView } from '../ledger-view.ts';
import { findNodeKey } from './peer-request.ts';

/** Who stands at the other end of a mutually authenticated connection. */
export interface PeerNode {
  readonly organisation: string;
  /** Certified id of the node. */
  readonly node: string;
}

/**
 * The node that a certificate (DER, base64url) proves at `atMs`, by the verified ledger alone: it leads to a live
 * authority of an active organisation that it names, is of kind node, and its key is the one enrolled for its id, not
 * revoked. Undefined for anything else; whether the other end holds the key is what TLS proves.
 */
export async function findPeerNode(
  ledger: LedgerView,
  certificate: string,
  atMs: number,
): Promise<PeerNode | undefined> {
  const members = await loadMembers((key) => ledger.get(key));
  for (const organisation of members.active) {
    const roots = members.authorities(organisation, atMs).map((fact) => fact.certificate);
    const facts = roots.length === 0 ? undefined : await verifyCertificate({ chain: [certificate], roots, atMs });
    // An authority may certify for its own organisation only, whatever name it writes.
    if (facts?.organisation !== organisation || facts.kind !== 'node') continue;
    const enrolled = await findNodeKey(ledger, organisation, facts.id, atMs);
    if (enrolled === facts.publicKey) return { organisation, node: facts.id };
  }
  return undefined;
}
