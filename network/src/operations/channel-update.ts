import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  awaitSequence,
  type ChannelConfig,
  checkQuorum,
  describeChannel,
  describeProposal,
  type FabricIdentity,
  fingerprintOf,
  type PeerAddress,
  proposeUpdate,
  type Quorum,
  readChannelConfig,
  sendUpdate,
  signProposal,
  type UpdateProposal,
} from '../channel/index.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { adminIdentity, ordererAddresses, peerAddresses } from '../up/addresses.ts';

/** A network on this host. */
export interface NetworkPlace {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
}

/** An organisation whose administrator can act here. */
export interface Administrator {
  readonly organisation: Organisation;
  readonly identity: FabricIdentity;
  readonly peers: readonly PeerAddress[];
}

/** The organisations whose administrators' keys are on this host, in the order of consortium.yaml. */
export function administratorsHere({ layout, consortium }: NetworkPlace): readonly Administrator[] {
  return consortium.organisations
    .filter(({ slug }) => existsSync(join(layout.organisation(slug).user('admin').msp, 'signcerts', 'cert.pem')))
    .map((organisation) => ({
      organisation,
      identity: adminIdentity(layout, organisation.slug),
      peers: peerAddresses(layout, organisation),
    }));
}

/** The channel's configuration, from the first peer here that has it. Throws NetworkError `not-found`, `unavailable`. */
export async function readConfigHere(place: NetworkPlace): Promise<ChannelConfig> {
  const { identity, peer } = readerHere(place);
  return readChannelConfig(peer, identity, place.consortium.channel.name);
}

export interface UpdateRequest {
  readonly change: (config: ChannelConfig) => ChannelConfig;
  /** Organisations here whose administrators sign; all of them when absent. */
  readonly signers?: readonly string[] | undefined;
  /** The same change with the signatures that others gave it. */
  readonly proposal?: UpdateProposal | undefined;
}

/** A change of the channel, signed as far as this host can, and what it does. */
export interface PreparedUpdate {
  readonly current: ChannelConfig;
  readonly proposal: UpdateProposal;
  readonly description: readonly string[];
  readonly quorum: Quorum;
}

/**
 * Proposes a change of the channel and signs it for the administrators here. Nothing is sent. Throws NetworkError `no-change`,
 * and `bad-input` where the given proposal is for another change or a signer's key is not here.
 */
export async function prepareUpdate(place: NetworkPlace, request: UpdateRequest): Promise<PreparedUpdate> {
  const current = await readConfigHere(place);
  const fresh = proposeUpdate(current, request.change(current));
  const { proposal: given } = request;
  if (given !== undefined && fingerprintOf(given) !== fingerprintOf(fresh)) {
    throw new NetworkError('bad-input', 'The proposal is for another change, or for an older state of the channel.');
  }
  return signAndDescribe(place, current, { proposal: given ?? fresh, signers: request.signers });
}

export interface Signing {
  readonly proposal: UpdateProposal;
  readonly signers?: readonly string[] | undefined;
}

/** Adds the signatures of the administrators here to a proposal from elsewhere, and says what it does. */
export async function signAndDescribe(
  place: NetworkPlace,
  current: ChannelConfig,
  { proposal, signers }: Signing,
): Promise<PreparedUpdate> {
  const description = await describeProposal(current, proposal);
  let signed = proposal;
  for (const identity of signersHere(place, current, signers)) signed = await signProposal(signed, identity);
  return { current, proposal: signed, description, quorum: await checkQuorum(current, signed) };
}

/**
 * Sends a prepared change and waits until every peer here has it. Throws NetworkError `below-quorum` with nothing sent,
 * `refused` with the orderer's words.
 */
export async function sendPrepared(place: NetworkPlace, prepared: PreparedUpdate): Promise<ChannelConfig> {
  const { identity, peer } = readerHere(place);
  const { layout, consortium } = place;
  const orderers = ordererAddresses(layout, consortium.organisations);
  await sendUpdate({ orderers, identity, current: prepared.current, proposal: prepared.proposal });
  const sequence = describeChannel(prepared.current).sequence + 1;
  return awaitSequence(peer, identity, consortium.channel.name, sequence);
}

function signersHere(
  place: NetworkPlace,
  current: ChannelConfig,
  signers: readonly string[] | undefined,
): readonly FabricIdentity[] {
  const here = administratorsHere(place);
  const known = new Set(here.map(({ organisation }) => organisation.slug));
  const absent = signers?.find((slug) => !known.has(slug));
  if (absent !== undefined) {
    throw new NetworkError('bad-input', `The administrator's key of ${absent} is not on this host.`);
  }
  const members = new Set(
    describeChannel(current)
      .organisations.filter(({ member }) => member)
      .map(({ mspId }) => mspId),
  );
  return here
    .filter(({ organisation: { slug } }) => members.has(slug) && (signers === undefined || signers.includes(slug)))
    .map(({ identity }) => identity);
}

function readerHere(place: NetworkPlace): { readonly identity: FabricIdentity; readonly peer: PeerAddress } {
  const [first] = administratorsHere(place);
  const [peer] = first?.peers ?? [];
  if (first === undefined || peer === undefined) {
    throw new NetworkError('not-found', `No organisation's administrator and peer are in ${place.layout.directory}.`);
  }
  return { identity: first.identity, peer };
}
