import { type Json, type SealedEnvelope, sealHpke } from '@salus/crypto';
import type { OpenedKey, Recipient } from './vault-types.ts';

/** HPKE `info` of a sealed E (DESIGN §5): opening demands the same owner, key, epoch, recipient and grant. */
export function keyInfo(
  network: string,
  key: Pick<OpenedKey, 'owner' | 'keyId' | 'epoch'>,
  recipientKid: string,
  grant: string | null,
): readonly Json[] {
  return ['salus:E:v1', network, key.owner, key.keyId, key.epoch, recipientKid, grant];
}

export function sealKey(network: string, key: OpenedKey, recipient: Recipient): Promise<SealedEnvelope> {
  const info = keyInfo(network, key, recipient.kid, recipient.grant);
  return sealHpke({ publicKey: recipient.publicKey, info, plaintext: key.E });
}
