import { CONTRACTS_VERSION, contracts, type Json } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { METADATA_FUNCTION, SUBMIT_FUNCTION } from '../wire.ts';
import { endorse } from './answer.ts';
import type { Answer, Chaincode } from './invocation.ts';

/** Where Fabric's tools look for it (contract-schema.json of fabric-contract-api). */
export const FABRIC_METADATA_FUNCTION = 'org.hyperledger.fabric:GetMetadata';
const SCHEMA = 'https://hyperledger.github.io/fabric-chaincode-node/main/api/contract-schema.json';

/** What is served: Fabric's contract metadata, with the bundle and every transaction that a signed call may name. */
export async function metadata(chaincode: Chaincode): Promise<Answer> {
  return endorse(canonical(describe(chaincode.bundleSha256hex)));
}

function describe(bundleSha256hex: string): Json {
  const info = { title: 'Salus', version: CONTRACTS_VERSION, license: { name: 'Apache-2.0' } };
  return {
    $schema: SCHEMA,
    info,
    bundle: bundleSha256hex,
    contracts: {
      salus: {
        name: 'salus',
        info,
        transactions: [
          {
            name: SUBMIT_FUNCTION,
            tag: ['submitTx'],
            parameters: [{ name: 'gathered', description: 'Signed calls, canonical JSON', schema: { type: 'string' } }],
            returns: { type: 'string' },
          },
          { name: METADATA_FUNCTION, tag: [], parameters: [], returns: { type: 'string' } },
        ],
      },
    },
    transactions: contracts.map((one) => ({
      name: `${one.contract}.${one.name}`,
      summary: one.summary,
      signers: one.signers,
      memberKinds: one.memberKinds ?? [],
      roles: one.roles ?? [],
      private: one.private === undefined ? null : { summary: one.private.summary, pid: one.private.pid },
      errors: one.errors,
    })),
    components: { schemas: {} },
  };
}
