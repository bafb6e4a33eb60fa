import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from '@salus/crypto';
import type { BundleWorkers } from '../src/bundle-workers.ts';
import type { CrashHook } from '../src/crash-points.ts';
import type { VaultCaller } from '../src/repository.ts';
import { openVault, type Vault, type VaultOptions } from '../src/vault.ts';
import {
  foundTestConsortium,
  type TestConsortium,
  type TestMember,
  type TestOrganisation,
  testWriter,
} from './network.ts';
import { testDatabase } from './test-store.ts';

/** One organisation's vault on a ledger of its own, in a temporary directory. */
export interface Place {
  readonly directory: string;
  readonly organisation: TestOrganisation;
  readonly masterKey: Uint8Array;
  /** Where the vault's records are, unless in a file. */
  readonly database: Pick<VaultOptions, 'postgres'>;
  consortium: TestConsortium;
  vault: Vault;
  close(): Promise<void>;
  /** Opens ledger and vault again, on the files as they are now. */
  open(options?: { readonly crash?: CrashHook }): Promise<void>;
  /** `close` and `open`. After a crash hook threw, what it stopped is left as a crash leaves it. */
  restart(options?: { readonly crash?: CrashHook }): Promise<void>;
  writer(person?: TestMember): Promise<Extract<VaultCaller, { readonly kind: 'writer' }>>;
  remove(): Promise<void>;
}

export async function makePlace(options: {
  readonly workers: BundleWorkers;
  readonly crash?: CrashHook;
  readonly clock?: () => number;
}): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'salus-vault-'));
  const consortium = await foundTestConsortium(directory, ['hospital-a', 'hospital-b'], options.clock);
  const [organisation] = consortium.organisations;
  if (organisation === undefined) throw new Error('the consortium has an organisation');
  const masterKey = randomBytes(32);
  const postgres = (await testDatabase())?.('hospital-a');
  const database = postgres === undefined ? {} : { postgres };
  const open = (on: TestConsortium, crash: CrashHook | undefined): Promise<Vault> =>
    openVault({
      ...database,
      directory: join(directory, 'hospital-a'),
      organisation: 'hospital-a',
      ledger: on.ledger,
      masterKey,
      clock: on.clock,
      workers: options.workers,
      ...(crash === undefined ? {} : { crash }),
    });
  const place: Place = {
    directory,
    organisation,
    masterKey,
    database,
    consortium,
    vault: await open(consortium, options.crash),
    close: async () => {
      await place.vault[Symbol.asyncDispose]();
      await place.consortium.ledger[Symbol.asyncDispose]();
    },
    open: async (next = {}) => {
      place.consortium = await place.consortium.reopen();
      place.vault = await open(place.consortium, next.crash);
    },
    restart: async (next = {}) => {
      await place.close();
      await place.open(next);
    },
    writer: async (person) => ({
      kind: 'writer',
      purpose: 'TREAT',
      writer: await testWriter(place.consortium, organisation, person),
    }),
    remove: async () => {
      await place.close();
      await rm(directory, { recursive: true });
    },
  };
  return place;
}

/** Every byte of every file below a directory. */
export async function bytesBelow(directory: string): Promise<Buffer> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw new Error('there are files to look through');
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}
