import type { NetworkLayout } from '../layout.ts';
import { listProcesses, stopProcess } from '../processes/supervisor.ts';
import { withNetworkLock } from './network-lock.ts';

/** Kinds in the order in which they end: who calls first, who is called last. */
const ORDER = ['node', 'chaincode', 'peer', 'orderer'] as const;

/** Ends every process of the network, or of one organisation, and returns the names of those that ran. */
export function downNetwork(layout: NetworkLayout, only?: string): Promise<readonly string[]> {
  return withNetworkLock(layout, async () => {
    const processes = listProcesses(layout).filter(({ organisation }) => only === undefined || organisation === only);
    for (const kind of ORDER) {
      const ending = processes.filter((process) => process.kind === kind);
      await Promise.all(ending.map(({ name }) => stopProcess(layout, name)));
    }
    return processes.filter(({ running }) => running).map(({ name }) => name);
  });
}
