import { describe, expect, it } from 'vitest';
import { type Account, type AccountStore, authenticate, changePassword, createAccount } from './accounts.ts';

function memoryStore(): AccountStore & { readonly accounts: Map<string, Account> } {
  const accounts = new Map<string, Account>();
  return {
    accounts,
    find: async (name) => accounts.get(name),
    put: async (account) => void accounts.set(account.name, account),
    remove: async (name) => void accounts.delete(name),
    list: async () => [...accounts.values()],
  };
}

const NEW = { name: 'a.rossi', id: 'x', password: 'correct horse battery', nowMs: 7 };

describe('accounts', () => {
  it('keep an Argon2id hash and open for the password alone', async () => {
    const store = memoryStore();
    await createAccount(store, NEW);
    expect(store.accounts.get('a.rossi')?.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(JSON.stringify(store.accounts.get('a.rossi'))).not.toContain('horse');
    expect(await authenticate(store, 'a.rossi', NEW.password)).toMatchObject({
      name: 'a.rossi',
      id: 'x',
      passkeys: [],
    });
  });

  it('refuse a wrong password, an unknown name and a disabled account with the same words', async () => {
    const store = memoryStore();
    await createAccount(store, NEW);
    const words = async (name: string, password: string) =>
      authenticate(store, name, password).then(
        () => 'open',
        (error: unknown) => (error as Error).message,
      );
    const wrong = await words('a.rossi', 'correct horse batterz');
    expect(wrong).toBe('The account or the password is wrong.');
    expect(await words('nobody', NEW.password)).toBe(wrong);
    expect(await words('../a.rossi', NEW.password)).toBe(wrong);
    await store.put({ ...store.accounts.get('a.rossi')!, disabledMs: 8 });
    expect(await words('a.rossi', NEW.password)).toBe(wrong);
  });

  it('stay closed when they are closed while their password is changed', async () => {
    const store = memoryStore();
    await createAccount(store, NEW);
    const changed = changePassword(store, 'a.rossi', { current: NEW.password, next: 'another battery staple' });
    await store.put({ ...store.accounts.get('a.rossi')!, disabledMs: 8 });
    // The first look had found the account open.
    await expect(changed).rejects.toMatchObject({ code: 'wrong-credentials' });
    expect(store.accounts.get('a.rossi')).toMatchObject({ disabledMs: 8 });
  });

  it('refuse a name that is taken or malformed, and a password that is short or endless', async () => {
    const store = memoryStore();
    await createAccount(store, NEW);
    await expect(createAccount(store, NEW)).rejects.toThrow(/There is an account of this name/);
    await expect(createAccount(store, { ...NEW, name: 'A Rossi' })).rejects.toThrow(/An account name has/);
    await expect(createAccount(store, { ...NEW, name: 'b', password: 'short' })).rejects.toThrow(/An account name has/);
    await expect(createAccount(store, { ...NEW, name: 'bb', password: 'short' })).rejects.toThrow(/A password has 12/);
    await expect(createAccount(store, { ...NEW, name: 'bb', password: 'x'.repeat(300) })).rejects.toThrow(
      /A password has 12/,
    );
  });
});
