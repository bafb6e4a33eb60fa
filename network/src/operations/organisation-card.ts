import { hash, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isElsewhere } from '../certificates/organisation-material.ts';
import { MSP_ID } from '../channel/organisation.ts';
import type { MachineLayout, OrganisationLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';
import type { NetworkPlace } from './channel-update.ts';
import { requireOrganisation } from './membership.ts';

const VERSION = 'salus:organisation-card:v1';
export const CARD_BYTES_MAX = 1024 * 1024;
const MSP_LISTS = ['cacerts', 'intermediatecerts', 'tlscacerts', 'tlsintermediatecerts', 'crls'] as const;
const FILE_NAME = /^[a-z0-9][a-z0-9.-]{0,62}\.pem$/;
const MACHINE = /^[a-z][a-z0-9-]{0,30}$/;
const BLOCK = /-----BEGIN (CERTIFICATE|X509 CRL)-----\n[A-Za-z0-9+/=\n]+\n-----END \1-----/g;
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
  const msp = readMsp(layout);
  const orderers = organisation.orderers.map(({ name }) => {
    const machine = layout.orderer(name);
    const identity = readFileSync(identityFile(machine), 'utf8');
    return [name, { identity, tls: readFileSync(machine.tls.certificate, 'utf8') }] as const;
  });
  return { version: VERSION, organisation: slug, msp, orderers: Object.fromEntries(orderers) };
}

export interface ImportedOrganisation {
  readonly organisation: string;
  readonly outcome: 'taken' | 'unchanged' | 'replaced';
  /** `cacerts/ca.pem AB:CD:…`: SHA-256 of each authority, to be compared with the organisation by another way. */
  readonly fingerprints: readonly string[];
}

/**
 * Puts another organisation's public part in its place. The slug inside the card decides whose it is. Throws NetworkError
 * `malformed`, and `bad-input` for an organisation whose keys are here, which nobody else's card may replace, and for one whose
 * public part is here and another, unless `replace`: then nothing of the former part stays.
 */
export function importOrganisation(
  place: NetworkPlace,
  text: string,
  { replace = false }: { readonly replace?: boolean } = {},
): ImportedOrganisation {
  const card = parseCard(text);
  const { organisation: slug, msp, orderers } = card;
  const layout = place.layout.organisation(slug);
  const fingerprints = fingerprintsOf(msp);
  if (existsSync(layout.msp) && !isElsewhere(requireOrganisation(place, slug), layout)) {
    throw new NetworkError('bad-input', `The keys of ${slug} are on this host: its public part is here already.`);
  }
  const before = findImported(place, slug);
  const isSame = before !== undefined && isDeepStrictEqual(before, { msp, orderers });
  if (before !== undefined && !isSame) {
    if (!replace) throw otherCard(slug, before, card);
    for (const list of MSP_LISTS) rmSync(join(layout.msp, list), { recursive: true, force: true });
    for (const name of Object.keys(before.orderers)) {
      const machine = layout.orderer(name);
      for (const file of [identityFile(machine), machine.tls.certificate]) rmSync(file, { force: true });
    }
  }
  for (const [path, pem] of Object.entries(msp)) writeIfChanged(join(layout.msp, path), pem);
  for (const [name, { identity, tls }] of Object.entries(orderers)) {
    const machine = layout.orderer(name);
    writeIfChanged(identityFile(machine), identity);
    writeIfChanged(machine.tls.certificate, tls);
  }
  const outcome = before === undefined ? 'taken' : isSame ? 'unchanged' : 'replaced';
  return { organisation: slug, outcome, fingerprints };
}

type PublicPart = Pick<OrganisationCard, 'msp' | 'orderers'>;

/** What an earlier card left here; undefined where there was none. */
function findImported({ layout }: NetworkPlace, slug: string): PublicPart | undefined {
  const own = layout.organisation(slug);
  const msp = readMsp(own);
  const folder = join(own.folder, 'orderers');
  const orderers = (existsSync(folder) ? readdirSync(folder).sort() : []).flatMap((name) => {
    const machine = own.orderer(name);
    const files = [identityFile(machine), machine.tls.certificate];
    if (!files.every((file) => existsSync(file))) return [];
    const [identity = '', tls = ''] = files.map((file) => readFileSync(file, 'utf8'));
    return [[name, { identity, tls }] as const];
  });
  if (Object.keys(msp).length === 0 && orderers.length === 0) return undefined;
  return { msp, orderers: Object.fromEntries(orderers) };
}

/** PEM by `list/file`. */
function readMsp({ msp }: OrganisationLayout): OrganisationCard['msp'] {
  const files = MSP_LISTS.flatMap((list) => {
    const folder = join(msp, list);
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    return names.map((name) => [`${list}/${name}`, readFileSync(join(folder, name), 'utf8')] as const);
  });
  return Object.fromEntries(files);
}

function identityFile({ msp }: MachineLayout): string {
  return join(msp, 'signcerts', 'cert.pem');
}

function otherCard(slug: string, before: PublicPart, card: PublicPart): NetworkError {
  const lines = [
    `Another public part of ${slug} is here. Ask ${slug} which one is its own; --replace takes the new one instead.`,
    ...describePart('here', before),
    ...describePart('in the file', card),
  ];
  return new NetworkError('bad-input', lines.join('\n'));
}

function describePart(where: string, { msp, orderers }: PublicPart): readonly string[] {
  const machines = Object.entries(orderers).map(([name, { identity, tls }]) => ({
    [`orderers/${name}/identity`]: identity,
    [`orderers/${name}/tls`]: tls,
  }));
  return fingerprintsOf(Object.assign({}, msp, ...machines)).map((line) => `${where}: ${line}`);
}

/** One line for each certificate of the files; a revocation list's is that of its DER as well. */
function fingerprintsOf(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(files)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([path, pem]) => (pem.match(BLOCK) ?? []).map((block) => `${path} ${fingerprintOf(block)}`));
}

function fingerprintOf(block: string): string {
  if (block.includes('X509 CRL')) {
    const body = Buffer.from(block.split('-----')[2]!, 'base64');
    return hash('sha256', body, 'hex').toUpperCase().match(/../g)!.join(':');
  }
  try {
    return new X509Certificate(block).fingerprint256;
  } catch (cause) {
    throw malformed('holds what is no certificate', cause);
  }
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
