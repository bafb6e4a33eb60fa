import type { Entry, Json, PrivateArgs, SignedCall } from '@salus/contracts';
import type {
  BackupResult,
  Block,
  Checkpoint,
  Ledger,
  LostRange,
  Place,
  SubmitResult,
  TransactionView,
  Version,
} from '@salus/ledger';
import type { Alarm } from './follower/alarm.ts';
import type { Follower } from './follower/follower.ts';
import { type FollowerOptions, openFollower } from './follower/open-follower.ts';
import { type Gateway, type Gathering, openGateway } from './gateway/gateway.ts';

export type FabricLedgerOptions = FollowerOptions & {
  /** Milliseconds since the epoch: the time of submitted calls, which endorsers compare with their own. */
  readonly clock: () => number;
  /** Only tests and benches give another than the default. */
  readonly gathering?: Gathering;
};

/** The ledger of a consortium on a Fabric channel, as one organisation's node sees it. Made by `openFabricLedger`. */
export class FabricLedger implements Ledger {
  readonly network: string;
  readonly #follower: Follower;
  readonly #gateway: Gateway;

  constructor(follower: Follower, gateway: Gateway) {
    this.network = follower.network;
    this.#follower = follower;
    this.#gateway = gateway;
  }

  /** The newest applied block of the own replica, its alarms, and the channel's members; for whoever shows the node's state. */
  get follower(): Follower {
    return this.#follower;
  }

  get rollbackNeeded(): LostRange | undefined {
    return this.#follower.rollbackNeeded;
  }

  submit(call: SignedCall, privateArgs?: PrivateArgs): Promise<SubmitResult> {
    return this.#gateway.submit(call, privateArgs);
  }

  async get(key: string): Promise<Json | undefined> {
    return this.#follower.peek(key);
  }

  async range(start: string, end: string, limit: number): Promise<readonly Entry[]> {
    return this.#follower.range(start, end, limit);
  }

  async history(key: string, page: { readonly limit: number; readonly before?: Place }): Promise<readonly Version[]> {
    return this.#follower.history(key, page);
  }

  async height(): Promise<number> {
    return this.#follower.height;
  }

  async block(number: number): Promise<Block | undefined> {
    return this.#follower.block(number);
  }

  async transaction(callId: string): Promise<TransactionView | undefined> {
    return this.#follower.transaction(callId);
  }

  follow(fromBlock: number, signal: AbortSignal): AsyncIterable<Block> {
    return this.#follower.follow(fromBlock, signal);
  }

  async checkpoint(): Promise<Checkpoint> {
    return this.#follower.signedCheckpoint();
  }

  /** What peers have committed and should not have, oldest first. */
  alarms(): readonly Alarm[] {
    return this.#follower.alarms;
  }

  /** A consistent copy of the replica while it goes on, durable when this resolves. An existing file is replaced. */
  backup(toFile: string): Promise<BackupResult> {
    return this.#follower.backup(toFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
    await this.#follower[Symbol.asyncDispose]();
  }
}

/**
 * Opens the replica, catches up with the organisation's own peer, and is then ready to submit. LedgerError `unavailable` when no
 * own peer answers, `contracts-unknown`, `not-a-ledger`, `in-use`, `bad-checkpoint-file`; FabricError `bad-configuration`,
 * `bad-block`.
 */
export async function openFabricLedger(options: FabricLedgerOptions): Promise<FabricLedger> {
  const { connection, clock, gathering } = options;
  const follower = await openFollower(options);
  try {
    const gateway = await openGateway({
      connection,
      follower,
      clock,
      ...(gathering === undefined ? {} : { gathering }),
    });
    return new FabricLedger(follower, gateway);
  } catch (error) {
    await follower[Symbol.asyncDispose]();
    throw error;
  }
}
