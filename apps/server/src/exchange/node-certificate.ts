import { type IdentityFact, identityKey, type Json } from '@salus/contracts';
import { hashTuple, toPem } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { ServerError } from '../server-error.ts';

/** By what a node proves on a connection who it is: PEM, the certificate first and then its issuers. */
export interface TlsIdentity {
  readonly key: string;
  readonly certificate: string;
}

/** Versions of an identity that are looked through: its enrolment and renewals. */
const VERSIONS_MAX = 100;

/**
 * The identity of an enrolled node: its key, and its certificate as it stands in the call that enrolled or renewed it,
 * so that nothing has to be kept beside the ledger.
 *
 * @throws ServerError `conflict` where the ledger holds no live certificate of this id
 */
export async function readTlsIdentity(
  ledger: Ledger,
  { id, privateKey }: { readonly id: string; readonly privateKey: Uint8Array },
): Promise<TlsIdentity> {
  const chain = await findChain(ledger, id);
  if (chain === undefined) {
    throw new ServerError('conflict', 'The ledger lists no live certificate of this organisation’s node.');
  }
  return {
    key: toPem('PRIVATE KEY', Buffer.from(privateKey).toString('base64url')),
    certificate: chain.map((certificate) => toPem('CERTIFICATE', certificate)).join(''),
  };
}

async function findChain(ledger: Ledger, id: string): Promise<readonly string[] | undefined> {
  const fact = (await ledger.get(identityKey(id))) as IdentityFact | undefined;
  if (fact?.status !== 'active') return undefined;
  for (const { callId } of await ledger.history(identityKey(id), { limit: VERSIONS_MAX })) {
    const view = await ledger.transaction(callId);
    const { certificates, certificate } = (view?.call.payload.args ?? {}) as { readonly [name: string]: Json };
    for (const enrolment of Array.isArray(certificates) ? certificates : [certificate ?? null]) {
      const { chain = [] } = (enrolment ?? {}) as { readonly chain?: readonly string[] };
      if (chain[0] !== undefined && hashTuple('certificate', chain[0]) === fact.certificateHash) return chain;
    }
  }
  return undefined;
}
