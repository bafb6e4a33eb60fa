import { readFileSync } from 'node:fs';
import ChaincodeServer, { type Response, type Stub } from 'fabric-shim/lib/server.js';

/**
 * What the engine is held against: a chaincode that reads and writes as many keys of the same sizes as ours, and does nothing
 * else. Run as a service: `node bare-chaincode.ts ID ADDRESS CERTIFICATE KEY CLIENT_AUTHORITY`.
 *
 * `seed SIZE…` writes shared/0, shared/1, …; `run ID ABSENT SHARED VALUE…` reads that many absent and shared keys and writes the
 * values; `get KEY` reads one.
 */
const OK = 200;
const ERROR = 500;

const [chaincodeId = '', address = '', certificateFile = '', keyFile = '', authorityFile = ''] = process.argv.slice(2);
const server = new ChaincodeServer(
  { Init: async () => answer(OK), Invoke: invoke },
  {
    ccid: chaincodeId,
    address,
    tlsProps: {
      cert: readFileSync(certificateFile),
      key: readFileSync(keyFile),
      clientCACerts: readFileSync(authorityFile),
    },
  },
);
await server.start();

async function invoke(stub: Stub): Promise<Response> {
  const [name = '', ...args] = stub.getBufferArgs().map((arg) => arg.toString());
  switch (name) {
    case 'seed':
      await Promise.all(args.map((size, at) => stub.putState(`shared/${at}`, Buffer.alloc(Number(size), 'x'))));
      return answer(OK);
    case 'run':
      await run(stub, args);
      return answer(OK);
    case 'get':
      return answer(OK, await stub.getState(args[0] ?? ''));
    default:
      return answer(ERROR);
  }
}

async function run(stub: Stub, [id = '', absent = '0', shared = '0', ...values]: readonly string[]): Promise<void> {
  const keys = [
    ...Array.from({ length: Number(absent) }, (_, at) => `absent/${id}/${at}`),
    ...Array.from({ length: Number(shared) }, (_, at) => `shared/${at}`),
  ];
  await Promise.all(keys.map((key) => stub.getState(key)));
  await Promise.all(values.map((value, at) => stub.putState(`written/${id}/${at}`, Buffer.from(value))));
}

function answer(status: number, payload: Uint8Array = new Uint8Array(0)): Response {
  return { status, message: '', payload };
}
