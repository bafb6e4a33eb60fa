import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSettings, SETTING_NAMES } from './settings.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'salus-settings-'));
});
afterEach(() => rmSync(base, { recursive: true }));

describe('settings', () => {
  it('need none: a demonstration on loopback, data here, keys and checkpoints under the configuration directory', () => {
    const settings = readSettings({ XDG_CONFIG_HOME: join(base, 'config') }, base);
    expect(settings).toMatchObject({
      dataDirectory: join(base, 'data'),
      configDirectory: join(base, 'config', 'salus'),
      masterKeyFile: join(base, 'config', 'salus', 'master-keys.json'),
      checkpointFile: join(base, 'config', 'salus', 'checkpoint.jsonl'),
      host: '127.0.0.1',
      port: 8470,
      publicUrl: 'http://127.0.0.1:8470',
      demonstration: true,
      tls: null,
    });
  });

  it('name a database by a URL of which no message says a word, and objects by a file outside the data', () => {
    const url = 'postgresql://salus:very-secret@127.0.0.1/salus';
    expect(readSettings({ SALUS_DATABASE_URL: url }, base).databaseUrl).toBe(url);
    for (const wrong of ['mysql://salus:very-secret@127.0.0.1/salus', `${url}?sslmode=disable`]) {
      expect(() => readSettings({ SALUS_DATABASE_URL: wrong }, base)).toThrow(/^SALUS_DATABASE_URL: (?!.*very-secret)/);
    }
    mkdirSync(join(base, 'data'));
    const file = join(base, 'data', 'objects.json');
    writeFileSync(file, '{}');
    expect(() => readSettings({ SALUS_OBJECTS: file }, base)).toThrow('SALUS_OBJECTS');
  });

  it('come from a file too, which the environment overrides', () => {
    writeFileSync(join(base, 'salus.json'), JSON.stringify({ SALUS_PORT: 9000, SALUS_DEMO: '0' }));
    const settings = readSettings({ SALUS_CONFIG: 'salus.json', SALUS_PORT: '9001' }, base);
    expect(settings).toMatchObject({ port: 9001, demonstration: false });
  });

  it.each([
    [{ SALUS_PORT: 'eighty' }, /SALUS_PORT is not a port number/],
    [{ SALUS_PORT: '70000' }, /SALUS_PORT is not a port number/],
    [{ SALUS_HOST: '0.0.0.0' }, /SALUS_HOST is not loopback/],
    [{ SALUS_TLS_CERT: 'a.pem' }, /given together or not at all/],
    [{ SALUS_LEDGER: 'connection.json' }, /SALUS_LEDGER names .*connection.json, which does not exist/],
    [{ SALUS_LEDGER: '.', SALUS_FOUND: 'hospital-a' }, /SALUS_FOUND is for the embedded ledger/],
    [{ SALUS_EXCHANGE_PORT: 'many' }, /SALUS_EXCHANGE_PORT is not a port number/],
    [{ SALUS_EXCHANGE_PEERS: 'peers.json' }, /SALUS_EXCHANGE_PEERS names .*which does not exist/],
    [{ SALUS_TLS_CERT: 'a.pem', SALUS_TLS_KEY: 'b.pem' }, /does not exist/],
    [{ SALUS_FOUND: 'Hospital A' }, /SALUS_FOUND is a list of different names/],
    [{ SALUS_FOUND: 'hospital-a,hospital-a' }, /SALUS_FOUND is a list of different names/],
    [{ SALUS_DEMO: 'yes' }, /SALUS_DEMO is 0 or 1/],
    [{ SALUS_LOG_LEVEL: 'loud' }, /SALUS_LOG_LEVEL is one of/],
    [{ SALUS_PUBLIC_URL: 'here' }, /SALUS_PUBLIC_URL is not a URL/],
    [{ SALUS_CONFIG: 'nowhere.json' }, /does not exist/],
    [{ SALUS_MASTER_KEY_FILE: 'data/keys.json' }, /lies inside SALUS_DATA/],
    [{ SALUS_CHECKPOINT_FILE: 'data' }, /lies inside SALUS_DATA/],
  ] as const)('refuse %o', (environment, message) => {
    expect(() => readSettings({ ...environment }, base)).toThrow(message);
  });

  it('refuse a file that is no object or has a name that nobody reads', () => {
    writeFileSync(join(base, 'salus.json'), '[]');
    expect(() => readSettings({ SALUS_CONFIG: 'salus.json' }, base)).toThrow(/not a JSON object/);
    writeFileSync(join(base, 'salus.json'), '{"SALUS_PROT":1}');
    expect(() => readSettings({ SALUS_CONFIG: 'salus.json' }, base)).toThrow(/SALUS_PROT is not a setting/);
  });

  it('see through a link that leads keys into the data directory', () => {
    mkdirSync(join(base, 'data'));
    symlinkSync(join(base, 'data'), join(base, 'elsewhere'));
    expect(() => readSettings({ SALUS_MASTER_KEY_FILE: 'elsewhere/keys.json' }, base)).toThrow(
      /lies inside SALUS_DATA/,
    );
  });

  it('stand in the README, each of them', () => {
    const readme = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');
    expect(SETTING_NAMES.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
    expect(SETTING_NAMES.length).toBeGreaterThan(10);
  });
});
