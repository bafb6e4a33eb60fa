import { join } from 'node:path';
import { NetworkError } from '../network-error.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { systemdUnit } from '../processes/systemd-unit.ts';
import { findContractsInUse } from '../up/contracts-in-use.ts';
import { localMember } from '../up/member.ts';
import { hasNode, nodeSpec } from '../up/start-nodes.ts';
import { organisationsHere, specsOf, type UpInput } from '../up/up-network.ts';

export interface ServiceUnit {
  /** `salus-hospital-a-peer0.service` */
  readonly file: string;
  readonly text: string;
}

export interface UnitsInput extends Pick<UpInput, 'layout' | 'consortium' | 'binaries' | 'only'> {
  /** The server's program. */
  readonly program: string;
  readonly user: string;
}

/** systemd units for every process of the organisations here. Throws NetworkError `not-found` before the first `up`. */
export function serviceUnits(input: UnitsInput): readonly ServiceUnit[] {
  const { layout } = input;
  const contracts = findContractsInUse(layout);
  if (contracts === undefined) {
    throw new NetworkError(
      'not-found',
      `${layout.directory} has not been brought up yet: run \`salus network up\` first.`,
    );
  }
  const here = organisationsHere(input);
  const members = here.map((organisation) => localMember(layout, organisation, contracts));
  const specs = [
    ...specsOf(input, members, contracts),
    ...here.filter(hasNode).map((organisation) => nodeSpec(input, organisation)),
  ];
  return specs.map((spec) => ({
    file: `salus-${spec.name}.service`,
    text: systemdUnit(spec, { user: input.user, writes: writesOf(spec) }),
  }));
}

/** A machine writes its own data; a node its data, keys and checkpoints; the chaincode nothing. */
function writesOf({ kind, workingDirectory }: ProcessSpec): readonly string[] {
  switch (kind) {
    case 'peer':
    case 'orderer':
      return [join(workingDirectory, 'data')];
    case 'node':
      return [workingDirectory];
    case 'chaincode':
      return [];
  }
}
