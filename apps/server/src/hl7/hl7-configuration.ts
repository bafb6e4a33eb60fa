import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { ServerError } from '../server-error.ts';

const FILE_BYTES_MAX = 256 * 1024;
const LISTENERS_MAX = 64;
const PEERS_MAX = 1_000;
const SYSTEMS_MAX = 1_000;
const ORGANISATION = /^[a-z][a-z0-9-]{1,31}$/;
/** A client's name within its organisation. */
export const CLIENT_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const FINGERPRINT = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/;
const TIME_ZONE = /^[+-](?:0\d|1[0-4]):[0-5]\d$/;
const PROCESSING_ID = /^[PTD]$/;

/** Who may connect, and as which client of the organisation: by address, or by the fingerprint of its certificate. */
export interface Hl7Peer {
  readonly client: string;
  readonly address: string | null;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string | null;
}

export interface Hl7ListenerSettings {
  readonly organisation: string;
  readonly host: string;
  readonly port: number;
  /** With TLS every peer shows a certificate; without, peers are told by address alone. */
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | null;
  readonly peers: readonly Hl7Peer[];
  /** URIs of assigning authorities by the namespaces that the messages use. */
  readonly systems: ReadonlyMap<string, string>;
  /** `+01:00`: of times that name no offset. */
  readonly timeZone: string;
  /** HL7 table 0103: which messages are taken; production only unless told. */
  readonly processingIds: readonly string[];
}

/**
 * The file that `SALUS_HL7` names: `{"listeners": [{"organisation", "host", "port", "tls", "peers", "systems", "timeZone",
 * "processingIds"}]}`.
 *
 * @throws ServerError `bad-setting` saying which member is wrong
 */
export function readHl7Configuration(file: string): readonly Hl7ListenerSettings[] {
  if (statSync(file).size > FILE_BYTES_MAX) throw bad(`is larger than ${FILE_BYTES_MAX} bytes`);
  const listeners = listOf(objectOf(parse(file), 'its content', ['listeners']).listeners, 'listeners', LISTENERS_MAX);
  return listeners.map((value, at) => parseListener(value, `listeners[${at}]`, dirname(file)));
}

function parseListener(value: unknown, name: string, base: string): Hl7ListenerSettings {
  const members = objectOf(value, name, [
    ...['organisation', 'host', 'port', 'tls', 'peers', 'systems', 'timeZone', 'processingIds'],
  ]);
  const port = members.port;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw bad(`has no port number in ${name}.port`);
  }
  const tls = members.tls === undefined || members.tls === null ? null : parseTls(members.tls, `${name}.tls`, base);
  const peers = listOf(members.peers, `${name}.peers`, PEERS_MAX).map((peer, at) =>
    parsePeer(peer, `${name}.peers[${at}]`, tls !== null),
  );
  const keys = peers.map(({ address, fingerprint }) => fingerprint ?? address);
  if (new Set(keys).size !== keys.length) throw bad(`names a peer of ${name} twice`);
  const processing = members.processingIds ?? ['P'];
  return {
    organisation: textOf(members.organisation, `${name}.organisation`, ORGANISATION),
    host: hostOf(members.host ?? '127.0.0.1', `${name}.host`),
    port,
    tls,
    peers,
    systems: parseSystems(members.systems ?? {}, `${name}.systems`),
    timeZone: textOf(members.timeZone ?? '+00:00', `${name}.timeZone`, TIME_ZONE),
    processingIds: listOf(processing, `${name}.processingIds`, 3).map((id) =>
      textOf(id, `${name}.processingIds`, PROCESSING_ID),
    ),
  };
}

function parsePeer(value: unknown, name: string, isTls: boolean): Hl7Peer {
  const members = objectOf(value, name, ['client', 'address', 'fingerprint']);
  const client = textOf(members.client, `${name}.client`, CLIENT_NAME);
  // Behind TLS an address says nothing, and without it a certificate is never shown.
  if (isTls) {
    return { client, address: null, fingerprint: textOf(members.fingerprint, `${name}.fingerprint`, FINGERPRINT) };
  }
  return { client, address: hostOf(members.address, `${name}.address`), fingerprint: null };
}

function parseTls(value: unknown, name: string, base: string): NonNullable<Hl7ListenerSettings['tls']> {
  const { certificateFile, keyFile } = objectOf(value, name, ['certificateFile', 'keyFile']);
  if (typeof certificateFile !== 'string' || typeof keyFile !== 'string') {
    throw bad(`has no certificateFile and keyFile in ${name}`);
  }
  return { certificateFile: resolve(base, certificateFile), keyFile: resolve(base, keyFile) };
}

function parseSystems(value: unknown, name: string): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`has no object in ${name}`);
  const entries = Object.entries(value);
  if (entries.length > SYSTEMS_MAX) throw bad(`has more than ${SYSTEMS_MAX} members in ${name}`);
  return new Map(
    entries.map(([namespace, system]) => {
      if (typeof system !== 'string' || !URL.canParse(system)) throw bad(`has something that is no URI in ${name}`);
      return [namespace, system];
    }),
  );
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ServerError('bad-setting', 'SALUS_HL7 names a file that is not JSON.', { cause });
  }
}

function objectOf(value: unknown, name: string, known: readonly string[]): { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`has no object in ${name}`);
  const unknown = Object.keys(value).find((member) => !known.includes(member));
  if (unknown !== undefined) throw bad(`has an unknown member ${unknown} in ${name}`);
  return value as { readonly [name: string]: unknown };
}

function listOf(value: unknown, name: string, max: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > max) {
    throw bad(`has no list of 1 to ${max} members in ${name}`);
  }
  return value;
}

function textOf(value: unknown, name: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw bad(`has nothing that is allowed in ${name}`);
  return value;
}

function hostOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || isIP(value) === 0) throw bad(`has no IP address in ${name}`);
  return value;
}

function bad(problem: string): ServerError {
  return new ServerError('bad-setting', `The file of SALUS_HL7 ${problem}.`);
}
