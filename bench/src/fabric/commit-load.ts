import type { SignedCall } from '@salus/contracts';
import { randomBytes, toBase64url } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { type Consortium, createConsortium, newId, newPatient } from '@salus/ledger/consortium';

/** Patients that the load writes to in turn; more than calls are under way, so that none waits for another of its patient. */
const PATIENTS = 2_400;
const PATIENTS_PER_CALL = 100;
const HOUR_MS = 3_600_000;
/** A bundle of one patient as an import makes it: categories, and records of each. */
export const IMPORT_BATCHES = 10;
const IMPORT_RECORDS = 20;
export const RECORDS_PER_IMPORT = IMPORT_BATCHES * IMPORT_RECORDS;

/** Calls of a founded network: `record.commit` by a client of the hospital. */
export type CommitLoad = {
  /** One batch for one patient. */
  next(): SignedCall;
  /** Signs so many beforehand; signing is not measured. */
  prepare(count: number): Promise<void>;
  /** A new patient with all that an import commits in one call. */
  importCall(): Promise<{ readonly call: SignedCall; readonly records: number }>;
};

/** Founds the network and registers the patients. */
export async function createCommitLoad(ledger: Ledger): Promise<CommitLoad> {
  const consortium = await createConsortium({ network: ledger.network, nowMs: Date.now });
  for (const { call } of await consortium.founding()) await commitCall(ledger, call);
  const keys = await registerPatients(ledger, consortium);
  const ready: SignedCall[] = [];
  let at = 0;
  return {
    next: () => {
      const call = ready.pop();
      if (call === undefined) throw new Error('more calls were prepared than this');
      return call;
    },
    prepare: async (count) => {
      while (ready.length < count) {
        const { owner, keyId } = keys[at++ % keys.length]!;
        ready.push(await signCommit(consortium, { batches: [{ owner, keyId, count: 3, root: newHash() }] }));
      }
    },
    importCall: () => signImport(consortium),
  };
}

export async function commitCall(ledger: Ledger, call: SignedCall): Promise<number> {
  const result = await ledger.submit(call);
  if (result.kind === 'refused') throw new Error(`a call of the load was refused: ${result.code}`);
  return result.block;
}

async function registerPatients(ledger: Ledger, consortium: Consortium) {
  const all = Array.from({ length: PATIENTS }, () => newOwner());
  for (let from = 0; from < PATIENTS; from += PATIENTS_PER_CALL) {
    const some = all.slice(from, from + PATIENTS_PER_CALL);
    await commitCall(
      ledger,
      await signCommit(consortium, {
        keys: some.map(({ owner, keyId }) => ({ keyId, owner, epoch: 1 })),
        tables: some.map(({ owner }) => tableOf(owner)),
        registrations: some.map(({ registration }) => registration),
      }),
    );
  }
  return all.map(({ owner, keyId }) => ({ owner, keyId }));
}

async function signImport(consortium: Consortium) {
  const { owner, registration } = newOwner();
  const keyIds = Array.from({ length: IMPORT_BATCHES }, newId);
  const call = await signCommit(consortium, {
    batches: keyIds.map((keyId) => ({ owner, keyId, count: IMPORT_RECORDS, root: newHash() })),
    keys: keyIds.map((keyId) => ({ keyId, owner, epoch: 1 })),
    tables: [tableOf(owner)],
    registrations: [registration],
  });
  return { call, records: RECORDS_PER_IMPORT };
}

type Items = Partial<Record<'batches' | 'keys' | 'tables' | 'registrations', readonly object[]>>;

async function signCommit(consortium: Consortium, items: Items): Promise<SignedCall> {
  const args = { batches: [], keys: [], tables: [], registrations: [], ...items } as never;
  const notAfter = Date.now() + HOUR_MS;
  return (await consortium.sign({ transaction: 'record.commit', args, by: consortium.feed, notAfter })).call;
}

function newOwner() {
  const { pid, claimBy } = newPatient();
  const registration = { pid, claimKey: claimBy.key.publicKey, claimNotAfterMs: Date.now() + HOUR_MS };
  return { owner: `pid:${pid}`, keyId: newId(), registration };
}

function tableOf(owner: string) {
  return { owner, epoch: 1, root: newHash(), size: 40, version: 1 };
}

function newHash(): string {
  return toBase64url(randomBytes(32));
}
