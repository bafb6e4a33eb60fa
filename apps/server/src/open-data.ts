import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { BundleWorkers } from '@salus/records';
import { openAdministrators } from './administrators.ts';
import {
  type DataLayout,
  dataLayout,
  findNetworkFile,
  lockDataDirectory,
  type NetworkFile,
  writeNetworkFile,
} from './data-directory.ts';
import { CONSORTIUM } from './demonstration/consortium.ts';
import { findEarlierDemonstration, setAside } from './demonstration/credentials.ts';
import { seedDemonstration } from './demonstration/demonstration.ts';
import { endFounding, type FoundOptions, foundDirectory } from './founded-directory.ts';
import type { FoundedMember } from './founding.ts';
import { endJoining, joinNetwork } from './joining/join-network.ts';
import { type Node, openNode } from './node.ts';
import { ServerError } from './server-error.ts';
import type { Settings } from './settings.ts';
import { openWebApp } from './web/web-app.ts';

/**
 * Opens the node of a data directory, founding the demonstration in an empty one, or joining the network that SALUS_LEDGER
 * names; disposing it gives the directory back. `tell` hears what an operator has to do while the node waits.
 */
export async function openData(
  settings: Settings,
  nowMs: () => number,
  tell: (message: string) => void = () => undefined,
): Promise<Node> {
  const layout = dataLayout(settings.dataDirectory);
  await using resources = new AsyncDisposableStack();
  resources.use(lockDataDirectory(layout));
  const workers = resources.use(new BundleWorkers());
  const file = findNetworkFile(layout);
  const node =
    file === undefined
      ? await found(settings, { layout, workers, nowMs, tell })
      : await openNode({ settings, layout, file, workers, nowMs });
  resources.use(node);
  const held = resources.move();
  return { ...node, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

interface Place {
  readonly layout: DataLayout;
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
  readonly tell: (message: string) => void;
}

/** Founds what the settings ask for; `network.json` comes last, so that an interrupted founding is none. */
async function found(settings: Settings, place: Place): Promise<Node> {
  const { layout } = place;
  const { node, file } = await fillEmpty(settings, place);
  try {
    writeNetworkFile(layout, file);
    endFounding(layout);
    endJoining(layout);
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}

function fillEmpty(settings: Settings, place: Place): Promise<Founded> {
  if (settings.ledger !== null) return joinOn(settings, settings.ledger, place);
  return settings.found.length > 0 ? foundFor(settings, place) : foundDemonstration(settings, place);
}

/** The organisation that the connection names, on its channel. */
async function joinOn(settings: Settings, connectionFile: string, place: Place): Promise<Founded> {
  const { readFabricConnection } = await import('@salus/ledger-fabric');
  const file = await joinNetwork({ settings, ...place, connection: readFabricConnection(connectionFile) });
  return { node: await openNode({ settings, ...place, file }), file };
}

interface Founded {
  readonly node: Node;
  readonly file: NetworkFile;
}

/** A network of its own: one administrator each, whose wallets and passwords lie in the configuration directory. */
async function foundFor(settings: Settings, place: Place): Promise<Founded> {
  const plans = settings.found.map((slug) => ({
    slug,
    members: [{ account: `${slug}.admin`, roles: [ADMINISTRATOR_ROLE, 'privacy-officer'] }],
  }));
  return fill(settings, place, { plans, demonstration: false, forgettable: [] }, async (node, members) => {
    await openAdministrators(node, members, settings.configDirectory);
  });
}

async function foundDemonstration(settings: Settings, place: Place): Promise<Founded> {
  if (!settings.demonstration) {
    throw new ServerError(
      'ledger-missing',
      'SALUS_DATA is empty and SALUS_DEMO is 0: restore a backup into it, or name in SALUS_FOUND the organisations to found a network with.',
    );
  }
  // The threads read the FHIR definitions while the network is founded.
  place.workers.start();
  const earlier = findEarlierDemonstration(settings.configDirectory);
  const plans = CONSORTIUM.map(({ slug, staff }) => ({ slug, members: staff }));
  const forgettable = earlier === undefined ? [] : [earlier];
  return fill(settings, place, { plans, demonstration: true, forgettable }, async (node, members) => {
    setAside(settings.configDirectory, earlier);
    const release = settings.webDirectory === null ? null : openWebApp(settings.webDirectory).hash;
    await seedDemonstration(node, members, settings.configDirectory, release);
  });
}

async function fill(
  settings: Settings,
  place: Place,
  plan: Pick<FoundOptions, 'plans' | 'demonstration' | 'forgettable'>,
  furnish: (node: Node, members: readonly FoundedMember[]) => Promise<void>,
): Promise<Founded> {
  const { file, organisations } = await foundDirectory({ settings, ...place, ...plan });
  const node = await openNode({ settings, ...place, file });
  try {
    const members = organisations.flatMap((organisation) => organisation.members);
    await furnish(node, members);
    return { node, file };
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}
