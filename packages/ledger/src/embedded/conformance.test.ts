import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashTuple } from '@salus/crypto';
import { expect } from 'vitest';
import { newId, newKey } from '../conformance/consortium.ts';
import { describeLedger, type StartedLedger } from '../conformance.ts';
import { verifyLedger } from '../verify/verify.ts';
import { createEmbeddedLedger, openEmbeddedLedger } from './open.ts';

describeLedger({
  name: 'the embedded engine',
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'salus-conformance-'));
    const options = {
      file: join(folder, 'ledger.db'),
      checkpointFile: join(folder, 'outside', 'checkpoint'),
      checkpointSigners: () => [],
      signer: newKey(),
      clock: Date.now,
    };
    const started = (ledger: StartedLedger['ledger']): StartedLedger => ({
      ledger,
      nowMs: Date.now,
      hashOf: ({ header }) => hashTuple('block', header as never),
      restart: async () => {
        await ledger[Symbol.asyncDispose]();
        return started(await openEmbeddedLedger(options));
      },
      end: async () => {
        await ledger[Symbol.asyncDispose]();
        // Whatever the suite did must stand the strictest check.
        const report = await verifyLedger(options.file, { reexecute: true, checkpointFile: options.checkpointFile });
        expect(report.findings).toEqual([]);
        expect(report.reexecuted).toBe(report.transactions);
        rmSync(folder, { recursive: true });
      },
    });
    return started(await createEmbeddedLedger({ ...options, network: newId() }));
  },
});
