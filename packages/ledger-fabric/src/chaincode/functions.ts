import { importBlocks } from '../migration/import.ts';
import { IMPORT_FUNCTION, METADATA_FUNCTION, RANGE_FUNCTION, SUBMIT_FUNCTION } from '../wire.ts';
import { fault } from './answer.ts';
import type { Answer, Chaincode, ChaincodeFunction, Invocation } from './invocation.ts';
import { FABRIC_METADATA_FUNCTION, metadata } from './metadata.ts';
import { range } from './range.ts';
import { submit } from './submit.ts';

/** Every function of the chaincode by its name. */
const FUNCTIONS: ReadonlyMap<string, ChaincodeFunction> = new Map<string, ChaincodeFunction>([
  [SUBMIT_FUNCTION, submit],
  [IMPORT_FUNCTION, importBlocks],
  [METADATA_FUNCTION, metadata],
  [RANGE_FUNCTION, range],
  [FABRIC_METADATA_FUNCTION, metadata],
]);

/** Answers one invocation; whatever goes wrong beyond the calls themselves is `internal`. */
export async function invoke(chaincode: Chaincode, invocation: Invocation): Promise<Answer> {
  const run = FUNCTIONS.get(invocation.functionName);
  if (run === undefined) return fault('malformed');
  try {
    return await run(chaincode, invocation);
  } catch (cause) {
    chaincode.onFault(cause);
    return fault('internal');
  }
}
