import { BundleWorkers } from '@salus/records';
import { type DataLayout, dataLayout, findNetworkFile, lockDataDirectory, writeNetworkFile } from './data-directory.ts';
import { CONSORTIUM } from './demonstration/consortium.ts';
import { findEarlierDemonstration, setAside } from './demonstration/credentials.ts';
import { seedDemonstration } from './demonstration/demonstration.ts';
import { endFounding, foundDirectory } from './founded-directory.ts';
import { type Node, openNode } from './node.ts';
import { ServerError } from './server-error.ts';
import type { Settings } from './settings.ts';

/** Opens the node of a data directory, founding the demonstration in an empty one; disposing it gives the directory back. */
export async function openData(settings: Settings, nowMs: () => number): Promise<Node> {
  const layout = dataLayout(settings.dataDirectory);
  await using resources = new AsyncDisposableStack();
  resources.use(lockDataDirectory(layout));
  const workers = resources.use(new BundleWorkers());
  const file = findNetworkFile(layout);
  const node =
    file === undefined
      ? await found(settings, { layout, workers, nowMs })
      : await openNode({ settings, layout, file, workers, nowMs });
  resources.use(node);
  const held = resources.move();
  return { ...node, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

interface Place {
  readonly layout: DataLayout;
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
}

async function found(settings: Settings, { layout, workers, nowMs }: Place): Promise<Node> {
  if (!settings.demonstration) {
    throw new ServerError(
      'ledger-missing',
      'SALUS_DATA is empty and SALUS_DEMO is 0: restore a backup into it, or found a network with SALUS_FOUND.',
    );
  }
  // The threads read the FHIR definitions while the network is founded.
  workers.start();
  const earlier = findEarlierDemonstration(settings.configDirectory);
  const plans = CONSORTIUM.map(({ slug, staff }) => ({ slug, members: staff }));
  const forgettable = earlier === undefined ? [] : [earlier];
  const { file, organisations } = await foundDirectory({
    settings,
    layout,
    plans,
    demonstration: true,
    forgettable,
    workers,
    nowMs,
  });
  setAside(settings.configDirectory, earlier);
  const node = await openNode({ settings, layout, file, workers, nowMs });
  try {
    await seedDemonstration(
      node,
      organisations.flatMap(({ members }) => members),
      settings.configDirectory,
    );
    writeNetworkFile(layout, file);
    endFounding(layout);
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}
