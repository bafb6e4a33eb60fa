import { existsSync, readFileSync } from 'node:fs';
import { parseJson } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import type { ExchangePeer } from '@salus/records';
import { ServerError } from '../server-error.ts';
import type { TlsIdentity } from './node-certificate.ts';
import { openPeerClient, type PeerClient } from './peer-client.ts';

const FILE_BYTES_MAX = 64 * 1024;
const PEERS_MAX = 64;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;

/** Where another organisation is found. An address proves nothing: TLS does. */
export interface PeerAddress {
  /** Of its exchange, `https://host:port`. */
  readonly exchange: string;
  /** Of what clients use: its FHIR base lies below. That of the exchange unless told. */
  readonly public: string;
}

export type PeerAddresses = ReadonlyMap<string, PeerAddress>;

/**
 * Reads the file that SALUS_EXCHANGE_PEERS names: one JSON object of slugs and https addresses, each alone or as `exchange` beside a
 * `public` one.
 *
 * @throws ServerError `bad-setting`
 */
export function readPeerAddresses(file: string): PeerAddresses {
  const bad = (problem: string, cause?: unknown): ServerError =>
    new ServerError('bad-setting', `SALUS_EXCHANGE_PEERS ${problem}.`, { cause });
  if (!existsSync(file)) throw bad(`names ${file}, which does not exist`);
  let entries: readonly (readonly [string, unknown])[];
  try {
    entries = Object.entries(parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 2 }) ?? {});
  } catch (cause) {
    throw bad('is not a JSON object of slugs and addresses', cause);
  }
  if (entries.length > PEERS_MAX) throw bad(`names more than ${PEERS_MAX} organisations`);
  return new Map(
    entries.map(([slug, address]) => {
      const { exchange, public: base = exchange } = isObject(address) ? address : { exchange: address };
      const [listening, shown] = [urlOf(exchange), urlOf(base)];
      if (!SLUG.test(slug) || listening?.protocol !== 'https:') {
        throw bad(`has no https address for ${slug.slice(0, 32)}`);
      }
      if (shown === undefined) throw bad(`has no public address for ${slug.slice(0, 32)}`);
      return [slug, { exchange: listening.origin, public: `${shown.origin}${shown.pathname}`.replace(/\/+$/, '') }];
    }),
  );
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function urlOf(value: unknown): URL | undefined {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined;
}

/** The other organisations' gateways, each opened when it is first needed. */
export interface PeerDirectory extends Disposable {
  find(slug: string): ExchangePeer | undefined;
}

export function openPeerDirectory(options: {
  readonly addresses: PeerAddresses;
  readonly identity: TlsIdentity;
  readonly ledger: Ledger;
  readonly nowMs: () => number;
}): PeerDirectory {
  const { addresses, ...common } = options;
  const clients = new Map<string, PeerClient>();
  return {
    find: (organisation) => {
      const url = addresses.get(organisation)?.exchange;
      if (url === undefined) return undefined;
      const client = clients.get(organisation) ?? openPeerClient({ ...common, organisation, url });
      clients.set(organisation, client);
      return client;
    },
    [Symbol.dispose]: () => {
      for (const client of clients.values()) client[Symbol.dispose]();
    },
  };
}
