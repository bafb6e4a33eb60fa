import type { Grantee, GrantKind, Purpose, Terms } from '@salus/contracts';
import {
  canonicalBytes,
  generateSigningKey,
  hashTuple,
  type Json,
  kidOf,
  openHpke,
  randomBytes,
  type SealedEnvelope,
  sealHpke,
  toBase64url,
} from '@salus/crypto';
import { type Occasion, type PreparedCall, prepareCall } from './calls.ts';
import { actingEntry, grantEntry, withGrant, withRevoked } from './content.ts';
import { deviceSigner, type PatientWallet, type WalletChange } from './patient-wallet.ts';
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

/** What the patient decides; everything left out stays closed. */
export interface GrantChoice {
  readonly pid: string;
  readonly kind?: Exclude<GrantKind, 'card'>;
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  readonly labelClasses: readonly string[];
  readonly purposes: readonly Purpose[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly resourceTypes?: readonly string[];
  readonly records?: readonly string[];
  readonly dataFromMs?: number;
  readonly dataToMs?: number;
  readonly exceptActors?: readonly string[];
  readonly mayKeep?: boolean;
  readonly maxUses?: number;
  readonly delegationDepth?: number;
}

export interface PreparedGrant extends WalletChange {
  readonly terms: Terms;
  readonly salt: string;
  readonly seals: readonly Seal[];
}

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
  const { terms: previous, salt: previousSalt, ...rest } = grantEntry(wallet.content, id);
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
  return { ...prepared, wallet: { ...wallet, content: withGrant(wallet.content, { ...rest, terms: next, salt }) } };
}

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

/** Which envelopes a choice opens: what the patient is shown before granting. */
export function opened(
  choice: Pick<GrantChoice, 'categories' | 'labelClasses'>,
  envelopes: readonly KeyEnvelope[],
): readonly KeyEnvelope[] {
  return envelopes.filter(
    ({ category, labelClass }) => choice.categories.includes(category) && choice.labelClasses.includes(labelClass),
  );
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

/** What the grant call says of a seal, so that the node cannot swap it. */
export function sealDigest(envelope: SealedEnvelope): string {
  return hashTuple('seal', envelope as unknown as Json);
}

/** An app of the organisation that keeps the records: its node holds the keys already, and decides for each record. */
function isAtHome({ content }: PatientWallet, { pid, grantee }: Terms): boolean {
  return grantee.kind === 'client' && grantee.organisation === actingEntry(content, pid).organisation;
}

function commitmentOf(terms: Terms, salt: string): string {
  return hashTuple('grant', salt, terms as unknown as Json);
}

function termsOf(
  network: string,
  id: string,
  choice: Omit<GrantChoice, 'kind'> & { readonly kind?: GrantKind },
): Terms {
  return {
    version: 'salus:terms:v1',
    network,
    pid: choice.pid,
    grant: id,
    kind: choice.kind ?? 'access',
    grantee: choice.grantee,
    categories: choice.categories,
    labelClasses: choice.labelClasses,
    resourceTypes: choice.resourceTypes ?? null,
    records: choice.records ?? null,
    dataFromMs: choice.dataFromMs ?? null,
    dataToMs: choice.dataToMs ?? null,
    purposes: choice.purposes,
    exceptActors: choice.exceptActors ?? [],
    mayKeep: choice.mayKeep ?? false,
    notBeforeMs: choice.notBeforeMs,
    notAfterMs: choice.notAfterMs,
    maxUses: choice.maxUses ?? null,
    delegationDepth: choice.delegationDepth ?? 0,
    parent: null,
  };
}

async function sealKeys(
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
