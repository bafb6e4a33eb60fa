import { MOVE_KEY, type MoveFact } from '@salus/contracts';
import { type Checkpoint, hashHeaderText } from '@salus/ledger';
import { LedgerStore, readCheckpointFile } from '@salus/ledger/store';
import { FabricError } from '../fabric-error.ts';
import type { EmbeddedBlock } from './import-pieces.ts';

/** An embedded ledger that has ended, open for reading; no node may have it open. */
export type EndedLedger = Disposable & {
  readonly network: string;
  readonly ledgerKey: string;
  readonly number: number;
  readonly hash: string;
  readonly stateCommitment: string;
  /** The channel that the members chose. */
  readonly channel: string;
  /** The last block's checkpoint with the signatures of the organisations that the node hosted. */
  readonly checkpoint: Checkpoint;
  /** Blocks from `first` on. */
  blocks(first: number): Generator<EmbeddedBlock, void, undefined>;
};

/** `not-a-ledger` and `in-use` of the ledger; `not-ended` when its members have not decided to move, or its checkpoint is missing. */
export function openEndedLedger(file: string, checkpointFile: string): EndedLedger {
  const store = LedgerStore.open(file);
  try {
    const head = store.head();
    const text = store.version(MOVE_KEY)?.text;
    const move = text === undefined || text === null ? undefined : (JSON.parse(text) as MoveFact);
    if (head === undefined || move?.status !== 'moved') {
      throw new FabricError('not-ended', 'the members of this ledger have not decided that it moves');
    }
    const { network, ledgerKey, number, stateCommitment } = head.header;
    const hash = hashHeaderText(head.text);
    const checkpoint = readCheckpointFile(checkpointFile).at(-1)?.checkpoint;
    if (checkpoint?.network !== network || checkpoint.number !== number || checkpoint.hash !== hash) {
      throw new FabricError('not-ended', 'the checkpoint file does not vouch for the last block of this ledger');
    }
    return {
      network,
      ledgerKey,
      number,
      hash,
      stateCommitment,
      channel: move.channel,
      checkpoint,
      *blocks(first) {
        for (let at = first; at <= number; at += 1) {
          const row = store.header(at);
          if (row === undefined) throw new FabricError('not-ended', `block ${at} is missing: run verify`);
          yield { header: row.text, signature: row.signature, bodies: store.bodies(at) };
        }
      },
      [Symbol.dispose]: () => store[Symbol.dispose](),
    };
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}
