import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@salus/contracts';
import { hashTuple, type SyncSigner, toBase64url, utf8 } from '@salus/crypto';
import { type CheckpointSigner, createEmbeddedLedger, type EmbeddedLedger } from '@salus/ledger';
import { type Consortium, createConsortium, newId, newKey, type PreparedCall } from '@salus/ledger/consortium';
import { diceOf } from './dice.ts';
import { createRandomCalls } from './random-calls.ts';

export const CHANNEL = 'salus-moved';
const HOUR_MS = 3_600_000;

/** An embedded ledger of two organisations with some life behind it, in a folder of its own. */
export type MovingLedger = Disposable & {
  readonly network: string;
  readonly file: string;
  readonly checkpointFile: string;
  readonly ledgerSigner: SyncSigner;
  readonly organisations: readonly [Consortium, Consortium];
  /** Open until `move` is called. */
  readonly ledger: EmbeddedLedger;
  /** Commits a call, or throws. */
  submit(call: PreparedCall): Promise<JsonObject>;
  /** Random calls, most of them right; returns how many committed. */
  live(calls: number): Promise<number>;
  /** Both organisations decide to move; closes the ledger. */
  move(channel?: string): Promise<void>;
};

export async function createMovingLedger(options: {
  readonly seed: number;
  readonly clock: () => number;
  readonly names?: readonly [string, string];
  readonly network?: string;
}): Promise<MovingLedger> {
  const { seed, clock, names = ['hospital-a', 'hospital-b'], network = newId() } = options;
  const folder = mkdtempSync(join(tmpdir(), 'salus-moving-'));
  const file = join(folder, 'ledger.db');
  const checkpointFile = join(folder, 'outside', 'checkpoint');
  const nowMs = clock;
  const [a, b] = await Promise.all(names.map((organisation) => createConsortium({ network, nowMs, organisation })));
  const organisations = [a!, b!] as const;
  const ledgerSigner = newKey();
  const signers: readonly CheckpointSigner[] = organisations.map(({ organisation, node }) => ({
    organisation,
    id: node.id,
    signer: node.key,
  }));
  const ledger = await createEmbeddedLedger({
    file,
    signer: ledgerSigner,
    checkpointFile,
    checkpointSigners: () => signers,
    clock,
    network,
  });
  const submit = async ({ call, privateArgs }: PreparedCall): Promise<JsonObject> => {
    const result = await ledger.submit(call, privateArgs);
    if (result.kind === 'refused') throw new Error(`expected a committed call, not ${result.code}: ${result.detail}`);
    return result.result as JsonObject;
  };
  for (const call of await a!.founding()) await submit(call);
  await submit(await joining(a!, b!, clock));
  await submit((await b!.founding())[1]!);
  const random = createRandomCalls({ consortium: a!, dice: diceOf(seed), nowMs });
  return {
    network,
    file,
    checkpointFile,
    ledgerSigner,
    organisations,
    ledger,
    submit,
    live: async (calls) => {
      let committed = 0;
      for (let sent = 0; sent < calls; sent += 1) {
        const { call, privateArgs } = await random.next();
        if ((await ledger.submit(call, privateArgs)).kind === 'committed') committed += 1;
      }
      return committed;
    },
    move: async (channel = CHANNEL) => {
      const args = { channel };
      const { proposal } = await submit(
        await a!.sign({ transaction: 'membership.proposeMove', args, by: a!.administrator }),
      );
      await submit(
        await b!.sign({
          transaction: 'membership.vote',
          args: { proposal: proposal!, approve: true },
          by: b!.administrator,
        }),
      );
      await ledger[Symbol.asyncDispose]();
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The proposal of the only member so far that another one joins, by the application that its administrator signed. */
async function joining(member: Consortium, applicant: Consortium, nowMs: () => number): Promise<PreparedCall> {
  const [founding] = await applicant.founding();
  const application = { ...founding!.call.payload.args, notAfterMs: nowMs() + HOUR_MS };
  const message = hashTuple('join', member.network, application);
  const signature = toBase64url(applicant.administrator.key.signSync(utf8(message)));
  return member.sign({
    transaction: 'membership.proposeJoin',
    args: { application, signature },
    by: member.administrator,
  });
}
