import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import { toBase64url } from '@salus/crypto';
import { type ContractRuntime, LedgerError } from '@salus/ledger';
import type { GatheredRuntime } from '../chaincode/gathered-run.ts';

/** A chaincode definition's version: `<version of the contracts>-<SHA-256 of their bundle, hex>`. */
const VERSION = /^([0-9A-Za-z][0-9A-Za-z.+-]{0,63})-([0-9a-f]{64})$/;
/** Bundles that stay loaded: a channel changes its contracts a few times in its life. */
const RUNTIMES_MAX = 32;

/** The contracts of one version, as they endorsed. */
export type ChannelRuntime = ContractRuntime & Pick<GatheredRuntime, 'readPrivateOrganisation'>;

/** What a bundle exports (chaincode/main.ts). */
type Bundle = { readonly runtime: Omit<ChannelRuntime, 'inUse'> };

/** The contracts that a channel has run, by the version of its chaincode definition. */
export type Runtimes = {
  /** `contracts-unknown` when the bundle is not installed here, or is not the one that the version names. */
  find(version: string): ChannelRuntime;
};

/**
 * Runs exactly what was endorsed: the bundle `<sha256 hex>.cjs` of the folder, once its own hash is the one that the channel's
 * members have agreed on.
 */
export function bundledRuntimes(folder: string): Runtimes {
  const loaded = new Map<string, ChannelRuntime>();
  return {
    find: (version) => {
      const known = loaded.get(version);
      if (known !== undefined) return known;
      const runtime = loadBundle(folder, version);
      if (loaded.size >= RUNTIMES_MAX) loaded.clear();
      loaded.set(version, runtime);
      return runtime;
    },
  };
}

function loadBundle(folder: string, version: string): ChannelRuntime {
  const [, contracts, sha256] = VERSION.exec(version) ?? [];
  if (contracts === undefined || sha256 === undefined) {
    throw unknown('the chaincode’s definition names no version of the contracts');
  }
  const file = join(folder, `${sha256}.cjs`);
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw unknown(`the bundle of contracts ${sha256} is not installed: copy it to the folder of bundles`, cause);
  }
  const digest = hash('sha256', bytes, 'buffer');
  if (digest.toString('hex') !== sha256) throw unknown(`the file of bundle ${sha256} has another SHA-256`);
  const { runtime } = runModule(bytes.toString('utf8'), file);
  return {
    inUse: { version: contracts, bundleHash: toBase64url(digest) },
    execute: (host, execution) => runtime.execute(host, execution),
    signerKeyHint: (get, call) => runtime.signerKeyHint(get, call),
    readPrivateOrganisation: (get, payload) => runtime.readPrivateOrganisation(get, payload),
  };
}

/** Runs the very bytes that were hashed, as Node would run a CommonJS module. */
function runModule(code: string, file: string): Bundle {
  const module = { exports: {} };
  const names = ['exports', 'require', 'module', '__filename', '__dirname'];
  const run = compileFunction(code, names, { filename: file }) as (...values: unknown[]) => void;
  run(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports as Bundle;
}

function unknown(message: string, cause?: unknown): LedgerError {
  return new LedgerError('contracts-unknown', message, { cause });
}
