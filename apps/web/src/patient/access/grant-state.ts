import type { HeldGrant } from '@salus/client';

/** As the ledger has it; a grant whose time is over has ended although nobody told the ledger yet. */
export function stateOf({ fact, terms }: HeldGrant, nowMs: number): 'active' | 'revoked' | 'expired' | 'other' {
  switch (fact.status) {
    case 'active':
      return terms !== null && terms.notAfterMs < nowMs ? 'expired' : 'active';
    case 'revoked':
    case 'expired':
      return fact.status;
    default:
      return 'other';
  }
}
