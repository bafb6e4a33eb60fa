import { join } from 'node:path';
import { writeIfChanged } from '../write-file.ts';

const PROGRAM_MODE = 0o755;

/**
 * The three programs of an external builder (Fabric documentation, "External Builders and Launchers"). The package of a
 * chaincode service holds nothing but connection.json, which `release` hands to the peer.
 */
const programs = {
  // $1 source, $2 metadata: takes packages of type ccaas and no other.
  detect: `grep -Eq '"type"[[:space:]]*:[[:space:]]*"ccaas"' "$2/metadata.json"`,
  // $1 source, $2 metadata, $3 build output.
  build: 'cp "$1/connection.json" "$3/connection.json"',
  // $1 build output, $2 release output.
  release: 'mkdir -p "$2/chaincode/server" && cp "$1/connection.json" "$2/chaincode/server/connection.json"',
} as const;

/** Writes the external builder that core.yaml names. */
export function writeExternalBuilder(folder: string): void {
  for (const [name, program] of Object.entries(programs)) {
    writeIfChanged(join(folder, 'bin', name), `#!/bin/sh\nset -eu\n${program}\n`, PROGRAM_MODE);
  }
}
