import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LedgerError } from '@salus/ledger';
import type { RawBlock } from '../block/raw-block.ts';
import { FabricError } from '../fabric-error.ts';
import { type ChannelState, judgeBlock, judgeGenesis } from '../follower/judge-block.ts';
import { Replica } from '../follower/replica.ts';
import type { Runtimes } from '../follower/runtimes.ts';
import { compareReplicas } from './compare-replica.ts';
import type { BlockFileFinding } from './finding.ts';
import { readCommitHash } from './orderer-metadata.ts';
import type { StoredBlock } from './stored-block.ts';
import type { BlockRecord } from './verify-block-files.ts';

const REPLICA = 'replica.db';

export type ReplayOptions = {
  readonly network: string;
  /** Name of the chaincode and of its namespace. */
  readonly chaincode: string;
  readonly runtimes: Runtimes;
  /** The node's own replica, and its file: what the blocks give must be what it holds. */
  readonly record?: (BlockRecord & { readonly file: string }) | undefined;
};

/**
 * Follows a peer's stored blocks as a node follows its peer's stream, into a replica of its own that is thrown away: who endorsed, each
 * call's signature, rules and outcome, and that what was written is what the calls write.
 */
export class Replay implements Disposable {
  readonly #options: ReplayOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'salus-replay-'));
  #replica: Replica | undefined;
  #channel: ChannelState = { members: undefined, definition: undefined };
  /** Nothing after a block that cannot be judged can be. */
  #ended = false;
  #calls = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Calls that ran again. */
  get calls(): number {
    return this.#calls;
  }

  /** Judges a block that is sound in itself and follows the one before. */
  async take(block: StoredBlock): Promise<readonly BlockFileFinding[]> {
    if (this.#ended) return [];
    try {
      return block.number === 0 ? this.#begin(block) : await this.#judge(block);
    } catch (error) {
      const isTold =
        error instanceof FabricError || (error instanceof LedgerError && error.code === 'contracts-unknown');
      if (!isTold) throw error;
      this.#ended = true;
      return [finding(block, block.offsetBytes, `${error.message}: calls from here on did not run again`)];
    }
  }

  [Symbol.dispose](): void {
    this.#replica?.[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #begin(block: StoredBlock): readonly BlockFileFinding[] {
    const file = join(this.#folder, REPLICA);
    const genesis = judgeGenesis(rawOf(block), this.#options.network);
    Replica.found(file, genesis.header);
    this.#replica = Replica.open(file);
    this.#channel = genesis.channel;
    return [];
  }

  async #judge(block: StoredBlock): Promise<readonly BlockFileFinding[]> {
    const replica = this.#replica;
    if (replica === undefined) return [];
    const { network, chaincode, runtimes, record } = this.#options;
    const verdict = await judgeBlock(rawOf(block), { network, chaincode, runtimes, replica, channel: this.#channel });
    if (verdict.kind === 'fault') {
      this.#ended = true;
      return [finding(block, block.offsetBytes, verdict.alarm.detail)];
    }
    replica.commit(verdict.changes);
    this.#channel = verdict.channel;
    const { header } = verdict.changes.header;
    this.#calls += header.count;
    const findings = verdict.changes.alarms.map(({ txId, code, detail }) => {
      const at = header.fabricTransactions.findIndex((transaction) => transaction.txId === txId);
      const offsetBytes = block.transactions[at]?.offsetBytes ?? block.offsetBytes;
      return finding(block, offsetBytes, `transaction ${at} should not be (${code}): ${detail}`);
    });
    const recorded = record?.header(block.number);
    if (recorded !== undefined && recorded.stateCommitment !== header.stateCommitment) {
      const message = 'the calls give another state than the node recorded';
      findings.push({ ...finding(block, block.offsetBytes, message), code: 'replica' });
    }
    if (block.number === record?.height) findings.push(...this.#compare(block, record.file));
    return findings;
  }

  /** The newest block that the node has: here its tables must be those of the blocks. */
  #compare(block: StoredBlock, file: string): readonly BlockFileFinding[] {
    return compareReplicas(join(this.#folder, REPLICA), file).map(({ table, row }) => {
      const message = `the node’s replica holds something else than the blocks give: table ${table}, ${row}`;
      return { ...finding(block, block.offsetBytes, message), code: 'replica' };
    });
  }
}

/** A stored block as the follower takes it. */
export function rawOf({ number, previousHash, dataHash, transactions, metadata }: StoredBlock): RawBlock {
  return {
    number,
    previousHash: previousHash.bytes,
    dataHash: dataHash.bytes,
    envelopes: transactions.map(({ bytes }) => bytes),
    validationCodes: metadata.flags.bytes,
    commitHash: readCommitHash(metadata.commitHash),
  };
}

function finding(block: StoredBlock, offsetBytes: number, message: string): BlockFileFinding {
  return { code: 'call', message, file: block.file, offsetBytes, block: block.number };
}
