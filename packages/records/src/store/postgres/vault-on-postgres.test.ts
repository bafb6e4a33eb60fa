import { type PostgresServer, scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { usePostgres } from '../../../test/test-store.ts';

/** The suites of the vault as they run on SQLite, unchanged, each test on a database of its own. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 });

let server: PostgresServer;
beforeAll(async () => {
  server = await usePostgres();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('commit and read', async () => {
  await import('../../vault.test.ts');
});

describe('crash and reconcile', async () => {
  await import('../../crash.test.ts');
});

describe('search', async () => {
  await import('../../search/search-engine.test.ts');
});

describe('FHIR repository', async () => {
  await import('../../conformance.test.ts');
});

/** These cost minutes. */
const LONG: [name: string, load: () => Promise<unknown>][] = [
  ['exchange', () => import('../../exchange/exchange.test.ts')],
  ['deliveries', () => import('../../exchange/deliveries.test.ts')],
  ['keys', () => import('../../data-keys.test.ts')],
  ['searches compared with an independent evaluation', () => import('../../search/search-table.test.ts')],
];

describe.each(LONG.slice(0, scaled(0, LONG.length)))('%s', async (_name, load) => {
  await load();
});
