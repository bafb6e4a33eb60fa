import { common, ledger, peer } from '@hyperledger/fabric-protos';
import { canonical, type Json } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import type { TestNetwork } from '@salus/network';
import { readBlock } from '@salus/network/channel';

/** Number and bytes of what one Fabric transaction reads and writes. */
export type TransactionShape = {
  /** Keys that were read and did not exist. */
  readonly absent: number;
  /** Bytes of each value that was read. */
  readonly shared: readonly number[];
  /** Bytes of each value that was written. */
  readonly writes: readonly number[];
};

/** The shape of the only transaction of a block, in the chaincode's namespace. */
export async function readShape(
  network: TestNetwork,
  on: { readonly organisation: string; readonly ledger: Ledger; readonly block: number },
): Promise<TransactionShape> {
  const [address] = network.peers(on.organisation);
  const bytes = await readBlock(address!, network.admin(on.organisation), network.consortium.channel.name, on.block);
  const envelopes = common.Block.deserializeBinary(bytes).getData()?.getDataList_asU8() ?? [];
  if (envelopes.length !== 1) throw new Error('the block of a sample call holds one transaction');
  const rwset = salusReads(envelopes[0]!);
  let absent = 0;
  const shared: number[] = [];
  for (const read of rwset.getReadsList()) {
    const value = read.hasVersion() ? await on.ledger.get(read.getKey()) : undefined;
    if (value === undefined) absent += 1;
    else shared.push(Buffer.byteLength(canonical(value as Json)));
  }
  if (rwset.getRangeQueriesInfoList().length > 0) throw new Error('the bare chaincode has no range queries');
  return { absent, shared, writes: rwset.getWritesList().map((write) => write.getValue_asU8().length) };
}

function salusReads(envelope: Uint8Array): ledger.rwset.kvrwset.KVRWSet {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  const [action] = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList();
  const endorsed = peer.ChaincodeActionPayload.deserializeBinary(action!.getPayload_asU8()).getAction()!;
  const response = peer.ProposalResponsePayload.deserializeBinary(endorsed.getProposalResponsePayload_asU8());
  const results = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8()).getResults_asU8();
  const sets = ledger.rwset.TxReadWriteSet.deserializeBinary(results).getNsRwsetList();
  const own = sets.find((set) => set.getNamespace() === 'salus');
  if (own === undefined) throw new Error('the transaction does not touch the namespace salus');
  return ledger.rwset.kvrwset.KVRWSet.deserializeBinary(own.getRwset_asU8());
}
