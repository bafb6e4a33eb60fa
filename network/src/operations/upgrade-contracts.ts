import { definitionVersion } from '@salus/ledger-fabric/bundle';
import { type DeploymentState, deployChaincode, describeChannel, installChaincode } from '../channel/index.ts';
import { keepBundle } from '../up/contracts-in-use.ts';
import { endorsementPolicy, localMember } from '../up/member.ts';
import { withNetworkLock } from '../up/network-lock.ts';
import { type UpInput, type UpReport, upNetwork } from '../up/up-network.ts';
import { CHAINCODE_NAME } from '../up/write-configuration.ts';
import { administratorsHere, readConfigHere } from './channel-update.ts';

export interface UpgradeReport {
  readonly deployment: DeploymentState;
  /** What followed here once the channel had committed to the new contracts; undefined while others have not approved. */
  readonly up: UpReport | undefined;
}

/**
 * Has the organisations here approve the contracts of this software, and runs them once a majority of the channel has. Until
 * then everybody runs the old ones. Run it again on a host after the others approved, or `up`. Idempotent.
 */
export async function upgradeContracts(input: UpInput): Promise<UpgradeReport> {
  const { layout, consortium } = input;
  const deployment = await withNetworkLock(layout, async () => {
    const bundle = await input.bundle();
    keepBundle(layout, bundle);
    const here = administratorsHere(input).filter(
      ({ organisation }) => input.only === undefined || organisation.slug === input.only,
    );
    const members = here.map(({ organisation }) => localMember(layout, organisation, bundle));
    await Promise.all(
      members.flatMap(({ identity, peers, chaincode }) =>
        peers.map((peer) => installChaincode(peer, identity, chaincode)),
      ),
    );
    const { organisations } = describeChannel(await readConfigHere(input));
    return deployChaincode({
      channel: consortium.channel.name,
      name: CHAINCODE_NAME,
      version: definitionVersion(bundle.contracts, bundle.sha256hex),
      policy: endorsementPolicy(
        consortium,
        organisations.filter(({ member }) => member).map(({ mspId }) => mspId),
      ),
      members,
    });
  });
  return { deployment, up: deployment.committed ? await upNetwork(input) : undefined };
}
