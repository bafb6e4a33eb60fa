import { common, peer } from '@hyperledger/fabric-protos';

/** Envelopes that Go reads as before although their bytes are not those that Go writes; their creator could have sent them. */

/** The header stands there twice, with one half in each. */
export function withSplitHeader(envelope: Uint8Array): Uint8Array {
  const { payload } = open(envelope);
  const [channel, signature] = [new common.Header(), new common.Header()];
  channel.setChannelHeader(payload.getHeader()!.getChannelHeader_asU8());
  signature.setSignatureHeader(payload.getHeader()!.getSignatureHeader_asU8());
  const bytes = Buffer.concat([
    field(1, channel.serializeBinary()),
    field(1, signature.serializeBinary()),
    field(2, payload.getData_asU8()),
  ]);
  return Buffer.concat([field(1, bytes), field(2, Buffer.alloc(70, 1))]);
}

/** The chaincode's input stands there twice, the second time empty. */
export function withSplitInput(envelope: Uint8Array): Uint8Array {
  return withAction(envelope, (action) => {
    const proposal = peer.ChaincodeProposalPayload.deserializeBinary(action.getChaincodeProposalPayload_asU8());
    // Field 1 is the specification, of which field 3 is the input.
    proposal.setInput(Buffer.concat([proposal.getInput_asU8(), field(1, field(3, new Uint8Array()))]));
    action.setChaincodeProposalPayload(proposal.serializeBinary());
  });
}

/** With further endorsements, which no hash and no signature covers. */
export function withEndorsements(envelope: Uint8Array, endorsements: readonly peer.Endorsement[]): Uint8Array {
  return withAction(envelope, (action) => {
    for (const endorsement of endorsements) action.getAction()!.addEndorsements(endorsement);
  });
}

/** Without the time of its proposal. */
export function withoutTime(envelope: Uint8Array): Uint8Array {
  const { payload } = open(envelope);
  const channelHeader = common.ChannelHeader.deserializeBinary(payload.getHeader()!.getChannelHeader_asU8());
  channelHeader.clearTimestamp();
  payload.getHeader()!.setChannelHeader(channelHeader.serializeBinary());
  return close(payload);
}

function withAction(envelope: Uint8Array, change: (action: peer.ChaincodeActionPayload) => void): Uint8Array {
  const { payload } = open(envelope);
  const transaction = peer.Transaction.deserializeBinary(payload.getData_asU8());
  const [first] = transaction.getActionsList();
  const action = peer.ChaincodeActionPayload.deserializeBinary(first!.getPayload_asU8());
  change(action);
  first!.setPayload(action.serializeBinary());
  payload.setData(transaction.serializeBinary());
  return close(payload);
}

function open(envelope: Uint8Array): { readonly payload: common.Payload } {
  return { payload: common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8()) };
}

function close(payload: common.Payload): Uint8Array {
  return field(1, payload.serializeBinary());
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.of(number * 8 + 2, ...length, rest), bytes]);
}
