import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleChaincode } from '@salus/ledger-fabric/bundle';
import { stringify } from 'yaml';
import type { FabricIdentity, NodeAddress, OrdererAdministration, PeerAddress } from './channel/index.ts';
import { type Consortium, findOrganisation, type Organisation } from './consortium/consortium.ts';
import { parseConsortium } from './consortium/parse-consortium.ts';
import { type NetworkLayout, networkLayout } from './layout.ts';
import { NetworkError } from './network-error.ts';
import {
  awaitReady,
  killProcess,
  listProcesses,
  logFile,
  type ProcessStatus,
  restartProcess,
  signalProcess,
  startProcess,
} from './processes/supervisor.ts';
import { adminIdentity, ordererAddresses, ordererAdministration, peerAddresses } from './up/addresses.ts';
import type { ContractsBundle } from './up/contracts-in-use.ts';
import { downNetwork } from './up/down-network.ts';
import type { Binaries } from './up/process-specs.ts';
import { type UpReport, upNetwork } from './up/up-network.ts';
import { writeIfChanged } from './write-file.ts';

/** Ports that one organisation of a test network takes at most, from its first. */
const PORTS_PER_ORGANISATION = 20;
const PEER_PORTS = 3;
const ORDERER_PORTS_AT = 6;
const CHAINCODE_PORT_AT = 18;
const ORDERERS_PER_ORGANISATION_MAX = 4;

export interface TestNetworkOptions {
  readonly binaries: Binaries;
  /** The contracts of this repository unless given. */
  readonly bundle?: () => Promise<ContractsBundle>;
  /** First of `20 × organisations` ports. */
  readonly basePort: number;
  readonly organisations?: readonly string[];
  /** Spread over the organisations in turn. */
  readonly orderers?: number;
  readonly consensus?: 'raft' | 'bft';
  readonly batchTimeoutMs?: number;
  readonly endorsements?: number;
  /** Where others reach an organisation, 127.0.0.1 unless given; on loopback its processes listen at 127.0.0.1 all the same. */
  readonly host?: (slug: string) => string;
  /** Kept at the end where it is given; else a folder of its own below the system's temporary one, removed. */
  readonly directory?: string;
}

/** A running network of real peers, orderers and chaincode services, without Salus nodes. */
export interface TestNetwork extends AsyncDisposable {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  /** By organisation: what its Fabric CA's keys are sealed under. */
  readonly masterKeys: ReadonlyMap<string, Uint8Array>;
  readonly report: UpReport;
  organisation(slug: string): Organisation;
  /** Path of the organisation's connection.json. */
  connectionFile(slug: string): string;
  admin(slug: string): FabricIdentity;
  peers(slug: string): readonly PeerAddress[];
  orderers(): readonly NodeAddress[];
  ordererAdministration(slug: string, orderer?: string): OrdererAdministration;
  /** `<slug>-peer0`, `<slug>-orderer0`, `<slug>-chaincode`, with pid and whether it runs. */
  processes(): readonly ProcessStatus[];
  /** SIGKILL, as a power cut; it can be started again. */
  kill(process: string): Promise<void>;
  /** Starts it as before (ended first where it runs) and waits until it listens. */
  restart(process: string): Promise<void>;
  /** Every process that does not run. */
  restartAll(): Promise<void>;
  freeze(process: string): void;
  thaw(process: string): void;
  logFile(process: string): string;
  /** `up` again, on the same directory. */
  up(): Promise<UpReport>;
  stop(): Promise<void>;
}

/** Starts a network for tests from nothing: three organisations and one Raft orderer unless told otherwise. */
export async function startTestNetwork(options: TestNetworkOptions): Promise<TestNetwork> {
  const directory = resolve(options.directory ?? mkdtempSync(join(tmpdir(), 'salus-network-')));
  const layout = networkLayout(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const text = stringify(testConsortium(options));
  writeIfChanged(layout.consortium, text);
  const consortium = parseConsortium(text);
  const masterKeys = new Map(consortium.organisations.map(({ slug }) => [slug, new Uint8Array(randomBytes(32))]));
  const { binaries, bundle = bundleChaincode } = options;
  const up = () => upNetwork({ layout, consortium, binaries, bundle, masterKeys, nowMs: Date.now });
  const stop = async () => {
    await downNetwork(layout);
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  let report: UpReport;
  try {
    report = await up();
  } catch (error) {
    await downNetwork(layout);
    throw error;
  }
  return { ...handles(layout, consortium), masterKeys, report, up, stop, [Symbol.asyncDispose]: stop };
}

function handles(layout: NetworkLayout, consortium: Consortium) {
  const organisation = (slug: string): Organisation => {
    const found = findOrganisation(consortium, slug);
    if (found === undefined) throw new NetworkError('not-found', `The test network has no organisation ${slug}.`);
    return found;
  };
  const startAgain = async (record: ProcessStatus): Promise<void> => {
    const { pid: _pid, start: _start, running: _running, ...spec } = record;
    await startProcess(layout, spec);
    await awaitReady(layout, record.name);
  };
  return {
    layout,
    consortium,
    organisation,
    connectionFile: (slug: string) => layout.organisation(slug).connection,
    admin: (slug: string) => adminIdentity(layout, slug),
    peers: (slug: string) => peerAddresses(layout, organisation(slug)),
    orderers: () => ordererAddresses(layout, consortium.organisations),
    ordererAdministration: (slug: string, name = 'orderer0') => {
      const orderer = organisation(slug).orderers.find((one) => one.name === name);
      if (orderer === undefined) throw new NetworkError('not-found', `${slug} has no orderer ${name}.`);
      return ordererAdministration(layout, organisation(slug), orderer);
    },
    processes: () => listProcesses(layout),
    kill: (name: string) => killProcess(layout, name),
    restart: (name: string) => restartProcess(layout, name),
    restartAll: async () => {
      await Promise.all(
        listProcesses(layout)
          .filter(({ running }) => !running)
          .map(startAgain),
      );
    },
    freeze: (name: string) => signalProcess(layout, name, 'SIGSTOP'),
    thaw: (name: string) => signalProcess(layout, name, 'SIGCONT'),
    logFile: (name: string) => logFile(layout, name),
  };
}

/** The consortium of a test network, as its consortium.yaml states it. */
export function testConsortium(options: Omit<TestNetworkOptions, 'binaries' | 'bundle' | 'directory'>): object {
  const slugs = options.organisations ?? ['hospital-a', 'hospital-b', 'laboratory'];
  const orderers = options.orderers ?? 1;
  if (orderers > slugs.length * ORDERERS_PER_ORGANISATION_MAX) {
    throw new NetworkError('bad-input', `${slugs.length} organisations of a test network run no ${orderers} orderers.`);
  }
  return {
    version: 'salus:consortium:v1',
    network: randomBytes(16).toString('base64url'),
    channel: {
      name: 'salus',
      consensus: options.consensus ?? 'raft',
      batchTimeoutMs: options.batchTimeoutMs ?? 50,
      endorsements: options.endorsements ?? 2,
    },
    organisations: slugs.map((slug, index) => {
      const first = options.basePort + index * PORTS_PER_ORGANISATION;
      const own = Math.floor(orderers / slugs.length) + (index < orderers % slugs.length ? 1 : 0);
      return {
        slug,
        name: slug,
        ...(options.host === undefined ? {} : { host: options.host(slug) }),
        peers: [{ name: 'peer0', port: first, chaincodePort: first + 1, operationsPort: first + 2 }],
        orderers: Array.from({ length: own }, (_, at) => {
          const port = first + ORDERER_PORTS_AT + at * PEER_PORTS;
          return { name: `orderer${at}`, port, adminPort: port + 1, operationsPort: port + 2 };
        }),
        chaincode: { port: first + CHAINCODE_PORT_AT },
      };
    }),
  };
}
