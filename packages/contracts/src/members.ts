import { ContractError } from './errors.ts';
import type { Json } from './json.ts';

/** membership/network */
export type NetworkFact = {
  readonly network: string;
  readonly founder: string;
  readonly foundedMs: number;
  /** Every organisation that ever joined, sorted; a removed one stays listed, because old signatures still need its roots. */
  readonly organisations: readonly string[];
};

/** One certificate authority of an organisation; `authority` is hashTuple('certificate', certificate). */
export type AuthorityFact = {
  readonly authority: string;
  readonly certificate: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
};

/** One HPKE key that may receive sealed keys; `holder` is 'organisation' or the id of a client. */
export type HpkeKeyFact = {
  readonly kid: string;
  readonly publicKey: string;
  readonly holder: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
};

/** membership/roots/<organisation> */
export type RootsFact = {
  readonly organisation: string;
  readonly status: 'active' | 'removed';
  readonly ca: readonly AuthorityFact[];
  readonly hpke: readonly HpkeKeyFact[];
};

/** membership/revoked/<organisation>: [id, certificateNotAfterMs], sorted by id, without expired ones. */
export type RevokedFact = readonly (readonly [id: string, certificateNotAfterMs: number])[];

/** The members as of the state before the call; every call loads all of them, so that no read set tells who is concerned. */
export interface Members {
  readonly network: NetworkFact | undefined;
  /** Organisations that are active, sorted. */
  readonly active: readonly string[];
  roots(organisation: string): RootsFact | undefined;
  isActive(organisation: string): boolean;
  /** Certificates of the authorities that are live at `atMs`; empty for an unknown or removed organisation. */
  authorities(organisation: string, atMs: number): readonly AuthorityFact[];
  isRevoked(organisation: string, id: string): boolean;
  /** The listed HPKE key of an active organisation that is live at `atMs`. */
  findHpkeKey(organisation: string, kid: string, atMs: number): HpkeKeyFact | undefined;
}

export const NETWORK_KEY = 'membership/network';
export const rootsKey = (organisation: string): string => `membership/roots/${organisation}`;
export const revokedKey = (organisation: string): string => `membership/revoked/${organisation}`;

/** Reads membership/network, then roots and revoked of every organisation named there, by `get` and in one go. */
export async function loadMembers(
  get: (key: string) => Json | undefined | Promise<Json | undefined>,
): Promise<Members> {
  const network = (await get(NETWORK_KEY)) as NetworkFact | undefined;
  if (network === undefined) return membersOf(undefined, new Map(), new Map());
  const names = network.organisations;
  const values = await Promise.all(names.flatMap((name) => [get(rootsKey(name)), get(revokedKey(name))]));
  const roots = new Map<string, RootsFact>();
  const revoked = new Map<string, RevokedFact>();
  names.forEach((name, index) => {
    const rootsFact = values[2 * index] as RootsFact | undefined;
    const revokedFact = values[2 * index + 1] as RevokedFact | undefined;
    // An organisation that is listed without both keys is a broken state, never a refusal of the call.
    if (rootsFact === undefined || revokedFact === undefined) throw new Error(`membership of ${name} is incomplete`);
    roots.set(name, rootsFact);
    revoked.set(name, revokedFact);
  });
  return membersOf(network, roots, revoked);
}

/** The network, which every transaction but the founding may rely on. */
export function readNetwork(members: Members): NetworkFact {
  if (members.network === undefined) throw new ContractError('not-founded');
  return members.network;
}

function membersOf(
  network: NetworkFact | undefined,
  roots: ReadonlyMap<string, RootsFact>,
  revoked: ReadonlyMap<string, RevokedFact>,
): Members {
  const isActive = (organisation: string): boolean => roots.get(organisation)?.status === 'active';
  return {
    network,
    active: network === undefined ? [] : network.organisations.filter(isActive),
    roots: (organisation) => roots.get(organisation),
    isActive,
    authorities: (organisation, atMs) =>
      isActive(organisation) ? (roots.get(organisation)?.ca.filter((fact) => isLive(fact, atMs)) ?? []) : [],
    isRevoked: (organisation, id) => {
      const list = revoked.get(organisation);
      return list !== undefined && holds(list, id);
    },
    findHpkeKey: (organisation, kid, atMs) =>
      isActive(organisation)
        ? roots.get(organisation)?.hpke.find((fact) => fact.kid === kid && isLive(fact, atMs))
        : undefined,
  };
}

/** Live from `fromMs` on and before `untilMs`. */
export function isLive(fact: { readonly fromMs: number; readonly untilMs: number | null }, atMs: number): boolean {
  return fact.fromMs <= atMs && (fact.untilMs === null || atMs < fact.untilMs);
}

function holds(list: RevokedFact, id: string): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = list[middle]!;
    if (entry[0] === id) return true;
    if (entry[0] < id) low = middle + 1;
    else high = middle;
  }
  return false;
}
