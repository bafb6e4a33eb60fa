import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ExtractableHpkeKey, toBase64url } from '@salus/crypto';
import { CONFIGURATION_VERSION, PRIVATE_KEY_VERSION } from '../src/chaincode/configuration.ts';
import type { TestAuthority } from './machine.ts';

const START_MAX_MS = 90_000;

export type ServiceSetting = {
  readonly folder: string;
  readonly bundle: string;
  readonly chaincodeId: string;
  readonly network: string;
  readonly organisation: string;
  readonly key: ExtractableHpkeKey;
  /** Certifies the service. */
  readonly authority: TestAuthority;
  /** Certifies the peers that may connect. */
  readonly peerAuthority: TestAuthority;
};

/** The bundle as the process that `salus network` starts. */
export type Service = {
  readonly address: string;
  readonly process: ChildProcess;
  /** What it wrote to stderr and stdout so far. */
  output(): string;
  /** Exit code or signal. */
  readonly exited: Promise<number | string>;
};

/** Resolves when the service listens; rejects with its output when it ends before. */
export async function startService(setting: ServiceSetting): Promise<Service> {
  const { folder, bundle, chaincodeId } = setting;
  const configuration = await writeConfiguration(setting);
  const port = await findPort();
  const address = `127.0.0.1:${port}`;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', bundle], {
    cwd: folder,
    env: { CHAINCODE_ID: chaincodeId, CHAINCODE_ADDRESS: address, SALUS_CHAINCODE_CONFIG: configuration },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listening = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.includes(' serving ')) listening.resolve();
    });
  }
  const exited = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  void exited.then((code) => listening.reject(new Error(`the service ended with ${code}: ${output}`)));
  const timer = setTimeout(() => listening.reject(new Error('the service does not start')), START_MAX_MS);
  try {
    await listening.promise;
  } finally {
    clearTimeout(timer);
  }
  return { address, process: child, output: () => output, exited };
}

async function writeConfiguration(setting: ServiceSetting): Promise<string> {
  const { folder, network, organisation, key, authority, peerAuthority } = setting;
  mkdirSync(folder, { recursive: true });
  const own = await authority.issue(`chaincode.${organisation}`);
  const write = (name: string, content: string | Buffer): void => writeFileSync(join(folder, name), content);
  write('server.pem', own.certificate);
  write('server.key', own.key);
  write('peers.pem', peerAuthority.certificate);
  const privateKey = toBase64url(key.privateKey);
  write('private.key', JSON.stringify({ version: PRIVATE_KEY_VERSION, publicKey: key.publicKey, privateKey }));
  const tls = { certificateFile: 'server.pem', keyFile: 'server.key', clientAuthorityFile: 'peers.pem' };
  const configuration = { version: CONFIGURATION_VERSION, network, organisation, tls, privateKeyFile: 'private.key' };
  write('config.json', JSON.stringify(configuration));
  return join(folder, 'config.json');
}

function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
