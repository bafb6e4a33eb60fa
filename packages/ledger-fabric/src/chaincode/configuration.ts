import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Json } from '@salus/contracts';
import { type ExtractableHpkeKey, fromBase64url, parseJson } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import { requireMembers, requireObject } from '../strict-json.ts';

export const CONFIGURATION_VERSION = 'salus:chaincode:v1';
export const PRIVATE_KEY_VERSION = 'salus:chaincode-key:v1';
const CONFIGURATION_BYTES_MAX = 16 * 1024;
const NETWORK = /^[A-Za-z0-9_-]{22}$/;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;

/** How one organisation's chaincode is set up. Files are PEM; the HPKE key is the one that opens private values. */
export type ChaincodeConfiguration = {
  readonly network: string;
  /** Slug and MSP id. */
  readonly organisation: string;
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer; readonly clientAuthority: Buffer };
  readonly privateKey: ExtractableHpkeKey;
  /** Where the file lies: an agreement to take a ledger over lies beside it (migration/take-over.ts). */
  readonly folder: string;
};

/**
 * Reads `{version, network, organisation, tls: {certificateFile, keyFile, clientAuthorityFile}, privateKeyFile}`; paths are
 * relative to the file. The key file is JSON
 * `{version, publicKey, privateKey}`, keys in base64url. Throws `bad-configuration`, which names the member
 * or file and never its content.
 */
export function readChaincodeConfiguration(file: string): ChaincodeConfiguration {
  const value = readJson(file, 'the configuration');
  const folder = dirname(resolve(file));
  const read = (path: Json | undefined, name: string): Buffer => {
    if (typeof path !== 'string') throw bad(`${name} is a path`);
    return readBytes(resolve(folder, path), name);
  };
  const members = within('the configuration', () =>
    requireMembers(value, ['network', 'organisation', 'privateKeyFile', 'tls', 'version']),
  );
  const { network, organisation, version } = members;
  if (version !== CONFIGURATION_VERSION) throw bad(`expected the version ${CONFIGURATION_VERSION}`);
  if (typeof network !== 'string' || !NETWORK.test(network)) throw bad('network is 22 characters of base64url');
  if (typeof organisation !== 'string' || !SLUG.test(organisation)) throw bad('organisation is a slug');
  const tls = within('tls', () => requireMembers(members.tls, ['certificateFile', 'clientAuthorityFile', 'keyFile']));
  if (typeof members.privateKeyFile !== 'string') throw bad('privateKeyFile is a path');
  return {
    network,
    organisation,
    tls: {
      certificate: read(tls.certificateFile, 'tls.certificateFile'),
      key: read(tls.keyFile, 'tls.keyFile'),
      clientAuthority: read(tls.clientAuthorityFile, 'tls.clientAuthorityFile'),
    },
    privateKey: parsePrivateKey(readJson(resolve(folder, members.privateKeyFile), 'privateKeyFile')),
    folder,
  };
}

function parsePrivateKey(value: Json): ExtractableHpkeKey {
  const { version, publicKey, privateKey } = within('privateKeyFile', () => requireObject(value));
  if (version !== PRIVATE_KEY_VERSION) throw bad(`privateKeyFile has the version ${PRIVATE_KEY_VERSION}`);
  if (typeof publicKey !== 'string' || typeof privateKey !== 'string')
    throw bad('privateKeyFile holds publicKey and privateKey');
  try {
    return { publicKey, privateKey: fromBase64url(privateKey) };
  } catch {
    throw bad('privateKeyFile holds keys in base64url');
  }
}

function readJson(file: string, name: string): Json {
  try {
    return parseJson(readBytes(file, name), { sizeMax: CONFIGURATION_BYTES_MAX });
  } catch (cause) {
    if (cause instanceof FabricError) throw cause;
    throw bad(`${name} is no JSON`);
  }
}

function readBytes(file: string, name: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FabricError('bad-configuration', `${name} cannot be read`, { cause });
  }
}

function within<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FabricError) throw bad(`${name}: ${error.message}`);
    throw error;
  }
}

function bad(message: string): FabricError {
  return new FabricError('bad-configuration', message);
}
