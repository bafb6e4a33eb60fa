import { type NetworkStatus, readNetworkStatus } from '@salus/network';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { type DirectoryOption, directoryOption, openNetwork } from '../network/network-directory.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';

/** `salus network status` */
export function addStatus(network: Command, act: Act): void {
  const command = network
    .command('status')
    .description(
      'What runs on this host, how far each of its peers is, and what the channel is made of. Exit code 1 when a process that was started does not run, or a peer does not answer.',
    )
    .addOption(directoryOption());
  act<DirectoryOption>(command, 'salus network status', async (context, options) => {
    const place = openNetwork(context, options);
    const status = await readNetworkStatus(place, context.nowMs());
    context.terminal.result(statusText(status), statusDocument(status, place.consortium.network));
    const well =
      status.processes.every(({ running }) => running) && status.peers.every(({ chain }) => chain !== undefined);
    return status.processes.length > 0 && well ? EXIT.ok : EXIT.refused;
  });
}

function statusText({ processes, peers, channel, contracts, expiring }: NetworkStatus): string {
  const rows = processes.map(({ name, kind, pid, running, ports }) => [
    name,
    kind,
    running ? String(pid) : '-',
    running ? 'runs' : 'does not run',
    ports.join(', '),
  ]);
  const heights = peers.map(({ name, chain, problem }) => [
    name,
    chain === undefined ? '-' : String(chain.height),
    chain === undefined ? (problem ?? '') : hashText(chain.currentHash),
  ]);
  return [
    rows.length === 0 ? 'Nothing was started.' : table(['process', 'kind', 'pid', 'state', 'ports'], rows),
    ...(heights.length === 0 ? [] : ['', table(['peer', 'height', 'newest block'], heights)]),
    ...(channel === undefined
      ? []
      : [
          '',
          `channel ${channel.channel}, configuration ${channel.sequence}, ordered by ${channel.consensus}: ${channel.consenters.map(({ host, port }) => `${host}:${port}`).join(', ')}`,
          `members: ${channel.organisations
            .filter(({ member }) => member)
            .map(({ mspId }) => mspId)
            .join(', ')}`,
        ]),
    ...(contracts === undefined ? [] : [`contracts ${contracts.contracts}, bundle ${contracts.sha256hex}`]),
    ...expiring.map(({ machine, notAfterMs }) => `a certificate of ${machine} ends at ${when(notAfterMs)}: renew it`),
  ].join('\n');
}

function statusDocument(status: NetworkStatus, network: string | undefined): object {
  return {
    network: network ?? null,
    processes: status.processes.map(({ name, organisation, kind, pid, running, ports }) => ({
      name,
      organisation,
      kind,
      pid: running ? pid : null,
      running,
      ports,
    })),
    peers: status.peers.map(({ name, chain, problem }) => ({
      name,
      height: chain?.height ?? null,
      hash: chain === undefined ? null : hashText(chain.currentHash),
      problem: problem ?? null,
    })),
    channel: status.channel ?? null,
    contracts: status.contracts ?? null,
    expiring: status.expiring,
  };
}

function hashText(hash: Uint8Array | string): string {
  return typeof hash === 'string' ? hash : Buffer.from(hash).toString('hex');
}
