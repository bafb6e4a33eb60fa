import { type DeviceFact, deviceKey } from '@salus/contracts';
import {
  canonicalBytes,
  fromBase64url,
  hashTuple,
  isPublicKey,
  type Json,
  kidOf,
  openHpke,
  type SealedEnvelope,
  sealHpke,
  toBase64url,
  utf8,
  verifyEs256,
} from '@salus/crypto';
import {
  type DeviceKeys,
  deviceSigner,
  ownDevice,
  type PatientWallet,
  parseContent,
  type WalletContent,
} from '@salus/wallet';
import { ClientError } from './client-error.ts';
import type { NodeSession } from './session.ts';

const OFFER_VERSION = 'salus:device-offer:v1';
const JOIN_VERSION = 'salus:device-join:v2';
const DEVICES_MAX = 200;
export const OFFERED_PIDS_MAX = 32;

/** A device that may, or might once, act for a pid. */
export interface ListedDevice extends DeviceFact {
  readonly kid: string;
}

/** The devices of a pid as the ledger lists them. */
export async function listDevices({ api, token }: NodeSession, pid: string): Promise<readonly ListedDevice[]> {
  const { entries } = await api.send<{ readonly entries: readonly { readonly value: ListedDevice }[] }>({
    method: 'GET',
    path: '/api/v1/ledger/entries',
    query: { prefix: deviceKey(pid, ''), limit: DEVICES_MAX },
    token,
  });
  // A guardian's key stands beside them and is no device of the patient's.
  return entries.map(({ value }) => value).filter(({ guardian }) => guardian === undefined);
}

export interface OfferedDevice {
  readonly pid: string;
  readonly device: { readonly publicKey: string; readonly hpke: string; readonly proof: string };
}

/** What a new device tells the old one: public keys only, each proven. */
export interface DeviceOffer {
  readonly version: typeof OFFER_VERSION;
  readonly network: string;
  readonly devices: readonly OfferedDevice[];
}

/** Who sealed a join: the old device, with its key for the join's pid. */
export interface JoinSeal {
  readonly publicKey: string;
  readonly signature: string;
}

/**
 * The wallet's content (no keys), sealed to the new device and signed by the old one: anybody can seal to a key that stands
 * on the ledger, and whoever chose the content would choose the recovery keys.
 */
export interface DeviceJoin {
  readonly version: typeof JOIN_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly content: SealedEnvelope;
  readonly by: JoinSeal;
}

/** On the new device: its keys for each pid. @throws ClientError `bad-offer` for none, or more than `OFFERED_PIDS_MAX` */
export async function offerDevice(network: string, keys: DeviceKeys, pids: readonly string[]): Promise<DeviceOffer> {
  if (pids.length === 0 || pids.length > OFFERED_PIDS_MAX) {
    throw new ClientError('bad-offer', `A device is offered for 1 to ${OFFERED_PIDS_MAX} pids.`);
  }
  const devices = await Promise.all(
    pids.map(async (pid) => ({ pid, device: (await ownDevice(network, keys, pid)) as OfferedDevice['device'] })),
  );
  return { version: OFFER_VERSION, network, devices };
}

/** @throws ClientError `bad-offer` */
export function parseOffer(value: Json): DeviceOffer {
  const offer = value as unknown as Partial<DeviceOffer> | null;
  const wellFormed =
    offer?.version === OFFER_VERSION &&
    typeof offer.network === 'string' &&
    Array.isArray(offer.devices) &&
    offer.devices.length > 0 &&
    offer.devices.length <= OFFERED_PIDS_MAX &&
    offer.devices.every(isOffered);
  if (!wellFormed) throw new ClientError('bad-offer', 'This is not what a new device shows.');
  return offer as DeviceOffer;
}

function isOffered(value: Partial<OfferedDevice> | null): boolean {
  const { publicKey, hpke, proof } = value?.device ?? {};
  return typeof value?.pid === 'string' && [publicKey, hpke, proof].every((text) => typeof text === 'string');
}

/**
 * On the old device, once the ledger has added the new one: what the new one needs to join, sealed to it, and what the old
 * one keeps. The recovery keys that no pid has yet are divided, so that the two never give one key to two pids.
 */
export async function sealJoin(
  wallet: PatientWallet,
  { devices }: DeviceOffer,
): Promise<{ readonly join: DeviceJoin; readonly kept: WalletContent }> {
  const [first] = devices;
  if (first === undefined) throw new ClientError('bad-offer', 'The offer holds no device.');
  const { content } = wallet;
  const kids = new Map(devices.map(({ pid, device }) => [pid, kidOf(device.publicKey)]));
  const pids = content.pids.flatMap((entry) => {
    const kid = kids.get(entry.pid);
    return kid === undefined ? [] : [{ ...entry, kid }];
  });
  const { recoveryKeys, recoveryNext } = content;
  const half = recoveryNext + Math.ceil((recoveryKeys.length - recoveryNext) / 2);
  const given: WalletContent = { ...content, pids, recoveryNext: half };
  const sealed = await sealHpke({
    publicKey: first.device.hpke,
    info: [JOIN_VERSION, content.network, first.pid],
    plaintext: canonicalBytes(given as unknown as Json),
  });
  const unsigned = { version: JOIN_VERSION, network: content.network, pid: first.pid, content: sealed } as const;
  const { key } = await deviceSigner(wallet, first.pid);
  const signature = toBase64url(await key.sign(joinStatement(unsigned, kidOf(first.device.publicKey))));
  const join: DeviceJoin = { ...unsigned, by: { publicKey: key.publicKey, signature } };
  return { join, kept: { ...content, recoveryKeys: recoveryKeys.slice(0, half) } };
}

/** What the old device signs: which content is for which new device. */
function joinStatement({ network, pid, content }: Omit<DeviceJoin, 'by'>, newKid: string): Uint8Array {
  return utf8(hashTuple('device-join', network, pid, newKid, content as unknown as Json));
}

/** @throws ClientError `bad-offer` */
export function parseJoin(value: Json): DeviceJoin {
  const join = value as unknown as Partial<DeviceJoin> | null;
  const wellFormed =
    join?.version === JOIN_VERSION &&
    typeof join.network === 'string' &&
    typeof join.pid === 'string' &&
    typeof join.content === 'object';
  if (!wellFormed) throw new ClientError('bad-offer', 'This is not what the old device answers.');
  return join as DeviceJoin;
}

/**
 * On the new device: the wallet's content.
 *
 * @param from the old device's kid for the join's pid, as the old device itself showed it: whoever brings the join does not
 * choose who made it.
 * @throws ClientError `bad-offer` where another device signed it, or it is for another one
 */
export async function openJoin(keys: DeviceKeys, join: DeviceJoin, from: string): Promise<WalletContent> {
  const { network, pid, content } = join;
  const { publicKey } = await keys.signer(pid);
  if (!isSignedBy(from, join.by, joinStatement(join, kidOf(publicKey)))) {
    throw new ClientError('bad-offer', 'The answer is not signed by the old device, or is for another new one.');
  }
  const info = [JOIN_VERSION, network, pid];
  const key = await keys.hpkeKey(pid);
  const plaintext = await openHpke({ ...key, info, envelope: content }).catch((cause: unknown) => {
    throw new ClientError('bad-offer', 'The answer of the old device is not sealed to this one.', { cause });
  });
  return parseContent(plaintext);
}

function isSignedBy(kid: string, by: Partial<JoinSeal> | undefined, statement: Uint8Array): boolean {
  const { publicKey, signature } = by ?? {};
  return (
    isPublicKey(publicKey) &&
    kidOf(publicKey) === kid &&
    /^[\w-]{86}$/.test(signature ?? '') &&
    verifyEs256(publicKey, statement, fromBase64url(signature ?? ''))
  );
}

/** Leaves it with the node, for a device of the session's pid; only that device opens it. */
export async function leaveJoin(
  { api, organisation, token }: NodeSession,
  kid: string,
  { content, by }: DeviceJoin,
): Promise<void> {
  const path = `/api/v1/orgs/${organisation}/patient/joins/${kid}`;
  await api.send({ method: 'PUT', path, body: { join: content, by }, token, repeatable: true });
}

/** On the new device: what the old one has left; it stays until `confirmJoin`. @throws the node's `not-found` */
export async function takeJoin(
  { api, organisation, token }: NodeSession,
  { network, pid }: Pick<DeviceJoin, 'network' | 'pid'>,
): Promise<DeviceJoin> {
  const path = `/api/v1/orgs/${organisation}/patient/join`;
  const { join, by } = await api.send<{ join: SealedEnvelope; by: JoinSeal }>({ method: 'GET', path, token });
  return { version: JOIN_VERSION, network, pid, content: join, by };
}

/** On the new device, once it keeps the content: the node may forget its copy. */
export async function confirmJoin({ api, organisation, token }: NodeSession): Promise<void> {
  const path = `/api/v1/orgs/${organisation}/patient/join`;
  await api.send({ method: 'DELETE', path, token, repeatable: true });
}
