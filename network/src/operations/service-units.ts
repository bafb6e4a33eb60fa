import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NetworkError } from '../network-error.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { systemdUnit, type UnitOptions } from '../processes/systemd-unit.ts';
import { findContractsInUse } from '../up/contracts-in-use.ts';
import { localMember } from '../up/member.ts';
import type { NodeSecrets } from '../up/node-secrets.ts';
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
  readonly secrets: NodeSecrets;
  readonly user: string;
}

/**
 * systemd units for every process of the organisations here. Throws NetworkError `not-found` before the first `up`, also where
 * the nodes' master keys are not in the named file, and `bad-input` where they lie inside the network's directory.
 */
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
    text: systemdUnit(spec, { user: input.user, ...placesOf(spec) }),
  }));
}

/** A machine writes its own data; a node its data and checkpoints, and reads the master keys; the chaincode writes nothing. */
function placesOf({ kind, workingDirectory, environment }: ProcessSpec): Pick<UnitOptions, 'reads' | 'writes'> {
  switch (kind) {
    case 'peer':
    case 'orderer':
      return { reads: [], writes: [join(workingDirectory, 'data')] };
    case 'node': {
      const { SALUS_MASTER_KEY_FILE: keys = '', SALUS_CHECKPOINT_FILE: checkpoints = '' } = environment;
      const places = { reads: [keys], writes: [workingDirectory, dirname(checkpoints)] };
      for (const path of [keys, dirname(checkpoints)]) requireThere(path);
      return places;
    }
    case 'chaincode':
      return { reads: [], writes: [] };
  }
}

function requireThere(path: string): void {
  if (existsSync(path)) return;
  const how = 'run `salus network up` as the user of the services first, and this with the same SALUS_MASTER_KEY_FILE';
  throw new NetworkError('not-found', `There is no ${path}: ${how} and XDG_CONFIG_HOME.`);
}
