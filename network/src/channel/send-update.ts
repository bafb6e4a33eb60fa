import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import { common, orderer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { type ChannelConfig, describeChannel, readChannelConfig } from './config.ts';
import { asNetworkError, type OrdererAddress, type PeerAddress, REQUEST_TIMEOUT_MS, withClient } from './connection.ts';
import { type FabricIdentity, newSignatureHeader, signBytes } from './identity.ts';
import { channelHeader, decode } from './proposal.ts';
import { checkQuorum, describeQuorum } from './quorum.ts';
import type { UpdateProposal } from './update.ts';

export type UpdateRequest = {
  /** Tried in turn until one accepts. */
  readonly orderers: readonly OrdererAddress[];
  /** Any writer of the channel; its signature on the envelope is not one of the quorum. */
  readonly identity: FabricIdentity;
  readonly proposal: UpdateProposal;
};

export const UPDATE_TIMEOUT_MS = 30_000;
const RETRY_MS = 200;
const STATUS_OK = 200;
const STATUS_CLIENT_FAULT = 400;
const STATUS_SERVER_FAULT = 500;
/** Orderers of Raft learn a few seconds after a start which of them run, and let nobody join or leave before. */
const UNSETTLED = 'configuration will result in quorum loss';
const UNSETTLED_MS = 10_000;
/** What a BFT orderer answers to a request that another one has passed on to it. */
const KNOWN = 'request already exists';

/**
 * Sends a proposal that enough members signed. Below the quorum nothing is sent: `below-quorum`, with a message that
 * says who signed, how many are needed and by which policy. Throws what `broadcastUpdate` throws.
 */
export async function sendUpdate(request: UpdateRequest & { readonly current: ChannelConfig }): Promise<void> {
  const quorum = await checkQuorum(request.current, request.proposal);
  if (!quorum.reached) {
    const signed = quorum.signedBy.length === 0 ? 'nobody' : quorum.signedBy.join(', ');
    throw new NetworkError(
      'below-quorum',
      `too few signatures (by ${signed}) for changing ${request.proposal.channel}; nothing was sent\n` +
        describeQuorum(quorum).join('\n'),
    );
  }
  await broadcastUpdate(request);
}

/**
 * Hands a proposal to the orderers as it is: they check the quorum themselves. Throws `refused` with an orderer's own
 * words, or `unavailable` when none took it within 30 s.
 */
export async function broadcastUpdate({ orderers, identity, proposal }: UpdateRequest): Promise<void> {
  const envelope = await envelopeOf(identity, proposal);
  const beganMs = Date.now();
  let failure = new NetworkError('bad-input', 'an update needs the address of an orderer');
  for (let attempt = 0; Date.now() < beganMs + UPDATE_TIMEOUT_MS && orderers.length > 0; attempt += 1) {
    const address = orderers[attempt % orderers.length];
    if (address === undefined) break;
    try {
      await broadcast(address, envelope);
      return;
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      const unsettled = error.message.includes(UNSETTLED) && Date.now() < beganMs + UNSETTLED_MS;
      if (error.code === 'refused' && !unsettled) throw error;
      failure = error;
      if (attempt % orderers.length === orderers.length - 1) await sleep(RETRY_MS);
    }
  }
  throw failure;
}

/** Waits until a peer has the configuration of this sequence or a later one. Throws `timeout`. */
export async function awaitSequence(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  sequence: number,
  timeoutMs: number = UPDATE_TIMEOUT_MS,
): Promise<ChannelConfig> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const config = await readChannelConfig(address, identity, channel);
    const reached = describeChannel(config).sequence;
    if (reached >= sequence) return config;
    if (Date.now() > deadlineMs) {
      throw new NetworkError(
        'timeout',
        `${address.endpoint} is at update ${reached} of ${channel}, not at ${sequence}`,
      );
    }
    await sleep(RETRY_MS);
  }
}

async function envelopeOf(identity: FabricIdentity, proposal: UpdateProposal): Promise<common.Envelope> {
  const content = new common.ConfigUpdateEnvelope();
  content.setConfigUpdate(Buffer.from(proposal.update, 'base64url'));
  content.setSignaturesList(
    proposal.signatures.map(({ header, signature }) => {
      const message = new common.ConfigSignature();
      message.setSignatureHeader(Buffer.from(header, 'base64url'));
      message.setSignature(Buffer.from(signature, 'base64url'));
      return message;
    }),
  );
  const signature = newSignatureHeader(identity);
  const header = new common.Header();
  const type = common.HeaderType.CONFIG_UPDATE;
  header.setChannelHeader(channelHeader(type, proposal.channel, signature).serializeBinary());
  header.setSignatureHeader(signature.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(content.serializeBinary());
  const bytes = payload.serializeBinary();
  const envelope = new common.Envelope();
  envelope.setPayload(bytes);
  envelope.setSignature(await signBytes(identity, bytes));
  return envelope;
}

async function broadcast(address: OrdererAddress, envelope: common.Envelope): Promise<void> {
  const response = await withClient(
    address,
    (client) =>
      new Promise<orderer.BroadcastResponse>((resolve, reject) => {
        const doing = `orderer ${address.endpoint}`;
        const stream = client.makeBidiStreamRequest(
          '/orderer.AtomicBroadcast/Broadcast',
          (message: common.Envelope) => Buffer.from(message.serializeBinary()),
          (bytes: Buffer) => decode('answer of an orderer', () => orderer.BroadcastResponse.deserializeBinary(bytes)),
          { deadline: Date.now() + REQUEST_TIMEOUT_MS },
        );
        stream.on('data', (answer: orderer.BroadcastResponse) => {
          stream.end();
          resolve(answer);
        });
        stream.on('error', (error: ServiceError) => reject(asNetworkError(error, doing)));
        stream.on('end', () => reject(new NetworkError('unavailable', `${doing} closed without an answer`)));
        stream.write(envelope);
      }),
  );
  const [status, words] = [response.getStatus(), response.getInfo()];
  if (status === STATUS_OK || words.includes(KNOWN)) return;
  const clientFault = status >= STATUS_CLIENT_FAULT && status < STATUS_SERVER_FAULT;
  throw new NetworkError(
    clientFault ? 'refused' : 'unavailable',
    `orderer ${address.endpoint} answers ${status}: ${words}`,
  );
}
