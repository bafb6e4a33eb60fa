import type { Terms } from '@salus/contracts';
import { canonicalBytes, type Json, type SealedEnvelope, sealHpke } from '@salus/crypto';
import { actingEntry, grantEntry } from './content.ts';
import type { ListedKey } from './key-envelopes.ts';
import type { PatientWallet } from './patient-wallet.ts';

/** What lets the grantee name the grant; sealed to the grantee's organisation. */
export interface GrantToken {
  readonly version: 'salus:grant-token:v1';
  readonly network: string;
  readonly authorOrganisation: string;
  readonly pid: string;
  readonly grant: string;
  readonly terms: Terms;
  readonly salt: string;
}

/** The token of a grant, sealed to one key of the grantee's organisation. */
export async function sealToken(
  wallet: PatientWallet,
  id: string,
  recipient: ListedKey,
): Promise<{ readonly recipientKid: string; readonly envelope: SealedEnvelope }> {
  const { terms, salt } = grantEntry(wallet.content, id);
  const token: GrantToken = {
    version: 'salus:grant-token:v1',
    network: wallet.content.network,
    authorOrganisation: actingEntry(wallet.content, terms.pid).organisation,
    pid: terms.pid,
    grant: id,
    terms,
    salt,
  };
  const envelope = await sealHpke({
    publicKey: recipient.publicKey,
    info: ['salus:grant-token:v1', wallet.content.network, recipient.kid],
    plaintext: canonicalBytes(token as unknown as Json),
  });
  return { recipientKid: recipient.kid, envelope };
}
