import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type FabricIdentity,
  type NodeAddress,
  type OrdererAdministration,
  type PeerAddress,
  readIdentity,
} from '../channel/index.ts';
import type { Orderer, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';

/** Where an organisation's peers answer, first one preferred, and how they are known. */
export function peerAddresses(layout: NetworkLayout, organisation: Organisation): readonly PeerAddress[] {
  const { tlsAuthorities } = authoritiesOf(layout, organisation);
  return organisation.peers.map(({ port }) => ({ endpoint: `${organisation.host}:${port}`, tlsAuthorities }));
}

/** Where the consortium's orderers answer clients: of every organisation whose TLS authority is known here. */
export function ordererAddresses(
  layout: NetworkLayout,
  organisations: readonly Organisation[],
): readonly NodeAddress[] {
  return organisations
    .filter(({ orderers }) => orderers.length > 0)
    .flatMap((organisation) => {
      const { tlsAuthorities } = authoritiesOf(layout, organisation);
      return organisation.orderers.map(({ port }) => ({ endpoint: `${organisation.host}:${port}`, tlsAuthorities }));
    });
}

/** The administration listener of an orderer on this machine, opened with the administrator's TLS certificate. */
export function ordererAdministration(
  layout: NetworkLayout,
  { slug }: Organisation,
  orderer: Orderer,
): OrdererAdministration {
  const { tls } = layout.organisation(slug).user('admin');
  return {
    endpoint: `127.0.0.1:${orderer.adminPort}`,
    tlsAuthorities: readFileSync(layout.organisation(slug).orderer(orderer.name).tls.authority, 'utf8'),
    certificate: readFileSync(tls.certificate, 'utf8'),
    privateKey: readFileSync(tls.key, 'utf8'),
  };
}

/** The Fabric identity of the organisation's administrator. */
export function adminIdentity(layout: NetworkLayout, slug: string): FabricIdentity {
  return readIdentity(slug, layout.organisation(slug).user('admin').msp);
}

/** `hospital-a-peer0`: the name of a machine's process and of its log. */
export function processName(slug: string, machine: string): string {
  return `${slug}-${machine}`;
}

function authoritiesOf(layout: NetworkLayout, { slug }: Organisation): { readonly tlsAuthorities: string } {
  const files = tlsAuthorityFiles(layout.organisation(slug).msp);
  return { tlsAuthorities: files.map((file) => readFileSync(file, 'utf8')).join('') };
}

/** The TLS authorities in an MSP folder: roots, and what stands below them. None where the folder is not here. */
function tlsAuthorityFiles(msp: string): readonly string[] {
  return ['tlscacerts', 'tlsintermediatecerts']
    .map((list) => join(msp, list))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .sort()
        .map((name) => join(folder, name)),
    );
}
