import { hashPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, verifyNothing, verifyPassword } from './passwords.ts';
import { ServerError } from './server-error.ts';

const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{1,63}$/;

/** How a member of staff opens a session; it signs nothing. `passkeys` holds WebAuthn credentials once registered. */
export interface Account {
  readonly name: string;
  /** The opaque id that the ledger knows the person by. */
  readonly id: string;
  readonly passwordHash: string;
  readonly passkeys: readonly Passkey[];
  readonly createdMs: number;
  readonly disabledMs: number | null;
}

export interface Passkey {
  readonly credentialId: string;
  readonly publicKey: string;
  readonly counter: number;
}

export interface PasswordChange {
  readonly current: string;
  readonly next: string;
}

/** Where accounts are kept: sealed, in the organisation's own store. */
export interface AccountStore {
  find(name: string): Promise<Account | undefined>;
  put(account: Account): Promise<void>;
  /** Only of somebody who was never enrolled; else it is disabled. */
  remove(name: string): Promise<void>;
  list(): Promise<readonly Account[]>;
}

/** @throws ServerError `conflict` where the name is taken, `bad-request` for a name or password that does not do. */
export async function createAccount(
  store: AccountStore,
  {
    name,
    id,
    password,
    nowMs,
  }: { readonly name: string; readonly id: string; readonly password: string; readonly nowMs: number },
): Promise<void> {
  demandAccountName(name);
  demandPassword(password);
  await demandFree(store, name);
  await openAccount(store, { name, id, passwordHash: await hashPassword(password), nowMs });
}

/** As `createAccount`, where the person has chosen a password before. */
export async function openAccount(
  store: AccountStore,
  {
    name,
    id,
    passwordHash,
    nowMs,
  }: { readonly name: string; readonly id: string; readonly passwordHash: string; readonly nowMs: number },
): Promise<void> {
  await demandFree(store, name);
  await store.put({ name, id, passwordHash, passkeys: [], createdMs: nowMs, disabledMs: null });
}

/** @throws ServerError `conflict` */
export async function demandFree(store: AccountStore, name: string): Promise<void> {
  if ((await store.find(name)) !== undefined) throw new ServerError('conflict', 'There is an account of this name.');
}

/** @throws ServerError `bad-request` */
export function demandAccountName(name: string): void {
  if (ACCOUNT_NAME.test(name)) return;
  throw new ServerError(
    'bad-request',
    'An account name has 2 to 64 lower-case letters, digits, dots, dashes or underscores.',
  );
}

/** @throws ServerError `wrong-credentials` as for a log-in, `bad-request` for a new password that does not do. */
export async function changePassword(store: AccountStore, name: string, change: PasswordChange): Promise<void> {
  const account = await authenticate(store, name, change.current);
  demandPassword(change.next);
  const passwordHash = await hashPassword(change.next);
  // Hashing takes a while: what was closed or changed in it stays so.
  const now = await store.find(name);
  if (now?.disabledMs !== null || now.passwordHash !== account.passwordHash) {
    throw new ServerError('wrong-credentials', 'The account or the password is wrong.');
  }
  await store.put({ ...now, passwordHash });
}

/**
 * @returns the account whose password this is.
 * @throws ServerError `wrong-credentials`, the same and after the same time for an unknown name, a wrong password and a
 *   disabled account.
 */
export async function authenticate(store: AccountStore, name: string, password: string): Promise<Account> {
  const account = ACCOUNT_NAME.test(name) ? await store.find(name) : undefined;
  const right =
    account === undefined ? await verifyNothing(password) : await verifyPassword(password, account.passwordHash);
  if (account === undefined || !right || account.disabledMs !== null) {
    throw new ServerError('wrong-credentials', 'The account or the password is wrong.');
  }
  return account;
}

/** @throws ServerError `bad-request` */
export function demandPassword(password: string): void {
  if (password.length < PASSWORD_LENGTH_MIN || password.length > PASSWORD_LENGTH_MAX) {
    throw new ServerError('bad-request', `A password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters.`);
  }
}
