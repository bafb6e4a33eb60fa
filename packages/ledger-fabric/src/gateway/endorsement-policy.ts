import { common, msp, peer } from '@hyperledger/fabric-protos';
import { utf8 } from '@salus/crypto';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import type { FabricIdentity } from './fabric-identity.ts';
import type { OwnPeers } from './own-peers.ts';
import { newProposal } from './proposal.ts';

/** Who must endorse a transaction of the chaincode: `required` of `members`, one peer each. */
export type EndorsementPolicy = { readonly required: number; readonly members: readonly string[] };

/** The policy of the chaincode definition that is committed on the channel, asked of the own peer (`_lifecycle`). */
export async function readEndorsementPolicy(
  peers: Pick<OwnPeers, 'evaluate'>,
  on: { readonly connection: FabricConnection; readonly identity: FabricIdentity; readonly timestampMs: number },
): Promise<EndorsementPolicy> {
  const { channel, chaincode, organisation } = on.connection;
  const query = new peer.lifecycle.QueryChaincodeDefinitionArgs();
  query.setName(chaincode);
  const { bytes } = newProposal({
    creator: on.identity.creator,
    channel,
    chaincode: '_lifecycle',
    args: [utf8('QueryChaincodeDefinition'), query.serializeBinary()],
    transient: new Map(),
    endorsers: [organisation],
    timestampMs: on.timestampMs,
  });
  const definition = peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(await peers.evaluate(bytes));
  return parsePolicy(definition.getValidationParameter_asU8());
}

/** `peer.ApplicationPolicy` of the form "n of these organisations' peers". `bad-configuration` for any other. */
export function parsePolicy(bytes: Uint8Array): EndorsementPolicy {
  const envelope = peer.ApplicationPolicy.deserializeBinary(bytes).getSignaturePolicy();
  const threshold = envelope?.getRule()?.getNOutOf();
  const rules = threshold?.getRulesList() ?? [];
  const isFlat = rules.every((rule) => rule.getTypeCase() === common.SignaturePolicy.TypeCase.SIGNED_BY);
  if (envelope === undefined || threshold === undefined || rules.length === 0 || !isFlat) {
    throw new FabricError('bad-configuration', 'the chaincode’s endorsement policy is not "n of these organisations"');
  }
  const identities = envelope.getIdentitiesList();
  const members = rules.map((rule) => {
    const principal = identities[rule.getSignedBy()];
    if (principal?.getPrincipalClassification() !== msp.MSPPrincipal.Classification.ROLE) {
      throw new FabricError('bad-configuration', 'the chaincode’s endorsement policy names something else than roles');
    }
    return msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8()).getMspIdentifier();
  });
  return { required: threshold.getN(), members: [...new Set(members)].sort() };
}
