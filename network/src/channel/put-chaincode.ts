import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { type Contract, connect, hash, signers } from '@hyperledger/fabric-gateway';
import type { ContractsBundle } from '../up/contracts-in-use.ts';
import { openClient, type PeerAddress } from './connection.ts';
import { type FabricIdentity, parseKey } from './identity.ts';

/** A chaincode for tests of the channel: `put` and `get`, over mutual TLS as the real one. */
export async function putChaincode(): Promise<ContractsBundle> {
  const shim = createRequire(import.meta.url).resolve('fabric-shim');
  const code = Buffer.from(`
    const { readFileSync } = require('node:fs');
    const { dirname, resolve } = require('node:path');
    const shim = require(${JSON.stringify(shim)});
    const file = process.env.SALUS_CHAINCODE_CONFIG;
    const { tls } = JSON.parse(readFileSync(file, 'utf8'));
    const read = (name) => readFileSync(resolve(dirname(file), name));
    const functions = {
      put: (stub, [key, value]) => stub.putState(key, Buffer.from(value)),
      get: (stub, [key]) => stub.getState(key),
    };
    const chaincode = {
      Init: async () => shim.success(),
      Invoke: async (stub) => {
        const { fcn, params } = stub.getFunctionAndParameters();
        return shim.success(Buffer.from((await functions[fcn](stub, params)) ?? []));
      },
    };
    const tlsProps = {
      cert: read(tls.certificateFile), key: read(tls.keyFile), clientCACerts: read(tls.clientAuthorityFile),
    };
    const { CHAINCODE_ID: ccid, CHAINCODE_ADDRESS: address } = process.env;
    shim.server(chaincode, { ccid, address, tlsProps }).start();
  `);
  return { code, contracts: '0.0.0', sha256hex: createHash('sha256').update(code).digest('hex') };
}

const TIMEOUT_MS = 10_000;
/** What a leader of Raft has taken and not passed on is lost with it: who waited this long sends it again. */
const COMMIT_TIMEOUT_MS = 2500;

/** The contract as one identity reaches it through one peer, until it is closed. */
export function openContract(
  address: PeerAddress,
  identity: FabricIdentity,
): { readonly contract: Contract; readonly close: () => void } {
  const client = openClient(address);
  const options = () => ({ deadline: Date.now() + TIMEOUT_MS });
  const gateway = connect({
    client,
    identity: { mspId: identity.mspId, credentials: Buffer.from(identity.certificate) },
    signer: signers.newPrivateKeySigner(parseKey(identity)),
    hash: hash.sha256,
    endorseOptions: options,
    evaluateOptions: options,
    submitOptions: options,
    commitStatusOptions: () => ({ deadline: Date.now() + COMMIT_TIMEOUT_MS }),
  });
  return { contract: gateway.getNetwork('salus').getContract('salus'), close: () => client.close() };
}
