import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Credentials,
  credentialsFile,
  findEarlierDemonstration,
  readCredentials,
  setAside,
  writeCredentials,
} from './credentials.ts';

let config: string;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), 'salus-credentials-'));
});
afterEach(() => rmSync(config, { recursive: true }));

const CREDENTIALS: Credentials = { demonstration: true, network: 'AAAAAAAAAAAAAAAAAAAAAA', staff: [], patients: [] };

describe('credentials of a demonstration', () => {
  it('are read back from a file that only its owner may read', () => {
    writeCredentials(config, CREDENTIALS);
    expect(statSync(credentialsFile(config)).mode & 0o777).toBe(0o600);
    expect(readCredentials(config)).toMatchObject(CREDENTIALS);
    expect(findEarlierDemonstration(config)).toBe(CREDENTIALS.network);
  });

  it('are refused when there are none, others may read them, or they are not marked', () => {
    expect(findEarlierDemonstration(config)).toBeUndefined();
    expect(() => readCredentials(config)).toThrow(/There is no demonstration/);
    writeCredentials(config, CREDENTIALS);
    chmodSync(credentialsFile(config), 0o644);
    expect(() => readCredentials(config)).toThrow(/chmod 600/);
    chmodSync(credentialsFile(config), 0o600);
    const text = readFileSync(credentialsFile(config), 'utf8');
    writeFileSync(credentialsFile(config), text.replace('"demonstration": true', '"demonstration": false'));
    expect(() => readCredentials(config)).toThrow(/is not of version/);
  });

  it('are put aside for another demonstration, never overwritten', () => {
    setAside(config);
    expect(readdirSync(config)).toEqual([]);
    writeCredentials(config, CREDENTIALS);
    setAside(config, CREDENTIALS.network);
    expect(existsSync(credentialsFile(config))).toBe(false);
    expect(existsSync(join(config, `demonstration-${CREDENTIALS.network}`, 'credentials.json'))).toBe(true);
    // As an interrupted founding leaves it: wallets without the file that names them.
    mkdirSync(join(config, 'demonstration'));
    setAside(config);
    expect(readdirSync(config).sort()).toEqual([`demonstration-${CREDENTIALS.network}`, 'demonstration-unfinished']);
  });
});
