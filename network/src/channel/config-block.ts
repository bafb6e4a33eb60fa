import { common } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { decode } from './proposal.ts';

const EMPTY = new Uint8Array();

/** The `common.Config` that a configuration block brings, as bytes. Throws `malformed` for any other block. */
export function configOfBlock(block: Uint8Array): Uint8Array {
  const config = decode('configuration block', () => {
    const [data = EMPTY] = common.Block.deserializeBinary(block).getData()?.getDataList_asU8() ?? [];
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(data).getPayload_asU8());
    const header = common.ChannelHeader.deserializeBinary(payload.getHeader()?.getChannelHeader_asU8() ?? EMPTY);
    if (header.getType() !== common.HeaderType.CONFIG) return undefined;
    return common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig();
  });
  if (config === undefined) throw new NetworkError('malformed', 'the block holds no configuration of a channel');
  return config.serializeBinary();
}
