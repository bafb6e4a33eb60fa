import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { BACKUPS_LISTED_MAX, type BackupManifest, backupData, listBackups } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { Gate } from '../gate.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import type { Node } from '../node.ts';
import { ServerError } from '../server-error.ts';

const { count, object, text } = schema;
const PATH_LENGTH_MAX = 4_096;
const NAME_LENGTH_MAX = 255;
const ORGANISATIONS_MAX = 64;

/** Backups of the running node: an administrator names one, the operator decided where they lie. */
export function addBackupRoutes(app: FastifyInstance, node: Node): void {
  // Stores stand still for a moment while they are copied: one at a time.
  const gate = new Gate({ running: 1, waiting: 1 });
  addList(app, node);
  addRoute<{ org: string }, unknown, { name: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/backups',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary:
      'Copies ledger, records and objects of the whole node, verified; nothing in it opens without the master keys.',
    params: schema.org,
    body: object({ name: schema.matching('^[a-z0-9][a-z0-9-]{0,63}$', 64) }),
    answer: object({ directory: text(PATH_LENGTH_MAX), number: count, hash: schema.hash, files: count, bytes: count }),
    handle: ({ body }) => gate.run(() => backUp(node, body.name)),
  });
}

function addList(app: FastifyInstance, node: Node): void {
  const backup = object({
    name: text(NAME_LENGTH_MAX),
    atMs: schema.timeMs,
    ...{ number: count, hash: schema.hash, files: count, bytes: count },
    organisations: schema.list(schema.organisation, ORGANISATIONS_MAX),
  });
  addRoute<{ org: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/backups',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary:
      'Backups that lie where this node makes them, newest first, as their manifests say; each was verified when it was made. `offered` is false where the engine makes no copy.',
    params: schema.org,
    answer: object({
      offered: schema.flag,
      backups: schema.list(backup, BACKUPS_LISTED_MAX),
      unfinished: schema.list(text(NAME_LENGTH_MAX), BACKUPS_LISTED_MAX),
    }),
    handle: async () => {
      const { backups, unfinished } = await listBackups(node.backupDirectory);
      const shown = backups.map(({ name, manifest: { atMs, ledger, organisations, files } }) => ({
        ...{ name, atMs, number: ledger.number, hash: ledger.hash, files: files.length, bytes: sizeOf(files) },
        organisations,
      }));
      return { offered: node.ledger.backup !== undefined, backups: shown, unfinished };
    },
  });
}

async function backUp(node: Node, name: string): Promise<object> {
  const { layout, ledger, nowMs } = node;
  const directory = join(node.backupDirectory, name);
  const vaults = [...node.organisations.values()].map(({ vault }) => vault);
  const { backup } = ledger;
  if (backup === undefined) {
    throw new ServerError('not-found', 'This engine makes no copy of the ledger: the channel’s peers hold it.');
  }
  const extraFiles = [
    { from: layout.networkFile, path: 'network.json' },
    // Only the embedded ledger has a key of its own.
    ...(existsSync(layout.ledgerKeyFile) ? [{ from: layout.ledgerKeyFile, path: 'ledger/key.sealed' }] : []),
  ];
  const source = { network: ledger.network, backup: (toFile: string) => backup.call(ledger, toFile) };
  const manifest = await backupData({ vaults, ledger: source, directory, extraFiles, clock: nowMs });
  const bytes = sizeOf(manifest.files);
  return { directory, number: manifest.ledger.number, hash: manifest.ledger.hash, files: manifest.files.length, bytes };
}

function sizeOf(files: BackupManifest['files']): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
