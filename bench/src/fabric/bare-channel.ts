import { spawn } from 'node:child_process';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { type Contract, connect, hash, signers } from '@hyperledger/fabric-gateway';
import type { TestNetwork } from '@salus/network';
import { createChaincodePackage, deployChaincode, installChaincode } from '@salus/network/channel';
import type { TransactionShape } from './transaction-shape.ts';

const PROGRAM = fileURLToPath(new URL('./bare-chaincode.ts', import.meta.url));
const NAME = 'bare';
const READY_MS = 20_000;
/** Far more than a step of a transaction takes: an answer that never comes ends the bench. */
const ANSWER_MS = 30_000;

/** A second chaincode on the same channel, with a service at each organisation, used through the SDK as its documents show. */
export type BareChannel = AsyncDisposable & {
  /** The services' processes, by name. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  seed(shape: TransactionShape): Promise<void>;
  /** One transaction of that shape, endorsed, ordered and committed. */
  submit(shape: TransactionShape): Promise<void>;
  evaluate(): Promise<void>;
};

/** Each service listens one port above the organisation's own chaincode. */
export async function openBareChannel(network: TestNetwork, organisation: string): Promise<BareChannel> {
  await using stack = new AsyncDisposableStack();
  const { channel, organisations } = network.consortium;
  const services = await Promise.all(
    organisations.map(async ({ slug, chaincode }) => {
      const service = await startService(network, slug, chaincode.port + 1);
      stack.defer(service.stop);
      return service;
    }),
  );
  await deployChaincode({
    channel: channel.name,
    name: NAME,
    version: '1',
    policy: { required: Math.min(2, services.length), members: organisations.map(({ slug }) => slug) },
    members: services.map(({ member }) => member),
  });
  const { client, contract } = openContract(network, organisation);
  stack.defer(() => client.close());
  const owned = stack.move();
  return {
    processes: services.map(({ name, pid }) => ({ name, pid })),
    seed: async ({ shared }) => void (await contract.submitTransaction('seed', ...shared.map(String))),
    submit: async (shape) => void (await contract.submitTransaction('run', ...argsOf(shape))),
    evaluate: async () => void (await contract.evaluateTransaction('get', 'shared/0')),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function argsOf({ absent, shared, writes }: TransactionShape): readonly string[] {
  return [randomUUID(), String(absent), String(shared.length), ...writes.map((size) => 'x'.repeat(size))];
}

async function startService(network: TestNetwork, slug: string, port: number) {
  const { server, client } = network.layout.organisation(slug).chaincode;
  const address = `127.0.0.1:${port}`;
  const chaincode = createChaincodePackage({
    label: `${NAME}_1`,
    address,
    tls: {
      rootCertificate: readFileSync(server.authority, 'utf8'),
      clientCertificate: readFileSync(client.certificate, 'utf8'),
      clientKey: readFileSync(client.key, 'utf8'),
    },
  });
  const child = spawn(
    process.execPath,
    [PROGRAM, chaincode.packageId, address, server.certificate, server.key, client.authority],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, CORE_CHAINCODE_LOGGING_LEVEL: 'warn' } },
  );
  const peers = network.peers(slug);
  const identity = network.admin(slug);
  await untilListening(port);
  await installChaincode(peers[0]!, identity, chaincode);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { name: `${slug}-bare`, pid: child.pid!, member: { identity, peers, packageId: chaincode.packageId }, stop };
}

function openContract(network: TestNetwork, slug: string): { readonly client: Client; readonly contract: Contract } {
  const { endpoint, tlsAuthorities } = network.peers(slug)[0]!;
  const client = new Client(endpoint, credentials.createSsl(Buffer.from(tlsAuthorities)));
  const { mspId, certificate, privateKey } = network.admin(slug);
  const gateway = connect({
    client,
    identity: { mspId, credentials: Buffer.from(certificate) },
    signer: signers.newPrivateKeySigner(createPrivateKey(privateKey)),
    hash: hash.sha256,
    endorseOptions: inTime,
    submitOptions: inTime,
    commitStatusOptions: inTime,
    evaluateOptions: inTime,
  });
  return { client, contract: gateway.getNetwork(network.consortium.channel.name).getContract(NAME) };
}

function inTime(): { readonly deadline: number } {
  return { deadline: Date.now() + ANSWER_MS };
}

async function untilListening(port: number): Promise<void> {
  const endMs = performance.now() + READY_MS;
  while (!(await isListening(port))) {
    if (performance.now() > endMs) throw new Error(`nothing listens at port ${port}`);
    await sleep(20);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
