import { common, msp, peer } from '@hyperledger/fabric-protos';
import { FabricError } from '../fabric-error.ts';
import { proposalTimeMs } from '../wire.ts';
import { type NamespaceWrites, readWriteSets } from './write-set.ts';

/** `peer.TxValidationCode` of a transaction whose writes peers apply. */
export const VALID = 0;

/** A machine's identity as it stands in signatures: MSP id and PEM certificate, with the exact bytes that are signed. */
export type SerializedIdentity = { readonly mspId: string; readonly certificate: string; readonly bytes: Uint8Array };

export type Endorsement = { readonly endorser: SerializedIdentity; readonly signature: Uint8Array };

/** A transaction that ran a chaincode. */
export type EndorserTransaction = {
  readonly kind: 'endorser';
  readonly txId: string;
  readonly channel: string;
  /** The proposal's time, which its submitter set. */
  readonly timestampMs: number;
  readonly creator: SerializedIdentity;
  readonly chaincode: string;
  /** As the endorsers' peers know the definition. */
  readonly chaincodeVersion: string;
  /** Function name and arguments. */
  readonly args: readonly Uint8Array[];
  readonly response: { readonly status: number; readonly payload: Uint8Array };
  readonly writeSets: readonly NamespaceWrites[];
  readonly endorsements: readonly Endorsement[];
  /** What every endorsement signs before its own identity. */
  readonly proposalResponsePayload: Uint8Array;
};

export type BlockTransaction =
  | EndorserTransaction
  | {
      readonly kind: 'configuration';
      readonly txId: string;
      /** When it was written, by whoever wrote it. */
      readonly timestampMs: number;
      readonly configuration: common.Config;
    }
  /** Of a type that changes no state. */
  | { readonly kind: 'other'; readonly txId: string };

/** The envelope of a valid transaction. `bad-block` where a part is missing or no message of its kind: a peer would not call it valid. */
export function decodeTransaction(envelope: Uint8Array): BlockTransaction {
  return decoding(() => {
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
    const header = required(payload.getHeader(), 'a header');
    const channelHeader = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
    const txId = channelHeader.getTxId();
    const data = payload.getData_asU8();
    switch (channelHeader.getType()) {
      case common.HeaderType.ENDORSER_TRANSACTION:
        return endorserTransaction({ txId, channelHeader, header, data });
      case common.HeaderType.CONFIG: {
        const configuration = common.ConfigEnvelope.deserializeBinary(data).getConfig();
        return {
          kind: 'configuration',
          txId,
          timestampMs: timeOf(channelHeader),
          configuration: required(configuration, 'a configuration'),
        };
      }
      default:
        return { kind: 'other', txId };
    }
  });
}

/** The transaction id of any envelope, valid or not; empty where there is none to be read. */
export function findTxId(envelope: Uint8Array): string {
  try {
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
    const bytes = payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array();
    return common.ChannelHeader.deserializeBinary(bytes).getTxId();
  } catch {
    // Whoever sent what is no envelope waits for no transaction id.
    return '';
  }
}

type Parts = {
  readonly txId: string;
  readonly channelHeader: common.ChannelHeader;
  readonly header: common.Header;
  readonly data: Uint8Array;
};

function endorserTransaction({ txId, channelHeader, header, data }: Parts): EndorserTransaction {
  const actions = peer.Transaction.deserializeBinary(data).getActionsList();
  // Fabric takes one action a transaction (core/common/validation, validateEndorserTransaction).
  if (actions.length !== 1) throw new FabricError('bad-block', 'a transaction has one action');
  const action = peer.ChaincodeActionPayload.deserializeBinary(actions[0]!.getPayload_asU8());
  const endorsed = required(action.getAction(), 'an endorsed action');
  const proposalResponsePayload = endorsed.getProposalResponsePayload_asU8();
  const extension = peer.ProposalResponsePayload.deserializeBinary(proposalResponsePayload).getExtension_asU8();
  const result = peer.ChaincodeAction.deserializeBinary(extension);
  const response = required(result.getResponse(), 'a response');
  const chaincode = required(result.getChaincodeId(), 'a chaincode');
  const signatureHeader = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8());
  return {
    kind: 'endorser',
    txId,
    channel: channelHeader.getChannelId(),
    timestampMs: timeOf(channelHeader),
    creator: identityOf(signatureHeader.getCreator_asU8()),
    chaincode: chaincode.getName(),
    chaincodeVersion: chaincode.getVersion(),
    args: argsOf(action.getChaincodeProposalPayload_asU8()),
    response: { status: response.getStatus(), payload: response.getPayload_asU8() },
    writeSets: readWriteSets(result.getResults_asU8()),
    endorsements: endorsed.getEndorsementsList().map((endorsement) => ({
      endorser: identityOf(endorsement.getEndorser_asU8()),
      signature: endorsement.getSignature_asU8(),
    })),
    proposalResponsePayload,
  };
}

function timeOf(channelHeader: common.ChannelHeader): number {
  const timestamp = required(channelHeader.getTimestamp(), 'a time');
  return proposalTimeMs({ seconds: timestamp.getSeconds(), nanos: timestamp.getNanos() });
}

function argsOf(proposalPayload: Uint8Array): readonly Uint8Array[] {
  const input = peer.ChaincodeProposalPayload.deserializeBinary(proposalPayload).getInput_asU8();
  const specification = peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec();
  return specification?.getInput()?.getArgsList_asU8() ?? [];
}

export function identityOf(bytes: Uint8Array): SerializedIdentity {
  const identity = msp.SerializedIdentity.deserializeBinary(bytes);
  const certificate = Buffer.from(identity.getIdBytes_asU8()).toString('utf8');
  return { mspId: identity.getMspid(), certificate, bytes };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new FabricError('bad-block', `a transaction lacks ${what}`);
  return value;
}

/** Whatever google-protobuf throws on bytes of another form. */
function decoding<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof FabricError) throw cause;
    throw new FabricError('bad-block', 'an envelope is not of the form of its kind', { cause });
  }
}
