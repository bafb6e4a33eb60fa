import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { ServerError } from '../server-error.ts';

/** Where rest-hooks may go: https to public addresses, and what the administrator has listed. */
export interface EndpointRules {
  /** Host names or addresses, with the port where one is given: they may be private. */
  readonly listed: ReadonlySet<string>;
  /** In a demonstration plain http to this machine is a hook, too. */
  readonly demonstration: boolean;
}

const URL_LENGTH_MAX = 2_000;
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** Addresses that are no public host (IANA special-purpose registries, RFC 6890): a hook there would reach what the node reaches. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const),
  ...([
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
  ] as const),
  ...([
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 4],
    ['240.0.0.0', 4],
  ] as const),
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
/** Of IPv6 only global unicast is public, without what embeds or documents other addresses. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

/**
 * Refuses an endpoint by its form; its addresses are looked at when it is called.
 *
 * @throws ServerError `bad-request`
 */
export function demandEndpoint(endpoint: string, rules: EndpointRules): URL {
  const url = endpoint.length <= URL_LENGTH_MAX && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '') throw refused('is no URL of a hook');
  const isOpen =
    url.protocol === 'http:' && LOOPBACK.has(url.hostname) && (rules.demonstration || isListed(url, rules));
  if (url.protocol !== 'https:' && !isOpen) throw refused('is not https');
  const address = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0 && !mayCall(url, address, rules)) throw refused('is an address that is not public');
  return url;
}

/** May this address be called for this URL? Asked with the address that the connection is made to. */
export function mayCall(url: URL, address: string, rules: EndpointRules): boolean {
  if (isListed(url, rules)) return true;
  if (rules.demonstration && LOOPBACK.has(url.hostname) && isLoopback(address)) return true;
  return isPublic(address);
}

/** A resolver that gives no address that may not be called: what is checked is what is connected to. */
export function guardedLookup(url: URL, rules: EndpointRules): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, []);
        return;
      }
      const allowed = (addresses as LookupAddress[]).filter(({ address }) => mayCall(url, address, rules));
      const [first] = allowed;
      if (first === undefined) done(Object.assign(new Error('no public address'), { code: 'ENOTFOUND' }), []);
      else if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}

function isListed(url: URL, { listed }: EndpointRules): boolean {
  return listed.has(url.host) || listed.has(url.hostname);
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !PRIVATE.check(address, 'ipv4');
    case 6:
      // An IPv4 address in IPv6 clothes is outside 2000::/3, too.
      return GLOBAL.check(address, 'ipv6') && !PRIVATE.check(address, 'ipv6');
    default:
      return false;
  }
}

function refused(problem: string): ServerError {
  return new ServerError('bad-request', `The endpoint ${problem}.`);
}
