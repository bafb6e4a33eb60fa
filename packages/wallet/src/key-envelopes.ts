import type { Terms } from '@salus/contracts';
import { hashTuple, type Json, kidOf, openHpke, type SealedEnvelope, sealHpke } from '@salus/crypto';
import type { GrantChoice } from './grant-terms.ts';
import type { PatientWallet } from './patient-wallet.ts';
import { WalletError } from './wallet-error.ts';

/** One E as the author's node keeps it for this device. */
export interface KeyEnvelope {
  readonly keyId: string;
  readonly owner: string;
  readonly epoch: number;
  readonly category: string;
  readonly labelClass: string;
  readonly envelope: SealedEnvelope;
}

/** An E sealed to one of the grantee's keys, for the author's node to keep with the grant. */
export interface Seal {
  readonly keyId: string;
  readonly recipientKid: string;
  readonly envelope: SealedEnvelope;
}

/** An HPKE key that the ledger lists for an organisation or one of its clients (`membership/roots/<org>`). */
export interface ListedKey {
  readonly kid: string;
  readonly publicKey: string;
}

/** Which envelopes a choice opens: what the patient is shown before granting. */
export function opened(
  choice: Pick<GrantChoice, 'categories' | 'labelClasses'>,
  envelopes: readonly KeyEnvelope[],
): readonly KeyEnvelope[] {
  return envelopes.filter(
    ({ category, labelClass }) => choice.categories.includes(category) && choice.labelClasses.includes(labelClass),
  );
}

/** What the grant call says of a seal, so that the node cannot swap it. */
export function sealDigest(envelope: SealedEnvelope): string {
  return hashTuple('seal', envelope as unknown as Json);
}

/** The E's of the granted pairs, sealed to each of the grantee's listed keys. */
export async function sealKeys(
  wallet: PatientWallet,
  terms: Terms,
  envelopes: readonly KeyEnvelope[],
  recipients: readonly ListedKey[],
): Promise<readonly Seal[]> {
  if (recipients.length === 0) throw new WalletError('recipient-unlisted', 'The ledger lists no key for this grantee.');
  const seals: Seal[] = [];
  for (const envelope of opened(terms, envelopes)) {
    const plaintext = await openEnvelope(wallet, envelope);
    for (const { kid, publicKey } of recipients) {
      if (kidOf(publicKey) !== kid)
        throw new WalletError('recipient-unlisted', 'A listed key does not fit its key id.');
      const info = envelopeInfo(wallet.content.network, envelope, kid, terms.grant);
      seals.push({
        keyId: envelope.keyId,
        recipientKid: kid,
        envelope: await sealHpke({ publicKey, info, plaintext }),
      });
    }
  }
  return seals;
}

/** One E, opened with this device's own key. @throws WalletError `seal-refused` where it is sealed to something else */
export async function openEnvelope(wallet: PatientWallet, sealed: KeyEnvelope): Promise<Uint8Array> {
  const pid = sealed.owner.replace(/^pid:/, '');
  const key = await wallet.keys.hpkeKey(pid);
  try {
    const info = envelopeInfo(wallet.content.network, sealed, kidOf(key.publicKey), null);
    return await openHpke({ privateKey: key.privateKey, publicKey: key.publicKey, info, envelope: sealed.envelope });
  } catch (cause) {
    throw new WalletError('seal-refused', 'The node gave a key that is not sealed to this device.', { cause });
  }
}

function envelopeInfo(
  network: string,
  { owner, keyId, epoch }: KeyEnvelope,
  recipientKid: string,
  grantId: string | null,
): Json[] {
  return ['salus:E:v1', network, owner, keyId, epoch, recipientKid, grantId];
}
