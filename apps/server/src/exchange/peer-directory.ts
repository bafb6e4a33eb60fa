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

/** Where other organisations' exchanges listen: slug → `https://host:port`. An address proves nothing: TLS does. */
export type PeerAddresses = ReadonlyMap<string, string>;

/**
 * Reads the file that SALUS_EXCHANGE_PEERS names: one JSON object of slugs and https addresses.
 *
 * @throws ServerError `bad-setting`
 */
export function readPeerAddresses(file: string): PeerAddresses {
  const bad = (problem: string, cause?: unknown): ServerError =>
    new ServerError('bad-setting', `SALUS_EXCHANGE_PEERS ${problem}.`, { cause });
  if (!existsSync(file)) throw bad(`names ${file}, which does not exist`);
  let entries: readonly (readonly [string, unknown])[];
  try {
    entries = Object.entries(parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 1 }) ?? {});
  } catch (cause) {
    throw bad('is not a JSON object of slugs and addresses', cause);
  }
  if (entries.length > PEERS_MAX) throw bad(`names more than ${PEERS_MAX} organisations`);
  return new Map(
    entries.map(([slug, address]) => {
      const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
      if (!SLUG.test(slug) || url?.protocol !== 'https:') throw bad(`has no https address for ${slug.slice(0, 32)}`);
      return [slug, url.origin];
    }),
  );
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
      const url = addresses.get(organisation);
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
