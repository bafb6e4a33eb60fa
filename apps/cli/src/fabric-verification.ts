import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type PeerReport, readFabricConnection, verifyPeer } from '@salus/ledger-fabric';
import { organisationsHere } from '@salus/network';
import type { CommandContext } from './command-context.ts';
import {
  type DirectoryOption,
  type OpenNetwork,
  type OrganisationOption,
  openNetwork,
} from './network/network-directory.ts';
import { readNodeFile } from './node-file.ts';
import { type OrganisationReport, type PlacedFinding, verifyOrganisations } from './verification.ts';

export interface FabricOptions extends DirectoryOption, OrganisationOption {
  readonly data?: string;
  readonly peerData?: string;
}

export type VerifiedPeer = Omit<PeerReport, 'findings'> & {
  readonly organisation: string;
  readonly peer: string;
  /** Whether the node's replica was there to compare with. */
  readonly replica: boolean;
};

export interface FabricVerification {
  readonly peers: readonly VerifiedPeer[];
  readonly organisations: readonly OrganisationReport[];
  readonly findings: readonly PlacedFinding[];
}

/**
 * Checks the block files of this host's peers, beside the replica of the node whose data directory is given, and that node's records.
 * The node must have ended; nothing is changed.
 *
 * @throws CliError `no-network`; FabricError `bad-configuration` where a peer has no block files; LedgerError `in-use`
 */
export async function verifyFabric(context: CommandContext, options: FabricOptions): Promise<FabricVerification> {
  const place = openNetwork(context, options);
  const directory = resolve(context.workingDirectory, options.data ?? (context.environment.SALUS_DATA || 'data'));
  const nodeFile = readNodeFile(directory);
  const file = join(directory, 'ledger', 'ledger.sqlite');
  const isFabricNode = nodeFile?.ledgerKey === null && existsSync(file);
  const peers: VerifiedPeer[] = [];
  const findings: PlacedFinding[] = [];
  for (const { slug, peers: machines } of organisationsHere({ ...place, only: options.org })) {
    const replicaFile = isFabricNode && nodeFile.organisations.includes(slug) ? file : undefined;
    for (const { name } of machines) {
      const verified = await verifyOne(context, { place, slug, name, replicaFile, peerData: options.peerData });
      peers.push(verified.peer);
      findings.push(...verified.findings);
    }
  }
  const organisations = isFabricNode ? await verifyOrganisations(context, { directory, file, nodeFile }) : [];
  return {
    peers,
    organisations: organisations.map(({ organisation, seen, notes }) => ({ organisation, seen, notes })),
    findings: [...findings, ...organisations.flatMap((verified) => verified.placed)],
  };
}

interface OnePeer {
  readonly place: OpenNetwork;
  readonly slug: string;
  readonly name: string;
  readonly replicaFile: string | undefined;
  readonly peerData: string | undefined;
}

async function verifyOne(
  { terminal, workingDirectory }: CommandContext,
  { place, slug, name, replicaFile, peerData }: OnePeer,
): Promise<{ readonly peer: VerifiedPeer; readonly findings: readonly PlacedFinding[] }> {
  const layout = place.layout.organisation(slug);
  const { findings, ...report } = await verifyPeer({
    connection: readFabricConnection(layout.connection),
    peerData: peerData === undefined ? layout.peer(name).data : resolve(workingDirectory, peerData),
    replicaFile,
  });
  terminal.say(`${slug} ${name}: ${report.blocks} blocks checked`);
  return {
    peer: { organisation: slug, peer: name, replica: replicaFile !== undefined, ...report },
    findings: findings.map(({ code, message, file, offsetBytes, block }) => ({
      place: [`${slug} ${name} ${file} offset ${offsetBytes}`, ...(block === undefined ? [] : [`block ${block}`])].join(
        ' ',
      ),
      code,
      message,
    })),
  };
}
