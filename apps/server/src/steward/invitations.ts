import { identityKey } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import { fromBase64url, hashTuple, isPublicKey, issueCertificate, utf8, verifyEs256 } from '@salus/crypto';
import { KeyedLocks } from '@salus/records';
import { demandAccountName, demandFree, demandPassword, openAccount } from '../accounts.ts';
import { CLOCK_SLACK_MS, newId, STAFF_CERTIFICATE_DAYS } from '../founding.ts';
import type { HostedOrganisation } from '../organisation.ts';
import { hashPassword } from '../passwords.ts';
import { ServerError } from '../server-error.ts';

/** How long a colleague may take to use the code; the administrator's confirmation may come as late. */
export const INVITATION_MS = 3 * 86_400_000;
/** Open invitations of one organisation. */
export const INVITATIONS_MAX = 100;

const KIND = 'invitation';
const locks = new KeyedLocks();
const DAY_MS = 86_400_000;

/** What the organisation keeps of an invitation. The code itself is known to the administrator and the colleague only. */
export interface Invitation {
  /** hashTuple('invitation', network, organisation, code), which names the invitation. */
  readonly ref: string;
  readonly account: string;
  readonly roles: readonly string[];
  readonly expiresMs: number;
  /** The administrator who invited. */
  readonly by: string;
  /** What the colleague's device sent with the code. */
  readonly claim: { readonly publicKey: string; readonly passwordHash: string; readonly atMs: number } | null;
  /** What the authority issued once the administrator had confirmed the key. */
  readonly certified: { readonly id: string; readonly chain: readonly string[] } | null;
}

export interface Claim {
  readonly code: string;
  readonly publicKey: string;
  /** By that key over `claimStatement`. */
  readonly signature: string;
  readonly password: string;
}

export interface InvitationPlace {
  readonly organisation: HostedOrganisation;
  readonly network: string;
  readonly nowMs: number;
}

export function refOf(network: string, organisation: string, code: string): string {
  return hashTuple('invitation', network, organisation, code);
}

/** What the colleague's new key signs: that it is the one that came with this code. */
export function claimStatement(network: string, organisation: string, ref: string, publicKey: string): string {
  return hashTuple('invitation-claim', network, organisation, ref, publicKey);
}

/** Those that are not over; what is over is deleted on the way. */
export async function listInvitations({ organisation, nowMs }: InvitationPlace): Promise<readonly Invitation[]> {
  const { documents } = organisation.vault;
  const all = (await documents.list(KIND)).map(({ value }) => value as unknown as Invitation);
  for (const { ref } of all.filter(({ expiresMs }) => expiresMs <= nowMs)) await documents.delete(KIND, ref);
  return all.filter(({ expiresMs }) => expiresMs > nowMs).sort((left, right) => left.expiresMs - right.expiresMs);
}

/** @throws ServerError `conflict` where account or code are taken, `overloaded` beyond `INVITATIONS_MAX`, `bad-request` */
export async function invite(
  place: InvitationPlace,
  given: Pick<Invitation, 'ref' | 'account' | 'roles' | 'by'>,
): Promise<Invitation> {
  const { organisation, nowMs } = place;
  demandAccountName(given.account);
  return locked(place, async () => {
    await demandFree(organisation.accounts, given.account);
    const open = await listInvitations(place);
    if (open.some(({ ref, account }) => ref === given.ref || account === given.account)) {
      throw new ServerError('conflict', 'There is an open invitation for this account.');
    }
    if (open.length >= INVITATIONS_MAX) {
      throw new ServerError('overloaded', `At most ${INVITATIONS_MAX} invitations are open at once: withdraw some.`);
    }
    const invitation: Invitation = { ...given, expiresMs: nowMs + INVITATION_MS, claim: null, certified: null };
    await put(place, invitation);
    return invitation;
  });
}

/**
 * The colleague's device shows the code and its new public key. The same key again is the same claim; another key is
 * refused: whoever came first is the one whom the administrator confirms or sends away.
 *
 * @throws ServerError `not-found` for no such code, `conflict`, `bad-request`
 */
export async function claimInvitation(place: InvitationPlace, claim: Claim): Promise<Invitation> {
  const { organisation, network, nowMs } = place;
  const { publicKey, signature, password } = claim;
  const ref = refOf(network, organisation.slug, claim.code);
  const first = await readInvitation(place, ref);
  const statement = utf8(claimStatement(network, organisation.slug, ref, publicKey));
  const signed =
    isPublicKey(publicKey) && /[AQgw]$/.test(signature) && verifyEs256(publicKey, statement, fromBase64url(signature));
  if (!signed) throw new ServerError('bad-request', 'The claim is not signed by the key that it names.');
  demandPassword(password);
  if (first.claim?.publicKey === publicKey) return first;
  const passwordHash = first.claim === null ? await hashPassword(password) : '';
  return locked(place, async () => {
    // Hashing takes a while: another device may have been faster.
    const invitation = await readInvitation(place, ref);
    if (invitation.claim !== null) {
      throw new ServerError(
        'conflict',
        'Another device has used this code. If it was not yours, tell the administrator.',
      );
    }
    const claimed: Invitation = { ...invitation, claim: { publicKey, passwordHash, atMs: nowMs } };
    await put(place, claimed);
    return claimed;
  });
}

/**
 * The administrator has compared the key with the colleague's screen: the authority certifies it. Asked again, the first
 * answer comes again, so that an enrolment that was cut off can go on.
 *
 * @throws ServerError `not-found`, `conflict` where the key is not the one that was compared
 */
export function certifyInvitation(
  place: InvitationPlace,
  confirmed: { readonly ref: string; readonly publicKey: string },
): Promise<{ readonly id: string; readonly chain: readonly string[] }> {
  return locked(place, () => certify(place, confirmed));
}

async function certify(
  place: InvitationPlace,
  { ref, publicKey }: { readonly ref: string; readonly publicKey: string },
): Promise<{ readonly id: string; readonly chain: readonly string[] }> {
  const { organisation, nowMs } = place;
  const invitation = await readInvitation(place, ref);
  if (invitation.claim?.publicKey !== publicKey) {
    throw new ServerError('conflict', 'The colleague’s device showed another key than the one that was confirmed.');
  }
  if (invitation.certified !== null) return invitation.certified;
  const id = newId();
  const certificate = await issueCertificate({
    ...{ id, publicKey, kind: 'staff', roles: invitation.roles, organisation: organisation.slug },
    ca: await organisation.openAuthority(),
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: nowMs + STAFF_CERTIFICATE_DAYS * DAY_MS,
  });
  await openAccount(organisation.accounts, {
    ...{ id, nowMs, name: invitation.account, passwordHash: invitation.claim.passwordHash },
  });
  const certified = { id, chain: [certificate] };
  await put(place, { ...invitation, certified });
  return certified;
}

/** @throws ServerError `not-found` for an unknown one and for one that is over */
export async function readInvitation({ organisation, nowMs }: InvitationPlace, ref: string): Promise<Invitation> {
  const invitation = (await organisation.vault.documents.find(KIND, ref)) as unknown as Invitation | undefined;
  if (invitation === undefined || invitation.expiresMs <= nowMs) {
    throw new ServerError('not-found', 'There is no such invitation, or it is over.');
  }
  return invitation;
}

/**
 * What the code opened ends with it: an account that nobody could log in to yet goes, and its name is free again. That there is
 * no such invitation is as good.
 *
 * @throws ServerError `conflict` once the colleague is enrolled: only membership.revoke ends that
 */
export function withdrawInvitation(place: InvitationPlace, ref: string): Promise<void> {
  const { documents, ledger } = place.organisation.vault;
  return locked(place, async () => {
    const invitation = (await documents.find(KIND, ref)) as unknown as Invitation | undefined;
    const certified = invitation?.certified ?? null;
    if (invitation !== undefined && certified !== null) {
      if ((await ledger.get(identityKey(certified.id))) !== undefined) {
        throw new ServerError('conflict', 'The colleague is enrolled: revoke the membership instead.');
      }
      const opened = await place.organisation.accounts.find(invitation.account);
      if (opened?.id === certified.id) await place.organisation.accounts.remove(invitation.account);
    }
    await documents.delete(KIND, ref);
  });
}

/** One change of an organisation's invitations at a time. */
async function locked<T>({ organisation }: InvitationPlace, act: () => Promise<T>): Promise<T> {
  const release = await locks.acquire([organisation.slug]);
  try {
    return await act();
  } finally {
    release();
  }
}

async function put({ organisation }: InvitationPlace, invitation: Invitation): Promise<void> {
  await organisation.vault.documents.put(KIND, invitation.ref, invitation as unknown as Json);
}
