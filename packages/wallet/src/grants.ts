import type { Terms } from '@salus/contracts';
import { type Json, randomBytes, toBase64url } from '@salus/crypto';
import { type Occasion, type PreparedCall, prepareCall } from './calls.ts';
import { actingEntry, grantEntry, withGrant, withRevoked } from './content.ts';
import { commitmentOf, type GrantChoice, termsOf } from './grant-terms.ts';
import { type KeyEnvelope, type ListedKey, type Seal, sealDigest, sealKeys } from './key-envelopes.ts';
import { deviceSigner, type PatientWallet, type WalletChange } from './patient-wallet.ts';

export interface PreparedGrant extends WalletChange {
  readonly terms: Terms;
  readonly salt: string;
  readonly seals: readonly Seal[];
}

/**
 * Makes a grant: terms, their commitment, and the E's of the granted pairs sealed to the grantee's listed keys. The
 * work grows with the number of (category, label class, epoch) cells, not of records.
 *
 * @throws WalletError `seal-refused` where an E does not open with this device's key, `recipient-unlisted` without a key
 */
export async function grant(
  wallet: PatientWallet,
  occasion: Occasion,
  {
    choice,
    envelopes,
    recipients,
  }: {
    readonly choice: GrantChoice;
    readonly envelopes: readonly KeyEnvelope[];
    readonly recipients: readonly ListedKey[];
  },
): Promise<PreparedGrant> {
  const id = toBase64url(randomBytes(16));
  const salt = toBase64url(randomBytes(32));
  const terms = termsOf(wallet.content.network, id, choice);
  const seals = isAtHome(wallet, terms) ? [] : await sealKeys(wallet, terms, envelopes, recipients);
  const { signer, key } = await deviceSigner(wallet, choice.pid);
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'consent',
      transaction: 'grant',
      args: { grant: id, kind: terms.kind, commitment: commitmentOf(terms, salt), cardKey: null },
      signer,
      privateValues: {
        terms: terms as unknown as Json,
        salt,
        seals: seals.map(({ keyId, recipientKid, envelope }) => ({
          keyId,
          recipientKid,
          digest: sealDigest(envelope),
        })),
      },
    },
    key,
  );
  const content = withGrant(wallet.content, { terms, salt, madeMs: occasion.nowMs, revokedMs: null });
  return { ...prepared, wallet: { ...wallet, content }, terms, salt, seals };
}

/**
 * Replaces a grant's terms by narrower ones; the epoch rises, so that the grantee's keys open nothing written later that
 * the new terms exclude. The ledger refuses terms that allow anything the old ones did not.
 */
export async function narrow(
  wallet: PatientWallet,
  occasion: Occasion,
  {
    grant: id,
    change,
  }: {
    readonly grant: string;
    readonly change: Partial<Omit<Terms, 'version' | 'network' | 'pid' | 'grant' | 'kind' | 'grantee' | 'parent'>>;
  },
): Promise<WalletChange> {
  const { terms: previous, salt: previousSalt, revokedMs } = grantEntry(wallet.content, id);
  const next: Terms = { ...previous, ...change };
  const salt = toBase64url(randomBytes(32));
  const { pid } = previous;
  const { signer, key } = await deviceSigner(wallet, pid);
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'consent',
      transaction: 'narrow',
      args: { pid, grant: id, commitment: commitmentOf(next, salt), request: null },
      signer,
      privateValues: {
        previous: { terms: previous as unknown as Json, salt: previousSalt },
        next: { terms: next as unknown as Json, salt },
        holder: null,
      },
    },
    key,
  );
  const content = withGrant(wallet.content, { terms: next, salt, madeMs: occasion.nowMs, revokedMs });
  return { ...prepared, wallet: { ...wallet, content } };
}

/** Ends a grant. The call has no number and never lapses: it wins whenever it arrives. */
export async function revoke(
  wallet: PatientWallet,
  occasion: Occasion,
  { pid, grant: id }: { readonly pid: string; readonly grant: string },
): Promise<WalletChange> {
  const { signer, key } = await deviceSigner(wallet, pid);
  const prepared = await prepareCall(
    occasion,
    { contract: 'consent', transaction: 'revoke', args: { grant: id }, signer, timeless: true },
    key,
  );
  return { ...prepared, wallet: { ...wallet, content: withRevoked(wallet.content, id, occasion.nowMs) } };
}

/** Says on the ledger how a request was answered; what was granted, and where, is told to the requester alone. */
export async function answer(
  wallet: PatientWallet,
  occasion: Occasion,
  {
    pid,
    request,
    answer: word,
  }: { readonly pid: string; readonly request: string; readonly answer: 'granted' | 'partly' | 'declined' },
): Promise<PreparedCall> {
  const { signer, key } = await deviceSigner(wallet, pid);
  return prepareCall(
    occasion,
    { contract: 'consent', transaction: 'answer', args: { request, answer: word }, signer },
    key,
  );
}

/** An app of the organisation that keeps the records: its node holds the keys already, and decides for each record. */
function isAtHome({ content }: PatientWallet, { pid, grantee }: Terms): boolean {
  return grantee.kind === 'client' && grantee.organisation === actingEntry(content, pid).organisation;
}
