import { common, msp, orderer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { setPolicy, setValue } from './config-group.ts';
import { serializeIdentity } from './identity.ts';
import { outOf, signaturePolicy } from './policy.ts';

export type Consensus = 'raft' | 'bft';

/** One orderer of a channel. Certificates are PEM; the orderer recognises itself by them, byte for byte. */
export type Consenter = {
  /** From 1, never used again by another orderer (BFT names orderers by it). */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly mspId: string;
  /** The orderer's signing certificate. */
  readonly identity: string;
  readonly clientTlsCertificate: string;
  readonly serverTlsCertificate: string;
};

export type BatchLimits = {
  readonly timeoutMs: number;
  readonly maxCount: number;
  readonly preferredBytes: number;
  readonly absoluteBytes: number;
};

export const BATCH_LIMITS: BatchLimits = {
  timeoutMs: 50,
  maxCount: 500,
  preferredBytes: 2 * 1024 * 1024,
  absoluteBytes: 10 * 1024 * 1024,
};

/** Fewer than four cannot bear one that lies; a channel of one to three is for trials. */
export const CONSENTERS_MAX = 32;

/**
 * A follower of Raft stands for election when it has heard nothing for 10 to 20 ticks: 1 to 2 s after the leader is
 * gone. Shorter ticks start elections under load.
 */
const RAFT = {
  tickInterval: '100ms',
  electionTick: 10,
  heartbeatTick: 1,
  maxInflightBlocks: 5,
  snapshotIntervalBytes: 16 * 1024 * 1024,
} as const;

/**
 * A leader that has been silent for 3 s is voted out; one that speaks but keeps a request back is complained of after
 * 1 s + 5 s. Should the next one be silent too, the view changes again after 8 s. Shorter times make orderers on busy
 * machines change views past each other: a round of catching up alone may take seconds there.
 */
const BFT = {
  incomingMessageBuffer: 200,
  requestPool: 100_000,
  requestForwardTimeout: '1s',
  requestComplainTimeout: '5s',
  requestAutoRemoveTimeout: '3m0s',
  viewChangeResendInterval: '2s',
  viewChangeTimeout: '8s',
  leaderHeartbeatTimeout: '3s',
  leaderHeartbeatCount: 10,
  collectTimeout: '1s',
} as const;

/**
 * Writes type, options and consenters of the ordering service into the `Orderer` group. For BFT the consenters stand in
 * a value of their own, and `BlockValidation` asks for a quorum of their signatures (Fabric's
 * `EncodeBFTBlockVerificationPolicy`), so it is computed again whenever they change.
 */
export function setConsensus(
  group: common.ConfigGroup,
  consensus: Consensus,
  consenters: readonly Consenter[],
  batch: BatchLimits,
): void {
  requireConsenters(consenters);
  const type = new orderer.ConsensusType();
  if (consensus === 'raft') {
    type.setType('etcdraft');
    type.setMetadata(raftMetadata(consenters).serializeBinary());
  } else {
    type.setType('BFT');
    type.setMetadata(bftOptions(batch).serializeBinary());
    setBftConsenters(group, consenters);
  }
  setValue(group, 'ConsensusType', type);
}

/** The consenter mapping of BFT, in the order of ids, and the policy that follows from it. */
export function setBftConsenters(group: common.ConfigGroup, consenters: readonly Consenter[]): void {
  requireConsenters(consenters);
  const ordered = [...consenters].sort((left, right) => left.id - right.id);
  const list = new common.Orderers();
  list.setConsenterMappingList(ordered.map(bftConsenter));
  setValue(group, 'Orderers', list);
  const principals = ordered.map(identityPrincipal);
  setPolicy(group, 'BlockValidation', signaturePolicy(outOf(bftQuorum(ordered.length), principals)));
}

/** Signatures that a block of `count` BFT orderers needs: any two quorums share one that is honest. */
export function bftQuorum(count: number): number {
  const faulty = Math.floor((count - 1) / 3);
  return Math.ceil((count + faulty + 1) / 2);
}

export function raftMetadata(consenters: readonly Consenter[]): orderer.etcdraft.ConfigMetadata {
  const options = new orderer.etcdraft.Options();
  options.setTickInterval(RAFT.tickInterval);
  options.setElectionTick(RAFT.electionTick);
  options.setHeartbeatTick(RAFT.heartbeatTick);
  options.setMaxInflightBlocks(RAFT.maxInflightBlocks);
  options.setSnapshotIntervalSize(RAFT.snapshotIntervalBytes);
  const metadata = new orderer.etcdraft.ConfigMetadata();
  metadata.setConsentersList(consenters.map(raftConsenter));
  metadata.setOptions(options);
  return metadata;
}

export function raftConsenter(consenter: Consenter): orderer.etcdraft.Consenter {
  const message = new orderer.etcdraft.Consenter();
  message.setHost(consenter.host);
  message.setPort(consenter.port);
  message.setClientTlsCert(Buffer.from(consenter.clientTlsCertificate));
  message.setServerTlsCert(Buffer.from(consenter.serverTlsCertificate));
  return message;
}

/** A Go duration of whole milliseconds, as the configuration writes times. */
export function duration(ms: number): string {
  return `${ms}ms`;
}

/** The options of a running channel with other limits of a block. */
export function bftOptionsWith(metadata: Uint8Array, batch: BatchLimits): orderer.smartbft.Options {
  return withLimits(orderer.smartbft.Options.deserializeBinary(metadata), batch);
}

function withLimits(options: orderer.smartbft.Options, batch: BatchLimits): orderer.smartbft.Options {
  options.setRequestBatchMaxCount(batch.maxCount);
  options.setRequestBatchMaxBytes(batch.absoluteBytes);
  options.setRequestBatchMaxInterval(duration(batch.timeoutMs));
  options.setRequestMaxBytes(batch.absoluteBytes);
  return options;
}

function bftOptions(batch: BatchLimits): orderer.smartbft.Options {
  const options = withLimits(new orderer.smartbft.Options(), batch);
  options.setIncomingMessageBufferSize(BFT.incomingMessageBuffer);
  options.setRequestPoolSize(BFT.requestPool);
  options.setRequestForwardTimeout(BFT.requestForwardTimeout);
  options.setRequestComplainTimeout(BFT.requestComplainTimeout);
  options.setRequestAutoRemoveTimeout(BFT.requestAutoRemoveTimeout);
  options.setViewChangeResendInterval(BFT.viewChangeResendInterval);
  options.setViewChangeTimeout(BFT.viewChangeTimeout);
  options.setLeaderHeartbeatTimeout(BFT.leaderHeartbeatTimeout);
  options.setLeaderHeartbeatCount(BFT.leaderHeartbeatCount);
  options.setCollectTimeout(BFT.collectTimeout);
  options.setLeaderRotation(orderer.smartbft.Options.Rotation.ROTATION_OFF);
  return options;
}

function bftConsenter(consenter: Consenter): common.Consenter {
  const message = new common.Consenter();
  message.setId(consenter.id);
  message.setHost(consenter.host);
  message.setPort(consenter.port);
  message.setMspId(consenter.mspId);
  message.setIdentity(Buffer.from(consenter.identity));
  message.setClientTlsCert(Buffer.from(consenter.clientTlsCertificate));
  message.setServerTlsCert(Buffer.from(consenter.serverTlsCertificate));
  return message;
}

function identityPrincipal(consenter: Consenter): msp.MSPPrincipal {
  const principal = new msp.MSPPrincipal();
  principal.setPrincipalClassification(msp.MSPPrincipal.Classification.IDENTITY);
  principal.setPrincipal(serializeIdentity({ mspId: consenter.mspId, certificate: consenter.identity }));
  return principal;
}

function requireConsenters(consenters: readonly Consenter[]): void {
  const ids = new Set(consenters.map((consenter) => consenter.id));
  const addresses = new Set(consenters.map(({ host, port }) => `${host}:${port}`));
  const distinct = ids.size === consenters.length && addresses.size === consenters.length;
  const numbered = consenters.every(({ id }) => Number.isSafeInteger(id) && id >= 1);
  if (consenters.length === 0 || consenters.length > CONSENTERS_MAX || !distinct || !numbered) {
    throw new NetworkError(
      'bad-input',
      `a channel has 1 to ${CONSENTERS_MAX} orderers with different ids from 1 and different addresses`,
    );
  }
}
