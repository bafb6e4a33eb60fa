import { type PostgresServer, scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { usePostgres } from '../../../test/test-store.ts';

/** The suites of the vault as they run on SQLite, unchanged, each test on a database of its own. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const isFull = scaled(0, 1) === 1;
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

// The rest costs minutes.
if (isFull) {
  describe('exchange', async () => {
    await import('../../exchange/exchange.test.ts');
  });

  describe('deliveries', async () => {
    await import('../../exchange/deliveries.test.ts');
  });

  describe('keys', async () => {
    await import('../../data-keys.test.ts');
  });

  describe('searches compared with an independent evaluation', async () => {
    await import('../../search/search-table.test.ts');
  });
}
