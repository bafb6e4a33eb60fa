import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CryptoError, isPublicKey, type Json, parseJson } from '@salus/crypto';
import { FabricError } from './fabric-error.ts';

export const CONNECTION_VERSION = 'salus:fabric:v1';
/** Peers that one organisation names at most. */
export const PEERS_MAX = 16;
const FILE_BYTES_MAX = 64 * 1024;

/** One of the organisation's own peers. */
export type FabricPeer = {
  readonly name: string;
  /** `host:port`. */
  readonly endpoint: string;
  /** Path of the PEM with the authority that certified the peer's TLS certificate. */
  readonly tlsAuthorityFile: string;
};

/**
 * How one organisation's node reaches its own part of a Fabric network. All paths are absolute once it is read; in the file they
 * are relative to it.
 */
export type FabricConnection = {
  readonly version: typeof CONNECTION_VERSION;
  /** The Salus network on this channel: 22 characters base64url. */
  readonly network: string;
  readonly channel: string;
  /** Name of the chaincode and of its namespace. */
  readonly chaincode: string;
  /** The organisation's slug, which is also its MSP id. */
  readonly organisation: string;
  /** Own peers, the first one preferred. */
  readonly peers: readonly [FabricPeer, ...FabricPeer[]];
  /** The submitting node's Fabric identity: PEM files, the key of mode 0600. */
  readonly identity: { readonly certificateFile: string; readonly keyFile: string };
  /** HPKE public key of the own chaincode, base64url: private arguments are sealed to it. */
  readonly chaincodeKey: string;
  /** Folder of `<sha256 hex>.cjs`: every bundle of contracts that the channel has run. */
  readonly bundles: string;
  /** Whether this organisation founds the network. */
  readonly founder: boolean;
};

const MEMBERS = [
  'bundles',
  'chaincode',
  'chaincodeKey',
  'channel',
  'founder',
  'identity',
  'network',
  'organisation',
  'peers',
  'version',
];
const NETWORK = /^[A-Za-z0-9_-]{21}[AQgw]$/;
/** Names that Fabric takes for channels (core/ledger, configtx): lower case, digits, dots and dashes. */
const CHANNEL = /^[a-z][a-z0-9.-]{0,248}$/;
const CHAINCODE = /^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$/;
const ORGANISATION = /^[a-z][a-z0-9-]{1,31}$/;
const PEER_NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const ENDPOINT = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})$/;
const PORT_MAX = 65_535;
const PATH_MAX = 1_024;

/** Reads and checks a connection file. `bad-configuration` when it is absent or says something else than expected. */
export function readFabricConnection(file: string): FabricConnection {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new FabricError('bad-configuration', 'the connection file cannot be read', { cause });
  }
  return parseFabricConnection(bytes, dirname(resolve(file)));
}

/** The connection that the bytes of a file in `folder` (absolute) describe. `bad-configuration`. */
export function parseFabricConnection(bytes: Uint8Array, folder: string): FabricConnection {
  const value = requireObject(parseBounded(bytes), 'the connection file', MEMBERS);
  const { version, network, channel, chaincode, organisation, chaincodeKey, founder } = value;
  demand(version === CONNECTION_VERSION, `version is not ${CONNECTION_VERSION}`);
  requireText(network, NETWORK, 'network is not 22 characters base64url');
  requireText(channel, CHANNEL, 'channel is not a channel name');
  requireText(chaincode, CHAINCODE, 'chaincode is not a chaincode name');
  requireText(organisation, ORGANISATION, 'organisation is not a slug');
  demand(typeof chaincodeKey === 'string' && isPublicKey(chaincodeKey), 'chaincodeKey is not a public key');
  demand(typeof founder === 'boolean', 'founder is not true or false');
  const identity = requireObject(value.identity, 'identity', ['certificateFile', 'keyFile']);
  return {
    version: CONNECTION_VERSION,
    network,
    channel,
    chaincode,
    organisation,
    peers: parsePeers(value.peers, folder),
    identity: {
      certificateFile: parsePath(identity.certificateFile, folder, 'identity.certificateFile'),
      keyFile: parsePath(identity.keyFile, folder, 'identity.keyFile'),
    },
    chaincodeKey,
    bundles: parsePath(value.bundles, folder, 'bundles'),
    founder,
  };
}

function parseBounded(bytes: Uint8Array): Json {
  try {
    return parseJson(bytes, { sizeMax: FILE_BYTES_MAX });
  } catch (cause) {
    if (cause instanceof CryptoError) throw refusal('is not JSON within its bounds');
    throw cause;
  }
}

function parsePeers(value: Json | undefined, folder: string): FabricConnection['peers'] {
  demand(Array.isArray(value) && value.length >= 1 && value.length <= PEERS_MAX, `peers are not 1 to ${PEERS_MAX}`);
  const [first, ...others] = (value as readonly Json[]).map((item, at): FabricPeer => {
    const field = `peers[${at}]`;
    const { name, endpoint, tlsAuthorityFile } = requireObject(item, field, ['endpoint', 'name', 'tlsAuthorityFile']);
    requireText(name, PEER_NAME, `${field}.name is not a host name`);
    requireText(endpoint, ENDPOINT, `${field}.endpoint is not host:port`);
    const port = Number(ENDPOINT.exec(endpoint)?.[1]);
    demand(port >= 1 && port <= PORT_MAX, `${field}.endpoint has no port from 1 to ${PORT_MAX}`);
    return { name, endpoint, tlsAuthorityFile: parsePath(tlsAuthorityFile, folder, `${field}.tlsAuthorityFile`) };
  });
  return [first!, ...others];
}

function parsePath(value: Json | undefined, folder: string, field: string): string {
  const isPath = typeof value === 'string' && value.length >= 1 && value.length <= PATH_MAX && !value.includes('\0');
  demand(isPath, `${field} is not a path`);
  return resolve(folder, value as string);
}

function requireObject(
  value: Json | undefined,
  field: string,
  members: readonly string[],
): Readonly<Record<string, Json>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  demand(isObject, `${field} is not an object`);
  const keys = Object.keys(value as object).sort();
  const expected = keys.length === members.length && keys.every((key, at) => key === members[at]);
  demand(expected, `${field} does not have exactly the members ${members.join(', ')}`);
  return value as Readonly<Record<string, Json>>;
}

function requireText(value: Json | undefined, pattern: RegExp, message: string): asserts value is string {
  demand(typeof value === 'string' && pattern.test(value), message);
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw refusal(message);
}

function refusal(message: string): FabricError {
  return new FabricError('bad-configuration', `connection file: ${message}`);
}
