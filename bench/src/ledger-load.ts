import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignedCall } from '@salus/contracts';
import { randomBytes, toBase64url } from '@salus/crypto';
import { createEmbeddedLedger, type EmbeddedLedger, openEmbeddedLedger } from '@salus/ledger';
import { type Consortium, createConsortium, newId, newKey, newPatient } from '@salus/ledger/consortium';

/** Patients that the load writes to in turn. */
const PATIENTS = 200;
/** Callers that each wait for an answer before they send the next call. */
const CALLERS = 1_024;
const HOUR_MS = 3_600_000;

/** A founded ledger on disk, and calls for it: `record.commit` of one batch by a client of the hospital. */
export type LedgerLoad = AsyncDisposable & {
  readonly file: string;
  readonly checkpointFile: string;
  readonly consortium: Consortium;
  ledger(): EmbeddedLedger;
  /** Signs calls beforehand. */
  sign(count: number): Promise<readonly SignedCall[]>;
  /** Closes the ledger and opens it again, with empty caches. */
  reopen(): Promise<void>;
  /** Closes the ledger; its file stays until the end. */
  close(): Promise<void>;
  /** Keeps a copy of the ledger as it is now, opens it anew, and gives what opens the copy. */
  keep(name: string): Promise<() => Promise<EmbeddedLedger>>;
};

export async function openLedgerLoad(): Promise<LedgerLoad> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-bench-ledger-'));
  const network = newId();
  const consortium = await createConsortium({ network, nowMs: Date.now });
  const witness = { organisation: consortium.organisation, id: consortium.node.id, signer: consortium.node.key };
  const options = {
    file: join(folder, 'ledger.db'),
    checkpointFile: join(folder, 'outside', 'checkpoint'),
    checkpointSigners: () => [witness],
    signer: newKey(),
    clock: Date.now,
  };
  let ledger = await createEmbeddedLedger({ ...options, network });
  for (const { call } of await consortium.founding()) await commit(ledger, call);
  const keys = await registerPatients(ledger, consortium);
  let next = 0;
  const close = (): Promise<void> => ledger[Symbol.asyncDispose]();
  return {
    file: options.file,
    checkpointFile: options.checkpointFile,
    consortium,
    ledger: () => ledger,
    sign: async (count) => {
      const calls: SignedCall[] = [];
      while (calls.length < count) {
        const { owner, keyId } = keys[next++ % keys.length]!;
        const batches = [{ owner, keyId, count: 3, root: toBase64url(randomBytes(32)) }];
        const args = { batches, keys: [], tables: [], registrations: [] };
        const notAfter = Date.now() + HOUR_MS;
        calls.push((await consortium.sign({ transaction: 'record.commit', args, by: consortium.feed, notAfter })).call);
      }
      return calls;
    },
    reopen: async () => {
      await close();
      ledger = await openEmbeddedLedger(options);
    },
    close,
    keep: async (name) => {
      await close();
      const copy = { ...options, file: join(folder, `${name}.db`), checkpointFile: join(folder, 'outside', name) };
      copyFileSync(options.file, copy.file);
      copyFileSync(options.checkpointFile, copy.checkpointFile);
      ledger = await openEmbeddedLedger(options);
      return () => openEmbeddedLedger(copy);
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Submits all calls from many callers at once; calls per second. `onId` sees the id of each. */
export async function submitAll(
  ledger: EmbeddedLedger,
  calls: readonly SignedCall[],
  onId: (callId: string, at: number) => void = () => {},
): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls.length) {
      const at = next++;
      onId(await commit(ledger, calls[at]!), at);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (calls.length * 1_000) / (performance.now() - start);
}

async function commit(ledger: EmbeddedLedger, call: SignedCall): Promise<string> {
  const result = await ledger.submit(call);
  if (result.kind === 'refused')
    throw new Error(`a call of the load was refused: ${result.code} ${result.detail ?? ''}`);
  return result.callId;
}

async function registerPatients(
  ledger: EmbeddedLedger,
  consortium: Consortium,
): Promise<readonly { readonly owner: string; readonly keyId: string }[]> {
  const keys = Array.from({ length: PATIENTS }, () => ({ patient: newPatient(), keyId: newId() }));
  for (const { patient, keyId } of keys) {
    const owner = `pid:${patient.pid}`;
    const args = {
      batches: [],
      keys: [{ keyId, owner, epoch: 1 }],
      tables: [{ owner, epoch: 1, root: toBase64url(randomBytes(32)), size: 40, version: 1 }],
      registrations: [
        { pid: patient.pid, claimKey: patient.claimBy.key.publicKey, claimNotAfterMs: Date.now() + HOUR_MS },
      ],
    };
    await commit(ledger, (await consortium.sign({ transaction: 'record.commit', args, by: consortium.feed })).call);
  }
  return keys.map(({ patient, keyId }) => ({ owner: `pid:${patient.pid}`, keyId }));
}
