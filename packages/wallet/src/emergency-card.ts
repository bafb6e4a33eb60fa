import type { Grantee, Terms } from '@salus/contracts';
import { generateSigningKey, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { type Occasion, prepareCall } from './calls.ts';
import { actingEntry, withGrant } from './content.ts';
import { commitmentOf, type GrantChoice, termsOf } from './grant-terms.ts';
import { deviceSigner, type PatientWallet, type WalletChange } from './patient-wallet.ts';

/** What an emergency card carries in its QR code; whoever holds it can break the glass from another organisation. */
export interface EmergencyCard {
  readonly version: 'salus:card:v1';
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  readonly grant: string;
  readonly terms: Terms;
  readonly salt: string;
  /** PKCS #8 of the card's own key, base64url. */
  readonly privateKey: string;
}

/** Makes an emergency card for one pid; it is revoked like any grant. */
export async function makeCard(
  wallet: PatientWallet,
  occasion: Occasion,
  choice: Pick<GrantChoice, 'pid' | 'categories' | 'labelClasses' | 'notBeforeMs' | 'notAfterMs'>,
): Promise<WalletChange & { readonly card: EmergencyCard }> {
  const id = toBase64url(randomBytes(16));
  const salt = toBase64url(randomBytes(32));
  const cardKey = await generateSigningKey();
  const grantee: Grantee = { kind: 'card', key: cardKey.publicKey };
  const terms = termsOf(wallet.content.network, id, { ...choice, kind: 'card', grantee, purposes: ['ETREAT', 'BTG'] });
  const { signer, key } = await deviceSigner(wallet, choice.pid);
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'consent',
      transaction: 'grant',
      args: { grant: id, kind: 'card', commitment: commitmentOf(terms, salt), cardKey: cardKey.publicKey },
      signer,
      privateValues: { terms: terms as unknown as Json, salt, seals: [] },
    },
    key,
  );
  const card: EmergencyCard = {
    version: 'salus:card:v1',
    network: wallet.content.network,
    organisation: actingEntry(wallet.content, choice.pid).organisation,
    pid: choice.pid,
    grant: id,
    terms,
    salt,
    privateKey: toBase64url(cardKey.privateKey),
  };
  const content = withGrant(wallet.content, { terms, salt, madeMs: occasion.nowMs, revokedMs: null });
  return { ...prepared, wallet: { ...wallet, content }, card };
}
