import { CryptoError } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import { ChaincodeServer } from './chaincode-server.ts';
import { readChaincodeConfiguration } from './configuration.ts';
import type { GatheredRuntime } from './gathered-run.ts';
import { findBundleHash } from './package-name.ts';

/** What a service is told by its environment. */
export type ServiceOptions = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly runtime: GatheredRuntime;
  /** SHA-256 of the file that runs. */
  readonly bundleSha256hex: string;
  readonly clock: () => number;
  readonly log: (line: string) => void;
};

/**
 * Serves the chaincode that CHAINCODE_ID names at CHAINCODE_ADDRESS, as SALUS_CHAINCODE_CONFIG says. Throws `wrong-bundle` when the id
 * names another bundle than the one that runs, `bad-configuration`, and `service-failed` when it cannot listen.
 */
export async function startService(options: ServiceOptions): Promise<AsyncDisposable> {
  const { environment, runtime, bundleSha256hex, clock, log } = options;
  const chaincodeId = requireVariable(environment, 'CHAINCODE_ID');
  const address = requireVariable(environment, 'CHAINCODE_ADDRESS');
  const configuration = readChaincodeConfiguration(requireVariable(environment, 'SALUS_CHAINCODE_CONFIG'));
  const named = findBundleHash(chaincodeId);
  if (named !== bundleSha256hex) {
    const asked = named === undefined ? 'no bundle' : `the bundle ${named}`;
    throw new FabricError('wrong-bundle', `CHAINCODE_ID names ${asked}, and this is ${bundleSha256hex}`);
  }
  const onFault = (cause: unknown): void => log(describeFault(cause));
  const chaincode = { configuration, runtime, bundleSha256hex, clock, onFault };
  const server = new ChaincodeServer(chaincode, { chaincodeId, address });
  try {
    await server.start();
  } catch (cause) {
    throw new FabricError('service-failed', `the chaincode cannot listen at ${address}`, { cause });
  }
  log(`serving ${chaincodeId} of ${configuration.organisation} at ${address}`);
  return server;
}

/** A fault without what others wrote: a message of another library may quote what it worked on. */
export function describeFault(cause: unknown): string {
  if (cause instanceof FabricError || cause instanceof CryptoError)
    return `${cause.name} ${cause.code}: ${cause.message}`;
  if (!(cause instanceof Error)) return 'a fault of unknown kind';
  const frames = (cause.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return [cause.name, ...frames].join('\n');
}

function requireVariable(environment: ServiceOptions['environment'], name: string): string {
  const value = environment[name];
  if (value === undefined || value === '') throw new FabricError('bad-configuration', `${name} is not set`);
  return value;
}
