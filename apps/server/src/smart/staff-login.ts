import { createHash } from 'node:crypto';
import { type Account, authenticate } from '../accounts.ts';
import type { Gate } from '../gate.ts';
import type { AttemptLimit } from '../http/attempt-limit.ts';
import { readLiveIdentity } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';

/** A member of staff who has just proved a password; roles as the ledger has them. */
export interface VerifiedStaff {
  readonly kind: 'member';
  readonly id: string;
  readonly organisation: string;
  readonly roles: readonly string[];
  readonly account: string;
  /** Of the password that was proved: who changes it ends what was let in by it. */
  readonly passwordMark: string;
}

/** @throws ServerError `wrong-credentials`, `too-many-requests`, `overloaded`, `not-permitted` */
export async function verifyStaff(
  { slug, accounts, vault }: HostedOrganisation,
  {
    account: name,
    password,
    gate,
    attempts,
  }: { readonly account: string; readonly password: string; readonly gate: Gate; readonly attempts: AttemptLimit },
): Promise<VerifiedStaff> {
  const key = `${slug}/${name}`;
  attempts.count(key);
  const account = await gate.run(() => authenticate(accounts, name, password));
  attempts.clear(key);
  const { id } = account;
  const { roles } = await readLiveIdentity(vault.ledger, { id, organisation: slug, nowMs: vault.clock() });
  const who = { kind: 'member', id, organisation: slug, roles } as const;
  const nothing = { pid: null, purpose: null, grant: null, session: null, records: [], request: null };
  await vault.audit.append({ kind: 'login', atMs: vault.clock(), who, outcome: 'ok', ...nothing });
  return { ...who, account: account.name, passwordMark: passwordMark(account) };
}

/** Equal for equal passwords of one account, and tells nothing of them: a hash of the salted hash. */
export function passwordMark({ passwordHash }: Pick<Account, 'passwordHash'>): string {
  return createHash('sha256').update(passwordHash).digest('base64url');
}
