import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureMasterKeys, readMasterKeys } from './master-keys.ts';

let base: string;
let file: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'salus-keys-'));
  file = join(base, 'config', 'master-keys.json');
});
afterEach(() => rmSync(base, { recursive: true }));

describe('master keys', () => {
  it('are drawn once for each name, 32 bytes, in a file that only its owner may read', () => {
    const first = ensureMasterKeys(file, ['hospital-a', 'ledger']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect([...first.values()].map((key) => key.length)).toEqual([32, 32]);
    expect(first.get('hospital-a')).not.toEqual(first.get('ledger'));
    const more = ensureMasterKeys(file, ['hospital-a', 'pharmacy']);
    expect(more.get('hospital-a')).toEqual(first.get('hospital-a'));
    expect(readMasterKeys(file, ['hospital-a', 'ledger', 'pharmacy']).size).toBe(3);
  });

  it('are refused when the file or a name is missing, others may read it, or it is damaged', () => {
    expect(() => readMasterKeys(file, [])).toThrow(/There is no file of master keys/);
    ensureMasterKeys(file, ['hospital-a']);
    expect(() => readMasterKeys(file, ['hospital-b'])).toThrow(/holds no master key for hospital-b/);
    chmodSync(file, 0o640);
    expect(() => readMasterKeys(file, ['hospital-a'])).toThrow(/chmod 600/);
    chmodSync(file, 0o600);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, -20));
    // The parser's own message would quote a key.
    expect(() => readMasterKeys(file, ['hospital-a'])).toThrow(/is not a file of master keys of version/);
    writeFileSync(file, text.replace(/"hospital-a": ".{4}/, '"hospital-a": "'));
    expect(() => readMasterKeys(file, ['hospital-a'])).toThrow(/is not a file of master keys/);
  });
});
