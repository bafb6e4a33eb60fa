import { common } from '@hyperledger/fabric-protos';
import { FabricError } from '../fabric-error.ts';
import { proposalTimeMs } from '../wire.ts';
import { GoFormError, GoMessage } from './go-message.ts';
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
  /** The proposal's time, which its submitter set; peers ask for none. */
  readonly timestampMs: number | undefined;
  readonly creator: SerializedIdentity;
  readonly chaincode: string;
  /** As the endorsers' peers know the definition. */
  readonly chaincodeVersion: string;
  /** Function name and arguments; none where no such message is endorsed. */
  readonly args: readonly Uint8Array[];
  readonly response: { readonly status: number; readonly payload: Uint8Array };
  readonly writeSets: readonly NamespaceWrites[];
  /** Those whose endorser is an identity: peers pass over others. */
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
      readonly timestampMs: number | undefined;
      readonly configuration: common.Config;
    }
  /** Of a type that changes no state. */
  | { readonly kind: 'other'; readonly txId: string };

/**
 * The envelope of a valid transaction, as Go reads it: common/common.proto (Envelope, Payload, Header, ChannelHeader,
 * SignatureHeader), peer/transaction.proto, peer/proposal.proto, peer/proposal_response.proto, peer/chaincode.proto. `bad-block`
 * where a part without which no peer calls it valid is missing or no message of its kind; other parts may be missing.
 */
export function decodeTransaction(envelope: Uint8Array): BlockTransaction {
  return decoding(() => {
    const payload = new GoMessage(new GoMessage(envelope).bytes(1));
    const header = payload.message(1);
    const channelHeaderBytes = header.bytes(1);
    const channelHeader = new GoMessage(channelHeaderBytes);
    const [txId, data, timestampMs] = [channelHeader.text(5), payload.bytes(2), findTime(channelHeaderBytes)];
    switch (channelHeader.int32(1)) {
      case common.HeaderType.ENDORSER_TRANSACTION: {
        const creator = identityOf(new GoMessage(header.bytes(2)).bytes(1));
        return endorserTransaction(data, { txId, channel: channelHeader.text(4), timestampMs, creator });
      }
      case common.HeaderType.CONFIG: {
        const configEnvelope = new GoMessage(data);
        if (!configEnvelope.has(1)) throw new FabricError('bad-block', 'a transaction lacks a configuration');
        const configuration = common.Config.deserializeBinary(configEnvelope.merged(1));
        return { kind: 'configuration', txId, timestampMs, configuration };
      }
      default:
        return { kind: 'other', txId };
    }
  });
}

/** The transaction id of any envelope, valid or not; empty where there is none to be read. */
export function findTxId(envelope: Uint8Array): string {
  // Whoever sent what is no envelope waits for no transaction id.
  return reading(() => {
    const payload = new GoMessage(new GoMessage(envelope).bytes(1));
    return new GoMessage(payload.message(1).bytes(1)).text(5);
  }, '');
}

type Proposal = Pick<EndorserTransaction, 'txId' | 'channel' | 'timestampMs' | 'creator'>;

function endorserTransaction(data: Uint8Array, proposal: Proposal): EndorserTransaction {
  const actions = new GoMessage(data).messages(1);
  // Fabric takes one action a transaction (core/common/validation, validateEndorserTransaction).
  if (actions.length !== 1) throw new FabricError('bad-block', 'a transaction has one action');
  const action = new GoMessage(actions[0]!.bytes(2));
  const endorsed = action.message(2);
  const proposalResponsePayload = endorsed.bytes(1);
  const result = new GoMessage(new GoMessage(proposalResponsePayload).bytes(2));
  const [response, chaincode] = [result.message(3), result.message(4)];
  return {
    kind: 'endorser',
    ...proposal,
    chaincode: chaincode.text(2),
    chaincodeVersion: chaincode.text(3),
    args: reading(() => argsOf(action.bytes(1)), []),
    response: { status: response.int32(1), payload: response.bytes(3) },
    writeSets: readWriteSets(result.bytes(1)),
    endorsements: endorsed.messages(2).flatMap((endorsement) => {
      const endorser = reading(() => identityOf(endorsement.bytes(1)), undefined);
      return endorser === undefined ? [] : [{ endorser, signature: endorsement.bytes(2) }];
    }),
    proposalResponsePayload,
  };
}

/** As the chaincode's own runtime reads it, which is the only one to use it; undefined where it would find none. */
function findTime(channelHeader: Uint8Array): number | undefined {
  try {
    const timestamp = common.ChannelHeader.deserializeBinary(channelHeader).getTimestamp();
    if (timestamp === undefined) return undefined;
    const ms = proposalTimeMs({ seconds: timestamp.getSeconds(), nanos: timestamp.getNanos() });
    return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
  } catch {
    // Then no chaincode of ours has run, whatever peers made of it.
    return undefined;
  }
}

/** What the peer hands to the chaincode: ChaincodeProposalPayload, ChaincodeInvocationSpec, ChaincodeSpec, ChaincodeInput. */
function argsOf(proposalPayload: Uint8Array): readonly Uint8Array[] {
  const invocation = new GoMessage(new GoMessage(proposalPayload).bytes(1));
  return invocation.message(1).message(3).repeated(1);
}

/** msp/identities.proto. Throws `GoFormError`. */
function identityOf(bytes: Uint8Array): SerializedIdentity {
  const identity = new GoMessage(bytes);
  const certificate = Buffer.from(identity.bytes(2)).toString('utf8');
  return { mspId: identity.text(1), certificate, bytes };
}

function reading<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof GoFormError) return otherwise;
    throw error;
  }
}

/** Whatever the readers throw on bytes of another form. */
function decoding<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof FabricError) throw cause;
    throw new FabricError('bad-block', 'an envelope is not of the form of its kind', { cause });
  }
}
