import { createHash } from 'node:crypto';
import { common, msp } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { type ChannelConfig, rootOf } from './config.ts';
import { computeUpdate } from './delta.ts';
import { applyDelta } from './elements.ts';
import { type FabricIdentity, newSignatureHeader, signBytes } from './identity.ts';
import { decode } from './proposal.ts';

/** A proposed change of a channel with the signatures so far: the JSON file that travels between administrators. */
export type UpdateProposal = {
  readonly version: 'salus:channel-update:v1';
  readonly channel: string;
  /** `common.ConfigUpdate`, base64url: what is signed. */
  readonly update: string;
  readonly signatures: readonly UpdateSignature[];
};

/** `common.ConfigSignature`, base64url. It covers header and update. */
export type UpdateSignature = { readonly header: string; readonly signature: string };

/** A proposal is text of one organisation's certificates and policies; more is not one. */
export const PROPOSAL_BYTES_MAX = 4 * 1024 * 1024;
export const SIGNATURES_MAX = 256;

const VERSION = 'salus:channel-update:v1';
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** What leads from one configuration to another, unsigned. Throws `no-change`. */
export function proposeUpdate(current: ChannelConfig, next: ChannelConfig): UpdateProposal {
  const update = Buffer.from(computeUpdate(current, next).serializeBinary()).toString('base64url');
  return { version: VERSION, channel: current.channel, update, signatures: [] };
}

/** Parses a proposal from elsewhere. Throws `malformed`. */
export function parseProposal(text: string): UpdateProposal {
  if (Buffer.byteLength(text) > PROPOSAL_BYTES_MAX) throw malformed(`has more than ${PROPOSAL_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('is not JSON');
  }
  const { version, channel, update, signatures } = record(value);
  if (version !== VERSION) throw malformed(`is not of version ${VERSION}`);
  if (typeof channel !== 'string' || !isBytes(update)) throw malformed('names no channel or update');
  if (!Array.isArray(signatures) || signatures.length > SIGNATURES_MAX) {
    throw malformed(`has no list of at most ${SIGNATURES_MAX} signatures`);
  }
  const proposal: UpdateProposal = {
    version: VERSION,
    channel,
    update,
    signatures: signatures.map((entry: unknown) => {
      const { header, signature } = record(entry);
      if (!isBytes(header) || !isBytes(signature)) throw malformed('has a signature without header or bytes');
      return { header, signature };
    }),
  };
  if (updateOf(proposal).getChannelId() !== channel) throw malformed('is for another channel than its update');
  return proposal;
}

/** Signs a proposal; an earlier signature of the same identity is replaced. */
export async function signProposal(proposal: UpdateProposal, identity: FabricIdentity): Promise<UpdateProposal> {
  const header = newSignatureHeader(identity);
  const headerBytes = header.serializeBinary();
  const message = Buffer.concat([headerBytes, Buffer.from(proposal.update, 'base64url')]);
  const signature = {
    header: Buffer.from(headerBytes).toString('base64url'),
    signature: Buffer.from(await signBytes(identity, message)).toString('base64url'),
  };
  const own = Buffer.from(header.getCreator_asU8());
  const others = proposal.signatures.filter((entry) => !own.equals(headerOf(entry).getCreator_asU8()));
  return { ...proposal, signatures: [...others, signature] };
}

/** Short name of a proposal: what two administrators compare before they sign. SHA-256 of the update, hex. */
export function fingerprintOf(proposal: UpdateProposal): string {
  return createHash('sha256').update(proposal.update, 'base64url').digest('hex');
}

/** The configuration that the channel has once a proposal is committed. Throws `stale`, `malformed`. */
export function configAfter(current: ChannelConfig, proposal: UpdateProposal): ChannelConfig {
  const update = updateFor(current, proposal);
  const config = current.config.cloneMessage() as common.Config;
  config.setChannelGroup(applyDelta(rootOf(current), update));
  config.setSequence(current.config.getSequence() + 1);
  return { channel: current.channel, config };
}

/** The update of a proposal for this very channel. Throws `bad-input`, `malformed`. */
export function updateFor(current: ChannelConfig, proposal: UpdateProposal): common.ConfigUpdate {
  if (proposal.channel !== current.channel) {
    throw new NetworkError('bad-input', `the proposal is for ${proposal.channel}, not for ${current.channel}`);
  }
  return updateOf(proposal);
}

export function updateOf(proposal: UpdateProposal): common.ConfigUpdate {
  return decode('update of the proposal', () =>
    common.ConfigUpdate.deserializeBinary(Buffer.from(proposal.update, 'base64url')),
  );
}

export function headerOf(signature: UpdateSignature): common.SignatureHeader {
  return decode('header of a signature', () =>
    common.SignatureHeader.deserializeBinary(Buffer.from(signature.header, 'base64url')),
  );
}

/** MSP id and certificate (PEM) of who signed. Throws `malformed`. */
export function creatorOf(header: common.SignatureHeader): Pick<FabricIdentity, 'mspId' | 'certificate'> {
  const identity = decode('identity of a signature', () =>
    msp.SerializedIdentity.deserializeBinary(header.getCreator_asU8()),
  );
  return { mspId: identity.getMspid(), certificate: Buffer.from(identity.getIdBytes_asU8()).toString('utf8') };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('is no JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function isBytes(value: unknown): value is string {
  return typeof value === 'string' && BASE64URL.test(value);
}

function malformed(what: string): NetworkError {
  return new NetworkError('malformed', `a proposal of a channel update ${what}`);
}
