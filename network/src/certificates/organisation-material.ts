import type { Organisation } from '../consortium/consortium.ts';
import type { OrganisationLayout } from '../layout.ts';
import { ensureAuthorities } from './authorities.ts';
import { ensureChaincodeKey } from './chaincode-key.ts';
import { authorityCertificates, ensureMachine, ensureTls, type Issuing } from './machine-material.ts';
import { writeMspFolder } from './msp-folder.ts';

const LOCAL_HOSTS = ['localhost', '127.0.0.1'];

export interface MaterialInput {
  readonly organisation: Organisation;
  readonly layout: OrganisationLayout;
  readonly masterKey: Uint8Array;
  readonly nowMs: number;
}

/** Every key and certificate of an organisation that keeps its own Fabric CA; a second run changes nothing. */
export async function ensureOrganisationMaterial(input: MaterialInput): Promise<void> {
  const { organisation, layout, nowMs } = input;
  const { slug } = organisation;
  const authorities = await ensureAuthorities({ ...input, organisation: slug });
  const issuing = { authorities, nowMs };
  writeMspFolder(layout.msp, authorityCertificates(authorities));
  for (const machine of machinesOf(organisation, layout)) await ensureMachine(machine, issuing);
  await ensureChaincodeMaterial(input, issuing);
}

/** Peers, orderers and users of the organisation, each with the NodeOU of its role. */
export function machinesOf(organisation: Organisation, layout: OrganisationLayout) {
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

/** The names under which an organisation's machines are reached, from outside and from themselves. */
export function hostsOf({ host }: Organisation): readonly string[] {
  return [...new Set([host, ...LOCAL_HOSTS])];
}

/**
 * The chaincode service: TLS for both ends of its connection, and the HPKE key to which the submitting node seals private
 * arguments. The service must read that key itself, so it stands in a file of mode 0600 as Fabric's own keys do.
 */
async function ensureChaincodeMaterial({ organisation, layout }: MaterialInput, issuing: Issuing): Promise<void> {
  const { slug } = organisation;
  const { chaincode } = layout;
  const hosts = hostsOf(organisation);
  await ensureTls({ layout: chaincode.server, commonName: `chaincode.${slug}`, hosts }, issuing);
  await ensureTls({ layout: chaincode.client, commonName: `chaincode-client.${slug}`, hosts: LOCAL_HOSTS }, issuing);
  await ensureChaincodeKey(chaincode.privateKey);
}
