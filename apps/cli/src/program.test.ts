import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveWalletFile } from '@salus/wallet/node';
import { describe, expect, it } from 'vitest';
import { openDesk } from './acceptance/desk.ts';
import { EXIT } from './exit-codes.ts';

const PASSPHRASE = 'correct horse battery';

describe('salus', () => {
  it('tells every command with an example, its options and the exit codes', async () => {
    using desk = openDesk();
    let commands = 0;
    const visit = async (path: readonly string[]): Promise<void> => {
      const { exit, stdout } = await desk.salus(...path, '--help');
      expect(exit, path.join(' ')).toBe(EXIT.ok);
      const children = childrenIn(stdout);
      for (const child of children) await visit([...path, child]);
      if (children.length > 0) return;
      commands += 1;
      expect(stdout, path.join(' ')).toMatch(/Example:\n {2}\$ salus [\s\S]*Exit codes: 0 done/);
      expect(stdout, path.join(' ')).toContain('--json');
    };
    await visit([]);
    expect(commands).toBeGreaterThan(6);
  });

  it('refuses an unknown command and a missing argument as wrong usage, as JSON when asked', async () => {
    using desk = openDesk();
    const unknown = await desk.salus('bogus');
    expect(unknown).toMatchObject({ exit: EXIT.usage, stdout: '' });
    expect(unknown.stderr).toContain('--help');
    const missing = await desk.salus('ledger', 'state', '--json');
    expect(missing.exit).toBe(EXIT.usage);
    expect(missing.json()).toMatchObject({ error: { code: 'bad-usage' } });
  });

  it('names the known wallets when none or an absent one is named', async () => {
    using desk = openDesk();
    const none = await desk.salus('ledger', 'checkpoint');
    expect(none).toMatchObject({ exit: EXIT.usage });
    expect(none.stderr).toMatch(/wallet-not-named[\s\S]*--as WALLET/);
    await saveStaff(desk.configDirectory, 'ann');
    await saveStaff(desk.configDirectory, 'bob');
    const absent = await desk.salus('ledger', 'checkpoint', '--as', 'eve');
    expect(absent.stderr).toContain('Known wallets: ann, bob.');
  });

  it('never takes a passphrase from a file that others may read', async () => {
    using desk = openDesk();
    await saveStaff(desk.configDirectory, 'ann');
    const file = join(desk.home, 'passphrase');
    writeFileSync(file, `${PASSPHRASE}\n`, { mode: 0o600 });
    chmodSync(file, 0o640);
    const { exit, stderr } = await desk.salus('ledger', 'checkpoint', '--as', 'ann', '--passphrase-file', file);
    expect(exit).toBe(EXIT.denied);
    expect(stderr).toContain(`chmod 600 ${file}`);
    expect(stderr).not.toContain(PASSPHRASE);
  });

  it('says that a passphrase is wrong and prints no stack', async () => {
    using desk = openDesk();
    await saveStaff(desk.configDirectory, 'ann');
    const file = join(desk.home, 'passphrase');
    writeFileSync(file, 'another passphrase\n', { mode: 0o600 });
    const { exit, stderr, json } = await desk.salus('ledger', 'checkpoint', '--json', '--passphrase-file', file);
    expect(exit).toBe(EXIT.denied);
    expect(json()).toMatchObject({ error: { code: 'wrong-passphrase' } });
    expect(stderr).not.toMatch(/ at .*\.ts|another passphrase/);
  });

  it('asks nothing where there is no terminal: a script never hangs', async () => {
    using desk = openDesk();
    await saveStaff(desk.configDirectory, 'ann');
    const { exit, stderr } = await desk.salus('ledger', 'checkpoint', '--as', 'ann');
    expect(exit).toBe(EXIT.usage);
    expect(stderr).toMatch(/no-terminal[\s\S]*--passphrase-file/);
  });

  it('shows no escape sequence that somebody else wrote', async () => {
    using desk = openDesk({
      fetch: (async () =>
        new Response(JSON.stringify({ code: 'denied', detail: 'no\u001b[2Jyes' }), { status: 403 })) as typeof fetch,
    });
    await saveStaff(desk.configDirectory, 'ann');
    const secret = join(desk.home, 'secret');
    writeFileSync(secret, `${PASSPHRASE}\n`, { mode: 0o600 });
    const { exit, stderr } = await desk.salus(
      ...['ledger', 'checkpoint', '--passphrase-file', secret, '--password-file', secret],
    );
    expect(exit).toBe(EXIT.denied);
    expect(stderr).not.toContain('\u001b');
    expect(stderr).toContain('yes');
  });
});

async function saveStaff(configDirectory: string, name: string): Promise<void> {
  await saveWalletFile(join(configDirectory, 'wallets', `${name}.wallet`), PASSPHRASE, {
    kind: 'staff',
    network: 'AAAAAAAAAAAAAAAAAAAAAA',
    organisation: 'hospital-a',
    id: 'BBBBBBBBBBBBBBBBBBBBBA',
    roles: ['clinician'],
    privateKey: new Uint8Array(138),
    chain: ['AAAA'],
    demonstration: false,
  });
}

/** Names of the commands that a help text lists. */
function childrenIn(help: string): readonly string[] {
  const [, listed = ''] = help.split('\nCommands:\n');
  return [...listed.matchAll(/^ {2}([a-z]+(?:-[a-z]+)*)\b/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
}
