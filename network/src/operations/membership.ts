import { existsSync } from 'node:fs';
import { ensureOrganisationMaterial } from '../certificates/organisation-material.ts';
import {
  type ChannelConfig,
  type ChannelView,
  describeChannel,
  withBatch,
  withConsenter,
  withOrganisation,
  withoutConsenter,
  withoutOrganisation,
} from '../channel/index.ts';
import { findOrganisation, type Organisation } from '../consortium/consortium.ts';
import { NetworkError } from '../network-error.ts';
import { consenterOf, definitionOf } from '../up/ensure-genesis.ts';
import type { NetworkPlace } from './channel-update.ts';

/** One step of a change: what it is called, and what it makes of the configuration. */
export interface Change {
  readonly title: string;
  readonly change: (config: ChannelConfig) => ChannelConfig;
}

export interface Founding {
  readonly masterKeys: ReadonlyMap<string, Uint8Array>;
  readonly nowMs: number;
}

/** The organisation of consortium.yaml. Throws NetworkError `not-found`. */
export function requireOrganisation({ consortium }: NetworkPlace, slug: string): Organisation {
  const found = findOrganisation(consortium, slug);
  if (found !== undefined) return found;
  const slugs = consortium.organisations.map((organisation) => organisation.slug).join(', ');
  throw new NetworkError('not-found', `consortium.yaml has no organisation ${slug}; it has ${slugs}.`);
}

/** Keys and certificates of an organisation that is to run here, unless its public part came from another host. */
export async function ensureMaterialHere(place: NetworkPlace, slug: string, founding: Founding): Promise<void> {
  const organisation = requireOrganisation(place, slug);
  const layout = place.layout.organisation(slug);
  const masterKey = founding.masterKeys.get(slug);
  if (masterKey === undefined) {
    if (existsSync(layout.msp)) return;
    throw new NetworkError('not-found', `Neither keys nor the public part of ${slug} are here: import-org brings it.`);
  }
  await ensureOrganisationMaterial({ organisation, layout, masterKey, nowMs: founding.nowMs });
}

/** The admission of an organisation of consortium.yaml; none where it is a member. Its orderers follow one by one. */
export function admissionOf(place: NetworkPlace, view: ChannelView, slug: string): readonly Change[] {
  const organisation = requireOrganisation(place, slug);
  if (isMember(view, slug)) return [];
  const definition = { ...definitionOf(place.layout, organisation), ordererEndpoints: [] };
  return [{ title: `${slug} joins`, change: (config) => withOrganisation(config, definition) }];
}

/** What makes an organisation leave: each of its orderers, then itself; none where it is no member. */
export function departureOf(view: ChannelView, slug: string): readonly Change[] {
  const orderers = view.consenters.filter(({ mspId }) => mspId === slug).map(({ host, port }) => `${host}:${port}`);
  const leave: readonly Change[] = isMember(view, slug)
    ? [{ title: `${slug} leaves`, change: (config) => withoutOrganisation(config, slug) }]
    : [];
  return [
    ...orderers.map((endpoint) => ({
      title: `the orderer ${endpoint} leaves`,
      change: (config: ChannelConfig) => withoutConsenter(config, endpoint),
    })),
    ...leave,
  ];
}

/** One more orderer of a member, as consortium.yaml names it; none where it orders already. */
export function ordererAdmissionOf(place: NetworkPlace, slug: string, name: string): readonly Change[] {
  const organisation = requireOrganisation(place, slug);
  const orderer = organisation.orderers.find((one) => one.name === name);
  if (orderer === undefined) throw new NetworkError('not-found', `consortium.yaml has no orderer ${name} of ${slug}.`);
  const change = (config: ChannelConfig): ChannelConfig => {
    const view = describeChannel(config);
    if (view.consenters.some(({ host, port }) => host === organisation.host && port === orderer.port)) return config;
    // Ids only grow, for BFT must not take a new orderer for one that left (Raft has none: its consenters count).
    const id = 1 + Math.max(view.consenters.length, ...view.consenters.map((one) => one.id));
    return withConsenter(config, consenterOf(place.layout, organisation, { ...orderer, id }));
  };
  return [{ title: `${slug}'s ${name} orders`, change }];
}

/** The channel's settings as consortium.yaml states them. */
export function settingsOf({ consortium }: NetworkPlace): readonly Change[] {
  const { batchTimeoutMs, batchCountMax } = consortium.channel;
  const batch = { timeoutMs: batchTimeoutMs, maxCount: batchCountMax };
  return [{ title: 'settings of consortium.yaml', change: (config) => withBatch(config, batch) }];
}

export function isMember(view: ChannelView, slug: string): boolean {
  return view.organisations.some(({ mspId, member }) => mspId === slug && member);
}
