import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeIfChanged } from '../write-file.ts';

/** An organisation's authorities for identities and for TLS, each PEM with one certificate. */
export interface AuthorityCertificates {
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
  readonly tlsRoots: readonly string[];
  readonly tlsIntermediates: readonly string[];
}

const UNITS = ['Client', 'Peer', 'Admin', 'Orderer'] as const;

/**
 * The config.yaml of an MSP with NodeOUs (fabric msp/configbuilder.go). No authority is named for a role: any of the MSP's
 * own may certify it.
 */
const configuration = stringify({
  NodeOUs: {
    Enable: true,
    ...Object.fromEntries(
      UNITS.map((unit) => [`${unit}OUIdentifier`, { OrganizationalUnitIdentifier: unit.toLowerCase() }]),
    ),
  },
});

/** Writes the public part of an MSP folder: authorities and NodeOUs, in the files that Fabric's own tools read. */
export function writeMspFolder(folder: string, certificates: AuthorityCertificates): void {
  const lists = [
    ['cacerts', 'ca', certificates.roots],
    ['intermediatecerts', 'intermediate', certificates.intermediates],
    ['tlscacerts', 'tlsca', certificates.tlsRoots],
    ['tlsintermediatecerts', 'tlsintermediate', certificates.tlsIntermediates],
  ] as const;
  for (const [list, name, pems] of lists) {
    pems.forEach((pem, index) => {
      writeIfChanged(join(folder, list, index === 0 ? `${name}.pem` : `${name}-${index}.pem`), pem);
    });
  }
  writeIfChanged(join(folder, 'config.yaml'), configuration);
}
