import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import { ServerError } from '../server-error.ts';
import type { StaffCredential } from '../staff-credentials.ts';

const VERSION = 'salus:demonstration:v1';
const FILE_BYTES_MAX = 1024 * 1024;

/** A patient: with a wallet once claimed, else with the slip that the desk would hand over. */
export interface PatientCredential {
  readonly kind: 'patient';
  readonly name: string;
  readonly story: string;
  /** FHIR id of the Patient at each organisation that knows the person. */
  readonly at: readonly { readonly organisation: string; readonly fhirId: string; readonly pid: string }[];
  readonly wallet?: string;
  readonly passphrase?: string;
  readonly recoveryCode?: string;
  readonly slips?: readonly string[];
  /** What a browser needs, in one line. */
  readonly device?: string;
}

/** Everything secret of a demonstration, for whoever tries it: lies outside the data directory, mode 0600. */
export interface Credentials {
  readonly demonstration: true;
  readonly network: string;
  readonly staff: readonly StaffCredential[];
  readonly patients: readonly PatientCredential[];
}

export function credentialsFile(configDirectory: string): string {
  return join(demonstrationDirectory(configDirectory), 'credentials.json');
}

export function demonstrationDirectory(configDirectory: string): string {
  return join(configDirectory, 'demonstration');
}

export function writeCredentials(configDirectory: string, credentials: Credentials): void {
  writePrivateFile(
    credentialsFile(configDirectory),
    `${JSON.stringify({ version: VERSION, ...credentials }, null, 2)}\n`,
  );
}

/** @throws ServerError `not-a-demonstration` where there is none, or others may read it. */
export function readCredentials(configDirectory: string): Credentials {
  const file = credentialsFile(configDirectory);
  if (!existsSync(file)) throw new ServerError('not-a-demonstration', `There is no demonstration at ${file}.`);
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new ServerError('not-a-demonstration', `Others than the owner may read ${file}: run chmod 600 on it.`);
  }
  const parsed = parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 8 }) as unknown as Credentials & {
    version?: unknown;
  };
  if (parsed?.version !== VERSION || parsed.demonstration !== true) {
    throw new ServerError('not-a-demonstration', `${file} is not of version ${VERSION}.`);
  }
  return parsed;
}

/** The network of an earlier demonstration here, whose data directory may be gone. */
export function findEarlierDemonstration(configDirectory: string): string | undefined {
  return existsSync(credentialsFile(configDirectory)) ? readCredentials(configDirectory).network : undefined;
}

/** Puts wallets of an earlier or interrupted demonstration aside: nobody's keys are overwritten. */
export function setAside(configDirectory: string, network = 'unfinished'): void {
  const directory = demonstrationDirectory(configDirectory);
  if (!existsSync(directory)) return;
  rmSync(`${directory}-${network}`, { recursive: true, force: true });
  renameSync(directory, `${directory}-${network}`);
}
