import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** The absolute paths of Hyperledger Fabric's two programs on this machine. */
export interface FabricBinaries {
  readonly peer: string;
  readonly orderer: string;
}

let announced = false;

/**
 * Where a suite on real Fabric peers finds `peer` and `orderer`: both in the folder `FABRIC_BIN`, else both in one folder of PATH. The one
 * place that decides whether such a suite runs: `describe.skipIf(fabricBinaries() === undefined)('… on Fabric', …)`.
 *
 * Absent programs are `undefined`, and stderr says once that and why the suite does not run; under `SALUS_REQUIRE_FABRIC=1`
 * they throw instead. A suite that may be skipped has the word Fabric in its name: the test report allows no other to be.
 */
export function fabricBinaries(): FabricBinaries | undefined {
  const folders = searchedFolders();
  for (const folder of folders) {
    const found = { peer: join(folder, 'peer'), orderer: join(folder, 'orderer') };
    if (isProgram(found.peer) && isProgram(found.orderer)) return found;
  }
  const missing = `no folder of FABRIC_BIN or PATH holds Hyperledger Fabric's peer and orderer`;
  if (isRequired()) throw new Error(`${missing}, and SALUS_REQUIRE_FABRIC=1 asks for them`);
  if (!announced) {
    announced = true;
    process.stderr.write(`skipped: this suite needs a Fabric network, and ${missing}\n`);
  }
  return undefined;
}

function searchedFolders(): readonly string[] {
  const { FABRIC_BIN, PATH } = process.env;
  const folders = [FABRIC_BIN ?? '', ...(PATH ?? '').split(delimiter)];
  return folders.filter((folder) => folder !== '').map((folder) => resolve(folder));
}

function isRequired(): boolean {
  const value = process.env.SALUS_REQUIRE_FABRIC ?? '0';
  if (value !== '0' && value !== '1') {
    throw new RangeError(`SALUS_REQUIRE_FABRIC must be 1 or 0, not ${JSON.stringify(value)}`);
  }
  return value === '1';
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Absent or not executable: the caller goes on to the next folder and says what it misses.
    return false;
  }
}
