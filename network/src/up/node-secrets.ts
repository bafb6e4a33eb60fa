import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { Consortium } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';

/** Where what must not lie in a backup of the network's directory is kept; both paths are absolute. */
export interface NodeSecrets {
  /** The file of master keys, for the organisations' Fabric CAs and their nodes. */
  readonly masterKeyFile: string;
  /** `${XDG_CONFIG_HOME:-~/.config}/salus` of the person who runs the network: checkpoints go below it. */
  readonly configDirectory: string;
}

/**
 * The checkpoint file of an organisation's node, `network/<id>/<slug>/checkpoint.jsonl` below the configuration directory: who
 * cuts the node's data cannot cut it with them. Throws NetworkError `not-found` before the network has its id.
 */
export function checkpointFileOf(
  { configDirectory }: Pick<NodeSecrets, 'configDirectory'>,
  { network }: Pick<Consortium, 'network'>,
  slug: string,
): string {
  if (network === undefined) {
    throw new NetworkError('not-found', 'consortium.yaml names no network yet: run `salus network up` first.');
  }
  return join(configDirectory, 'network', network, slug, 'checkpoint.jsonl');
}

/**
 * Throws NetworkError `bad-input` for a file below the network's directory: whoever has a backup of the directory would have
 * the keys to what is encrypted in it.
 */
export function requireOutside({ directory }: NetworkLayout, file: string, what: string): void {
  const inside = (child: string, parent: string): boolean => child === parent || child.startsWith(parent + sep);
  if (!inside(file, directory) && !inside(realPath(file), realPath(directory))) return;
  throw new NetworkError(
    'bad-input',
    `${what} ${file} lies inside the network's directory ${directory}, which backups take: keep it apart from the data it guards.`,
  );
}

/** Resolves links of the part of a path that exists. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), path.slice(parent.length));
}
