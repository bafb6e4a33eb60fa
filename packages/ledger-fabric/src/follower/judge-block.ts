import type { Json } from '@salus/contracts';
import { canonical, fromBase64url, toBase64url } from '@salus/crypto';
import { FABRIC_BLOCK_VERSION, type FabricBlockHeader, hashFabricHeader } from '@salus/ledger';
import { genesisHash, nextCommitment, rootOf, type SealedHeader } from '@salus/ledger/store';
import { ChannelMembers } from '../block/channel-members.ts';
import { commitHashOf, updateBytes } from '../block/commit-hash.ts';
import { findDefinedVersion } from '../block/definition.ts';
import { type ChainFault, findChainFault, headerFactsOf, type RawBlock } from '../block/raw-block.ts';
import {
  type BlockTransaction,
  decodeTransaction,
  type EndorserTransaction,
  findTxId,
  VALID,
} from '../block/transaction.ts';
import { FabricError } from '../fabric-error.ts';
import type { Alarm, AlarmCode } from './alarm.ts';
import type { AppliedTransaction } from './applied.ts';
import { BlockRecord } from './block-record.ts';
import { judgeTransaction } from './judge-transaction.ts';
import type { Replica, ReplicaChanges, Setting } from './replica.ts';
import type { Runtimes } from './runtimes.ts';
import { findNamespaceFacts } from './writes.ts';

const FAULTS: Readonly<Record<ChainFault | 'commit-hash', string>> = {
  'broken-chain': 'the block does not follow the one before',
  'data-hash': 'the transactions are not those of the header',
  'validation-codes': 'there is not one validation code for each transaction',
  'commit-hash': 'the commit hash is not that of the validation codes and updates',
};

/** What of Fabric's own state decides over the next block. */
export type ChannelState = {
  /** Undefined before block 0. */
  readonly members: ChannelMembers | undefined;
  /** Version of the chaincode's agreed definition; undefined while there is none. */
  readonly definition: string | undefined;
};

export type JudgeParts = {
  readonly network: string;
  /** Name of the chaincode and of its namespace. */
  readonly chaincode: string;
  readonly runtimes: Runtimes;
  readonly replica: Replica;
  readonly channel: ChannelState;
};

export type BlockVerdict =
  /** It is none that may be applied: the peer is damaged, or lies. */
  | { readonly kind: 'fault'; readonly alarm: Alarm }
  | {
      readonly kind: 'block';
      readonly changes: ReplicaChanges;
      readonly applied: readonly AppliedTransaction[];
      readonly channel: ChannelState;
    };

/**
 * Checks a block against the one before and all that is public of its transactions, and tells what it changes; changes nothing
 * itself. Throws LedgerError `contracts-unknown` where calls ran contracts that are not installed here.
 */
export async function judgeBlock(raw: RawBlock, parts: JudgeParts): Promise<BlockVerdict> {
  const head = parts.replica.head();
  const previous = { ...head.header, hash: hashFabricHeader(head.header) };
  const chainFault = findChainFault(raw, previous);
  if (chainFault !== undefined) return fault(raw, chainFault);
  let transactions: readonly (BlockTransaction | undefined)[];
  try {
    transactions = decodeValid(raw);
    if (!isCommitHash(raw, transactions, fromBase64url(previous.commitHash), parts)) return fault(raw, 'commit-hash');
    return await judgeTransactions(raw, transactions, { ...parts, previous });
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    return { kind: 'fault', alarm: alarmOver(raw, 'bad-block', error.message) };
  }
}

/** The founding block with what the replica keeps of it. `bad-block`: it is none. */
export function judgeGenesis(
  raw: RawBlock,
  network: string,
): {
  readonly header: SealedHeader<FabricBlockHeader>;
  readonly settings: readonly Setting[];
  readonly channel: ChannelState;
} {
  const chainFault = findChainFault(raw, undefined);
  if (chainFault !== undefined) throw new FabricError('bad-block', `block 0: ${FAULTS[chainFault]}`);
  const [first] = raw.envelopes.map(decodeTransaction);
  if (first?.kind !== 'configuration') throw new FabricError('bad-block', 'block 0 holds no configuration');
  const { timestampMs } = first;
  if (timestampMs === undefined) throw new FabricError('bad-block', 'block 0 has no time');
  const transaction = { txId: first.txId, validationCode: VALID, creator: '', endorsers: [], calls: 0 };
  const header = sealHeader(raw, {
    network,
    timestampMs,
    count: 0,
    transactionsRoot: rootOf([]),
    writesRoot: rootOf([]),
    previousCommitment: genesisHash(network),
    fabricTransactions: [transaction],
  });
  const settings = [{ name: 'configuration', value: first.configuration.serializeBinary() } as const];
  return { header, settings, channel: { members: new ChannelMembers(first.configuration), definition: undefined } };
}

type Job = JudgeParts & { readonly previous: FabricBlockHeader };

async function judgeTransactions(
  raw: RawBlock,
  transactions: readonly (BlockTransaction | undefined)[],
  job: Job,
): Promise<BlockVerdict> {
  const { replica, previous, network } = job;
  const record = new BlockRecord(replica, raw.number);
  const settings: Setting[] = [];
  let { channel } = job;
  for (const [at, transaction] of transactions.entries()) {
    const validationCode = raw.validationCodes[at]!;
    switch (transaction?.kind) {
      case 'configuration': {
        const { configuration, txId } = transaction;
        const members = new ChannelMembers(configuration);
        channel = { ...channel, members };
        settings.push({ name: 'configuration', value: configuration.serializeBinary() });
        record.pass({ txId, validationCode });
        if (members.unread.length > 0) record.note(alarmOver(raw, 'configuration', members.unread.join('; ')));
        break;
      }
      case 'endorser': {
        await judgeEndorsed(transaction, record, { ...job, channel });
        const definition = findDefinedVersion(transaction, job.chaincode);
        if (definition === undefined) break;
        channel = { ...channel, definition };
        settings.push({ name: 'definition', value: Buffer.from(definition) });
        break;
      }
      case 'other':
      case undefined:
        record.pass({ txId: findTxId(raw.envelopes[at]!), validationCode });
    }
  }
  const timestampMs = Math.max(previous.timestampMs, record.timestampMs);
  const { builder, alarms, distrust, applied, fabricTransactions } = record;
  const header = sealHeader(raw, {
    network,
    timestampMs,
    count: builder.bodies.length,
    ...builder.roots(),
    previousCommitment: previous.stateCommitment,
    fabricTransactions,
  });
  const distrusted = [...distrust.keys];
  return { kind: 'block', changes: { header, builder, alarms, distrusted, settings }, applied, channel };
}

async function judgeEndorsed(transaction: EndorserTransaction, record: BlockRecord, job: Job): Promise<void> {
  const { txId, creator, endorsements, proposalResponsePayload } = transaction;
  const facts = findNamespaceFacts(transaction, job.chaincode);
  if (facts === undefined) {
    record.pass({ txId, validationCode: VALID, creator: creator.mspId });
    return;
  }
  const { members, definition } = job.channel;
  if (members === undefined) throw new Error('broken invariant: a channel begins with its configuration');
  const endorsers = members.endorsersOf(endorsements, proposalResponsePayload);
  const runtime = () => job.runtimes.find(definition ?? '');
  const judgement = await judgeTransaction(transaction, facts, {
    network: job.network,
    endorsers,
    channel: transaction.channel,
    members: members.organisations,
    definition,
    runtime,
    record,
  });
  switch (judgement.kind) {
    case 'justified':
      record.justify(transaction, { endorsers, contracts: runtime().inUse, ...judgement });
      return;
    case 'alarm':
      record.alarm(transaction, { endorsers, writes: facts.writes, ...judgement });
  }
}

function decodeValid({ envelopes, validationCodes }: RawBlock): readonly (BlockTransaction | undefined)[] {
  return envelopes.map((envelope, at) => (validationCodes[at] === VALID ? decodeTransaction(envelope) : undefined));
}

/** Whether the peer's own chain of commit hashes holds; where the updates cannot be told, only that there is a hash. */
function isCommitHash(
  { number, validationCodes, commitHash }: RawBlock,
  transactions: readonly (BlockTransaction | undefined)[],
  previous: Uint8Array,
  { chaincode, replica }: JudgeParts,
): boolean {
  const updates = updateBytes(number, transactions, (namespace, key) =>
    namespace === chaincode ? findCommitted(replica, key) : undefined,
  );
  if (updates === undefined) return commitHash.length > 0;
  return Buffer.compare(commitHash, commitHashOf({ validationCodes, updates, previous })) === 0;
}

/** Texts alone stand in the replica: where one holds the mark of bytes that are none, its bytes are not known. */
function findCommitted({ state }: Replica, key: string): Uint8Array | null | undefined {
  const text = state.version(key)?.text ?? null;
  if (text === null) return null;
  return text.includes('\ufffd') ? undefined : Buffer.from(text);
}

type HeaderParts = Pick<
  FabricBlockHeader,
  'network' | 'timestampMs' | 'count' | 'transactionsRoot' | 'writesRoot' | 'fabricTransactions'
> & { readonly previousCommitment: string };

function sealHeader(raw: RawBlock, parts: HeaderParts): SealedHeader<FabricBlockHeader> {
  const { previousCommitment, ...rest } = parts;
  const facts = headerFactsOf(raw);
  const header: FabricBlockHeader = {
    version: FABRIC_BLOCK_VERSION,
    ...facts,
    ...rest,
    stateCommitment: nextCommitment(previousCommitment, parts.writesRoot),
    commitHash: toBase64url(raw.commitHash),
  };
  const text = canonical(header as unknown as Json);
  return { header, text, hash: hashFabricHeader(facts), signature: '' };
}

function fault(raw: RawBlock, code: ChainFault | 'commit-hash'): BlockVerdict {
  return { kind: 'fault', alarm: alarmOver(raw, code, FAULTS[code]) };
}

function alarmOver({ number }: RawBlock, code: AlarmCode, detail: string): Alarm {
  return { block: number, txId: null, code, keys: [], detail };
}
