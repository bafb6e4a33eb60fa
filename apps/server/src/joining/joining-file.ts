import { existsSync, readFileSync } from 'node:fs';
import type { Json, SignedCall } from '@salus/contracts';
import { CryptoError, parseJson } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import type { DataLayout } from '../data-directory.ts';
import { ServerError } from '../server-error.ts';

const JOINING_VERSION = 'salus:joining:v1';
export const APPLICATION_VERSION = 'salus:application:v1';
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** With what an organisation goes on once the members list it; its keys lie sealed in its vault already. */
export interface Joining {
  readonly network: string;
  readonly organisation: string;
  /** Certified id of its node. */
  readonly node: string;
  /** Certificate of its authority: the ledger must list this one. */
  readonly authority: string;
  readonly demonstration: boolean;
  /** `membership.found`, for the organisation that founds the network; else empty. */
  readonly founding: readonly SignedCall[];
  /** `membership.enrol` of its node and people. */
  readonly enrolment: readonly SignedCall[];
  /** What the members decide on; null for the founder. */
  readonly application: Application | null;
}

/** Arguments of `membership.proposeJoin`. */
export interface Application {
  readonly application: { readonly [name: string]: Json };
  readonly signature: string;
}

/** @throws ServerError `data-directory-foreign` for a file of another version or network */
export function findJoining({ joiningFile }: DataLayout, network: string): Joining | undefined {
  if (!existsSync(joiningFile)) return undefined;
  const foreign = (options?: ErrorOptions): ServerError =>
    new ServerError(
      'data-directory-foreign',
      'joining.json in SALUS_DATA is not of this network and version.',
      options,
    );
  try {
    const parsed = parseJson(readFileSync(joiningFile), { sizeMax: FILE_BYTES_MAX, depthMax: 16 });
    const { version, ...joining } = parsed as unknown as Joining & { readonly version?: unknown };
    if (version === JOINING_VERSION && joining.network === network) return joining;
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw foreign({ cause });
  }
  throw foreign();
}

export function writeJoining({ joiningFile }: DataLayout, joining: Joining): void {
  writePrivateFile(joiningFile, `${JSON.stringify({ version: JOINING_VERSION, ...joining })}\n`);
}

/** What the organisation hands to the members' administrators: public, and it proves itself. */
export function writeApplication(file: string, { network, organisation, application }: Joining): void {
  const text = JSON.stringify({ version: APPLICATION_VERSION, network, organisation, ...application }, null, 2);
  writePrivateFile(file, `${text}\n`);
}
