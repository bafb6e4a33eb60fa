import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isElsewhere } from '../certificates/organisation-material.ts';
import { MSP_ID } from '../channel/organisation.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';
import type { NetworkPlace } from './channel-update.ts';
import { requireOrganisation } from './membership.ts';

const VERSION = 'salus:organisation-card:v1';
export const CARD_BYTES_MAX = 1024 * 1024;
const MSP_LISTS = ['cacerts', 'intermediatecerts', 'tlscacerts', 'tlsintermediatecerts', 'crls'] as const;
const FILE_NAME = /^[a-z0-9][a-z0-9.-]{0,62}\.pem$/;
const MACHINE = /^[a-z][a-z0-9-]{0,30}$/;
const PEM = /^(?:-----BEGIN (CERTIFICATE|X509 CRL)-----\n[A-Za-z0-9+/=\n]+\n-----END \1-----\n?)+$/;

/** An organisation's public part, which every other host needs: authorities, and the certificates of its orderers. */
export interface OrganisationCard {
  readonly version: typeof VERSION;
  readonly organisation: string;
  /** PEM by `list/file`, as in an MSP folder. */
  readonly msp: Readonly<Record<string, string>>;
  /** By the orderer's name. */
  readonly orderers: Readonly<Record<string, { readonly identity: string; readonly tls: string }>>;
}

/** The public part of an organisation here; no key is in it. */
export function exportOrganisation(place: NetworkPlace, slug: string): OrganisationCard {
  const organisation = requireOrganisation(place, slug);
  const layout = place.layout.organisation(slug);
  if (!existsSync(layout.msp))
    throw new NetworkError('not-found', `${slug} has no certificates here yet: bring it up.`);
  const msp = MSP_LISTS.flatMap((list) => {
    const folder = join(layout.msp, list);
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    return names.map((name) => [`${list}/${name}`, readFileSync(join(folder, name), 'utf8')] as const);
  });
  const orderers = organisation.orderers.map(({ name }) => {
    const machine = layout.orderer(name);
    const identity = readFileSync(join(machine.msp, 'signcerts', 'cert.pem'), 'utf8');
    return [name, { identity, tls: readFileSync(machine.tls.certificate, 'utf8') }] as const;
  });
  return { version: VERSION, organisation: slug, msp: Object.fromEntries(msp), orderers: Object.fromEntries(orderers) };
}

/**
 * Puts another organisation's public part in its place; returns its slug. Throws NetworkError `malformed`, and `bad-input` for
 * an organisation whose keys are here, which nobody else's card may replace.
 */
export function importOrganisation(place: NetworkPlace, text: string): string {
  const { organisation: slug, msp, orderers } = parseCard(text);
  const layout = place.layout.organisation(slug);
  if (existsSync(layout.msp) && !isElsewhere(requireOrganisation(place, slug), layout)) {
    throw new NetworkError('bad-input', `The keys of ${slug} are on this host: its public part is here already.`);
  }
  for (const [path, pem] of Object.entries(msp)) writeIfChanged(join(layout.msp, path), pem);
  for (const [name, { identity, tls }] of Object.entries(orderers)) {
    const machine = layout.orderer(name);
    writeIfChanged(join(machine.msp, 'signcerts', 'cert.pem'), identity);
    writeIfChanged(machine.tls.certificate, tls);
  }
  return slug;
}

function parseCard(text: string): OrganisationCard {
  if (Buffer.byteLength(text) > CARD_BYTES_MAX) throw malformed(`is larger than ${CARD_BYTES_MAX} bytes`);
  let card: unknown;
  try {
    card = JSON.parse(text);
  } catch (cause) {
    throw malformed('is no JSON', cause);
  }
  const { version, organisation, msp, orderers } = isRecord(card) ? card : {};
  if (version !== VERSION || typeof organisation !== 'string' || !MSP_ID.test(organisation)) {
    throw malformed(`is not of version ${VERSION}`);
  }
  if (!isRecord(msp) || !isRecord(orderers)) throw malformed('lacks msp or orderers');
  for (const [path, pem] of Object.entries(msp)) {
    const [list, name, ...rest] = path.split('/');
    const known = MSP_LISTS.some((one) => one === list) && FILE_NAME.test(name ?? '') && rest.length === 0;
    if (!known || !isPem(pem)) throw malformed('holds a file that belongs into no MSP');
  }
  for (const [name, certificates] of Object.entries(orderers)) {
    const whole = isRecord(certificates) && isPem(certificates.identity) && isPem(certificates.tls);
    if (!MACHINE.test(name) || !whole) throw malformed('holds what is no orderer');
  }
  return { version, organisation, msp, orderers } as OrganisationCard;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPem(value: unknown): value is string {
  return typeof value === 'string' && PEM.test(value);
}

function malformed(what: string, cause?: unknown): NetworkError {
  return new NetworkError('malformed', `The public part of an organisation ${what}.`, { cause });
}
