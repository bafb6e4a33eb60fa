import { FabricError } from '../fabric-error.ts';
import { GoMessage } from './go-message.ts';
import type { EndorserTransaction } from './transaction.ts';

const LIFECYCLE = '_lifecycle';

/**
 * The version of a chaincode's definition that a transaction commits (core/chaincode/lifecycle/serializer.go: one key a field);
 * undefined when it commits none. `bad-block`.
 */
export function findDefinedVersion(transaction: EndorserTransaction, chaincode: string): string | undefined {
  const key = `namespaces/fields/${chaincode}/EndorsementInfo`;
  const writes = transaction.writeSets.filter(({ namespace }) => namespace === LIFECYCLE).flatMap((set) => set.writes);
  const value = writes.findLast((write) => write.key === key)?.value;
  if (value === undefined) return undefined;
  try {
    // peer/lifecycle/db.proto: StateData (2 bytes), ChaincodeEndorsementInfo (1 version).
    return new GoMessage(new GoMessage(value).bytes(2)).text(1);
  } catch (cause) {
    throw new FabricError('bad-block', 'a chaincode definition cannot be read', { cause });
  }
}
