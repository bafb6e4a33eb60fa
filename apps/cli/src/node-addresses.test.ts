import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDesk } from './acceptance/desk.ts';
import { EXIT } from './exit-codes.ts';
import { readNodeAddresses } from './node-addresses.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-nodes-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(text: string): string {
  const file = join(directory, 'nodes.json');
  writeFileSync(file, text);
  return file;
}

describe('the list of nodes', () => {
  it('is empty where there is none', () => {
    expect(readNodeAddresses(join(directory, 'absent.json'))).toEqual({ urls: new Map(), configDirectories: [] });
  });

  it('says where each organisation’s node is, and where the wallets of one on this machine are', () => {
    const file = write(
      '{"hospital-a": "http://127.0.0.1:1", "hospital-b": {"url": "https://b.example", "config": "b"}}',
    );
    const { urls, configDirectories } = readNodeAddresses(file);
    expect([...urls]).toEqual([
      ['hospital-a', 'http://127.0.0.1:1'],
      ['hospital-b', 'https://b.example'],
    ]);
    expect(configDirectories).toEqual([join(directory, 'b')]);
  });

  it.each([
    '[]x',
    '{"Hospital": "http://a"}',
    '{"hospital-a": 7}',
    '{"hospital-a": {"url": "u", "config": 1}}',
    '{"a-b": {}}',
  ])('is refused when it is %s', (text) => {
    const file = write(text);
    expect(() => readNodeAddresses(file)).toThrow(expect.objectContaining({ code: 'bad-file' }));
  });
});

describe('a command', () => {
  it('finds a demonstration’s wallet at a node of this machine, and asks the organisation’s own node', async () => {
    const wallets = join(directory, 'b', 'demonstration');
    mkdirSync(wallets, { recursive: true });
    writeFileSync(join(wallets, 'b.novak.wallet'), 'no wallet', { mode: 0o600 });
    writeFileSync(
      join(wallets, 'credentials.json'),
      '{"staff":[{"wallet":"b.novak.wallet","passphrase":"p","account":"b"}]}',
    );
    const file = write('{"hospital-b": {"url": "http://127.0.0.1:9", "config": "b"}}');
    using desk = openDesk({ environment: { SALUS_NODES: file } });
    const shown = await desk.salus('staff', 'show', '--as', 'b.novak', '--json');
    // It was found and opened without a question: what it holds is no wallet.
    expect(shown.json<{ error: { code: string } }>().error.code).toBe('bad-wallet');
    const unreachable = await desk.salus('staff', 'new', '--as', 'me', '--json');
    expect(unreachable.exit).toBe(EXIT.unreachable);
    expect(unreachable.stderr).toContain('http://127.0.0.1:9');
    const absent = await desk.salus('staff', 'show', '--as', 'nobody');
    expect(absent.stderr).toContain('b.novak');
  });
});
