import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKeySync, newNonce, signerFromPkcs8 } from '@salus/crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEmbeddedLedger } from '../embedded/open.ts';
import { openLedgerState } from './ledger-state.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-state-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('reads the state of a ledger file without its key, and refuses what is no ledger', async () => {
  const file = join(directory, 'ledger.sqlite');
  const network = newNonce();
  const signer = signerFromPkcs8(generateSigningKeySync().privateKey);
  const options = { file, network, signer, clock: () => 1_795_251_600_000, checkpointSigners: () => [] };
  const ledger = await createEmbeddedLedger({ ...options, checkpointFile: join(directory, 'checkpoint') });
  await ledger[Symbol.asyncDispose]();
  using state = openLedgerState(file);
  expect(state.network).toBe(network);
  expect(await state.get('membership/network')).toBeUndefined();
  expect(await state.range('a', 'z', 10)).toEqual([]);
  expect(() => openLedgerState(join(directory, 'missing'))).toThrow(expect.objectContaining({ code: 'not-a-ledger' }));
});
