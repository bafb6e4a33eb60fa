import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAuthorities } from '../certificates/authorities.ts';
import { machinesOf } from '../certificates/organisation-material.ts';
import {
  createRevocationList,
  type RevokedSerial,
  readRevocationList,
  serialOf,
  withRevocationLists,
} from '../channel/index.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';
import type { NetworkPlace } from './channel-update.ts';
import { type Change, type Founding, requireOrganisation } from './membership.ts';

const SERIAL = /^(?:[0-9a-f]{2}){1,20}$/;

export interface Revocation {
  readonly organisation: string;
  /** `admin`, `node`, the name of a peer or orderer, or a certificate's serial number in hex. */
  readonly what: string;
}

/**
 * A list of the organisation's own Fabric CA that takes one more identity back, and the change that shows it to the channel.
 * The list stands in the organisation's MSP folder (`crls`) too. Throws NetworkError `not-found`, `bad-input` (a CA elsewhere
 * makes its own list: put it into `crls` and run `channel update`).
 */
export async function revocationOf(
  place: NetworkPlace,
  { organisation: slug, what }: Revocation,
  { masterKeys, nowMs }: Founding,
): Promise<readonly Change[]> {
  const organisation = requireOrganisation(place, slug);
  const layout = place.layout.organisation(slug);
  const masterKey = masterKeys.get(slug);
  if (organisation.certificates === 'external' || masterKey === undefined) {
    throw new NetworkError(
      'bad-input',
      `The Fabric CA of ${slug} is not kept here: its own list goes into ${layout.msp}.`,
    );
  }
  const serial = serialNamed(place, slug, what);
  const before = await revokedBefore(layout.msp);
  const revoked = before.some((one) => one.serial === serial) ? before : [...before, { serial, revokedMs: nowMs }];
  const { ca } = await ensureAuthorities({ organisation: slug, layout, masterKey, nowMs });
  const list = revoked === before ? readLists(layout.msp)[0] : await createRevocationList({ ca, revoked, nowMs });
  if (list === undefined) throw new NetworkError('not-found', `There is no revocation list of ${slug}.`);
  for (const folder of [layout.msp, ...machinesOf(organisation, layout).map((machine) => machine.layout.msp)]) {
    writeIfChanged(join(folder, 'crls', 'crl.pem'), list);
  }
  return [{ title: `${slug} revokes ${what}`, change: (config) => withRevocationLists(config, slug, [list]) }];
}

function serialNamed(place: NetworkPlace, slug: string, what: string): string {
  const organisation = requireOrganisation(place, slug);
  const layout = place.layout.organisation(slug);
  const machine = machinesOf(organisation, layout).find(
    ({ commonName }) => commonName === `${what}.${slug}` || commonName === `${what}@${slug}`,
  );
  if (machine !== undefined) return serialOf(readFileSync(join(machine.layout.msp, 'signcerts', 'cert.pem'), 'utf8'));
  const serial = what.toLowerCase();
  if (SERIAL.test(serial)) return serial;
  throw new NetworkError('not-found', `${slug} has no machine or user ${what}; a serial number is hex.`);
}

async function revokedBefore(msp: string): Promise<readonly RevokedSerial[]> {
  const lists = await Promise.all(readLists(msp).map(readRevocationList));
  return lists.flatMap(({ revoked }) => revoked);
}

function readLists(msp: string): readonly string[] {
  const folder = join(msp, 'crls');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}
