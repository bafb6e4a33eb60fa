import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Organisation } from '../consortium/consortium.ts';
import type { OrganisationLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { ensureAuthorities, ensureAuthority } from './authorities.ts';
import { ensureChaincodeKey } from './chaincode-key.ts';
import { requireImported } from './external-certificates.ts';
import { authorityCertificates, ensureMachine, ensureTls, type MachineInput } from './machine-material.ts';
import { writeMspFolder } from './msp-folder.ts';

const LOCAL_HOSTS = ['localhost', '127.0.0.1'];

export interface MaterialInput {
  readonly organisation: Organisation;
  readonly layout: OrganisationLayout;
  readonly masterKey: Uint8Array;
  readonly nowMs: number;
}

/**
 * Every key and certificate of an organisation; a second run changes nothing. With an external CA the keys and requests are
 * made here, and it throws NetworkError `certificates-missing` until the answers are imported. Throws `bad-input` for an
 * organisation of which only the public part is here: its own host has the keys.
 */
export async function ensureOrganisationMaterial(input: MaterialInput): Promise<void> {
  const { organisation, layout, nowMs } = input;
  const machines = machinesOf(organisation, layout);
  requireLocal(organisation, layout);
  if (organisation.certificates === 'external') {
    await requireImported(organisation, layout, machines);
  } else {
    const authorities = await ensureAuthorities({ ...input, organisation: organisation.slug });
    writeMspFolder(layout.msp, authorityCertificates(authorities));
    for (const machine of machines) await ensureMachine(machine, { authorities, nowMs });
  }
  await ensureChaincodeMaterial(input);
}

/** Peers, orderers and users of the organisation, each with the NodeOU of its role. */
export function machinesOf(organisation: Organisation, layout: OrganisationLayout): readonly MachineInput[] {
  const { slug } = organisation;
  const hosts = hostsOf(organisation);
  return [
    ...organisation.peers.map(({ name }) => ({
      layout: layout.peer(name),
      commonName: `${name}.${slug}`,
      unit: 'peer' as const,
      hosts,
    })),
    ...organisation.orderers.map(({ name }) => ({
      layout: layout.orderer(name),
      commonName: `${name}.${slug}`,
      unit: 'orderer' as const,
      hosts,
    })),
    { layout: layout.user('admin'), commonName: `admin@${slug}`, unit: 'admin' as const, hosts: LOCAL_HOSTS },
    { layout: layout.user('node'), commonName: `node@${slug}`, unit: 'client' as const, hosts: LOCAL_HOSTS },
  ];
}

/** Whether only an organisation's public part is here: another host has its keys. */
export function isElsewhere({ certificates }: Organisation, layout: OrganisationLayout): boolean {
  const key = certificates === 'own' ? join(layout.authorities, 'ca.key.sealed') : layout.user('admin').tls.key;
  return existsSync(layout.msp) && !existsSync(key);
}

function requireLocal(organisation: Organisation, layout: OrganisationLayout): void {
  if (!isElsewhere(organisation, layout)) return;
  const { slug } = organisation;
  throw new NetworkError(
    'bad-input',
    `Only the public part of ${slug} is here: its keys are on its own host. Name the organisation of this host (--org).`,
  );
}

/** The names under which an organisation's machines are reached, from outside and from themselves. */
function hostsOf({ host }: Organisation): readonly string[] {
  return [...new Set([host, ...LOCAL_HOSTS])];
}

/**
 * The chaincode service: TLS for both ends of its connection, under an authority of its own, so that nothing but the
 * organisation's peers can call it; and the HPKE key to which the submitting node seals private arguments. The service must
 * read its keys itself, so they stand in files of mode 0600 as Fabric's own do.
 */
async function ensureChaincodeMaterial({ organisation, layout, masterKey, nowMs }: MaterialInput): Promise<void> {
  const { slug } = organisation;
  const { chaincode } = layout;
  const authority = await ensureAuthority({ organisation: slug, layout, masterKey, nowMs }, 'chaincodeca');
  const server = { layout: chaincode.server, commonName: `chaincode.${slug}`, hosts: hostsOf(organisation) };
  const client = { layout: chaincode.client, commonName: `peers.${slug}`, hosts: LOCAL_HOSTS };
  for (const end of [server, client]) await ensureTls(end, { authority, nowMs });
  await ensureChaincodeKey(chaincode.privateKey);
}
