import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CONTRACTS_VERSION, execute, readPrivateOrganisation, signerKeyHint } from '@salus/contracts';

/**
 * The entry of the bundle. Loaded, it gives the contracts as they endorsed, and does nothing else: followers run old blocks with
 * the bundle that made them. Run as a program, `main` serves the chaincode.
 */
declare const __filename: string;

const bundleSha256hex = hash('sha256', readFileSync(__filename), 'hex');

/** `bundleHash` is the base64url of the bundle's SHA-256. */
export const runtime = {
  inUse: { version: CONTRACTS_VERSION, bundleHash: Buffer.from(bundleSha256hex, 'hex').toString('base64url') },
  execute,
  signerKeyHint,
  readPrivateOrganisation,
};

const FAILED = 1;

/** Serves until SIGTERM or SIGINT, and then ends with 0; with 1 when it cannot serve. */
export async function main(): Promise<void> {
  // fabric-shim tells of every transaction otherwise.
  process.env.CORE_CHAINCODE_LOGGING_LEVEL ??= 'warning';
  const { describeFault, startService } = await import('./service.ts');
  const log = (line: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  };
  const fail = (cause: unknown): void => {
    log(describeFault(cause));
    process.exit(FAILED);
  };
  // Whatever nobody caught leaves the process in a state that nobody knows: it is started again.
  process.on('uncaughtException', fail);
  try {
    const environment = process.env;
    const service = await startService({ environment, runtime, bundleSha256hex, clock: Date.now, log });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        service[Symbol.asyncDispose]().then(() => process.exit(0), fail);
      });
    }
  } catch (cause) {
    fail(cause);
  }
}
