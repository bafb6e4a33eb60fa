import { canonicalBytes, type Json, type SealedEnvelope, sealHpke } from '@salus/crypto';
import { grantEntry } from './content.ts';
import type { ListedKey } from './key-envelopes.ts';
import type { PatientWallet } from './patient-wallet.ts';

export const PLACES_VERSION = 'salus:places:v1';

/** Where somebody was treated: no content, only what lies there. */
export interface Place {
  readonly organisation: string;
  readonly pid: string;
  readonly categories: readonly string[];
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** The list that goes with a grant of kind `locate`, sealed to the grantee's organisation: the author's node cannot open it. */
export async function sealPlaces(
  { content }: PatientWallet,
  grant: string,
  recipient: ListedKey,
  places: readonly Place[],
): Promise<SealedEnvelope> {
  const { terms } = grantEntry(content, grant);
  const list = { version: PLACES_VERSION, network: content.network, pid: terms.pid, grant, places };
  return sealHpke({
    publicKey: recipient.publicKey,
    info: [PLACES_VERSION, content.network, terms.pid, grant, recipient.kid],
    plaintext: canonicalBytes(list as unknown as Json),
  });
}
