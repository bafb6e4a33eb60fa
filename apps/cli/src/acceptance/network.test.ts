import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { demonstrationFile } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Desk, openDesk, type Ran } from './desk.ts';

/** The demonstration's ports, moved away from those of a demonstration that may run on this machine. */
const PORTS_MOVED = 15_400;
const STEP_MS = 300_000;
const CLINIC = `  - slug: clinic
    name: Clinic
    peers:
      - { name: peer0, port: 22851, chaincodePort: 22852, operationsPort: 22853 }
    orderers:
      - { name: orderer0, port: 22854, adminPort: 22855, operationsPort: 22856 }
    chaincode: { port: 22857 }
`;

const binaries = fabricBinaries();

interface Status {
  readonly processes: readonly { readonly name: string; readonly pid: number | null; readonly running: boolean }[];
  readonly peers: readonly { readonly name: string; readonly height: number; readonly hash: string }[];
  readonly channel: {
    readonly sequence: number;
    readonly consenters: readonly unknown[];
    readonly organisations: readonly { readonly mspId: string; readonly member: boolean }[];
  };
}

describe.skipIf(binaries === undefined)('salus network on Fabric', () => {
  let home = '';
  let desk: Desk;
  let directory = '';
  let consortium = '';
  let environment: NodeJS.ProcessEnv = {};

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'salus-network-cli-'));
    directory = join(home, 'network');
    consortium = join(directory, 'consortium.yaml');
    environment = {
      FABRIC_BIN: dirname(binaries!.peer),
      PATH: dirname(process.execPath) + delimiter + (process.env.PATH ?? ''),
      SALUS_NETWORK: directory,
    };
    desk = openDesk({ home, environment });
  });

  afterAll(async () => {
    await network('down');
    rmSync(home, { recursive: true, force: true });
  }, STEP_MS);

  async function network(...words: readonly string[]): Promise<Ran> {
    return desk.salus('network', ...words);
  }

  async function done(...words: readonly string[]): Promise<Ran> {
    const ran = await network(...words);
    expect(ran, ran.stderr).toMatchObject({ exit: EXIT.ok });
    return ran;
  }

  async function status(): Promise<Status> {
    return (await network('status', '--json')).json<Status>();
  }

  /** The same newest block everywhere, once the peers have caught up with each other. */
  async function expectOneChain(): Promise<void> {
    const hashes = async () => new Set((await status()).peers.map(({ hash }) => hash)).size;
    await expect.poll(hashes, { timeout: STEP_MS }).toBe(1);
  }

  function membersOf({ channel }: Status): readonly string[] {
    return channel.organisations
      .filter(({ member }) => member)
      .map(({ mspId }) => mspId)
      .sort();
  }

  it('says before there is a network that there is none', async () => {
    const ran = await network('status', '--json');
    expect(ran.exit).toBe(EXIT.usage);
    expect(ran.json()).toMatchObject({ error: { code: 'no-network' } });
  });

  it('refuses a consortium.yaml with the line and place of what is wrong', async () => {
    const file = join(home, 'wrong.yaml');
    writeFileSync(file, readFileSync(demonstrationFile, 'utf8').replace('port: 7051', 'port: none'));
    const ran = await network('up', '--consortium', file);
    expect(ran.exit).toBe(EXIT.usage);
    expect(ran.stderr).toMatch(/line 12: organisations\[0\]\.peers\[0\]\.port is "none": expected a TCP port/);
  });

  it('refuses a file of master keys in the directory that backups take', async () => {
    const file = join(home, 'moved.yaml');
    writeFileSync(file, readFileSync(demonstrationFile, 'utf8'));
    const inside = join(home, 'inside');
    const variables = { SALUS_NETWORK: inside, SALUS_MASTER_KEY_FILE: join(inside, 'keys.json') };
    const careless = openDesk({ home, environment: { ...environment, ...variables } });
    const ran = await careless.salus('network', 'up', '--consortium', file, '--json');
    expect(ran.exit).not.toBe(EXIT.ok);
    expect(ran.stdout + ran.stderr).toMatch(/keys\.json lies inside the network's directory/);
    expect(readdirSync(inside)).toEqual(['consortium.yaml']);
  });

  it(
    'brings the demonstration up: four organisations on the ledger, each with a node of its own',
    async () => {
      const file = join(home, 'demonstration.yaml');
      const moved = readFileSync(demonstrationFile, 'utf8').replace(/ort: (\d+)/g, (_all, port: string) => {
        return `ort: ${Number(port) + PORTS_MOVED}`;
      });
      writeFileSync(file, moved);
      const ran = await done('up', '--consortium', file, '--json');
      expect(ran.json()).toMatchObject({
        unchanged: false,
        deployment: { sequence: 1, committed: true },
        nodes: { admitted: ['hospital-b', 'laboratory', 'pharmacy'], waiting: [] },
      });
      const { processes } = await status();
      expect(processes).toHaveLength(15);
      expect(processes.every(({ running }) => running)).toBe(true);
      const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => basename(path));
      expect(files).toContain('records.sqlite');
      expect(files.filter((name) => ['master-keys.json', 'checkpoint.jsonl'].includes(name))).toEqual([]);
      const { network: id } = ran.json<{ network: string }>();
      const own = join(home, 'salus', 'network', id);
      expect(readdirSync(own).sort()).toEqual(['hospital-a', 'hospital-b', 'laboratory', 'pharmacy']);
      for (const slug of readdirSync(own)) expect(readdirSync(join(own, slug))).toContain('checkpoint.jsonl');
      const config = join(directory, 'organisations', 'pharmacy', 'node', 'config');
      const pharmacy = openDesk({ home: config, environment: { SALUS_NODES: join(directory, 'nodes.json') } });
      const blocks = await pharmacy.salus('ledger', 'blocks', '--limit', '1', '--as', 'pharmacy.admin', '--json');
      expect(blocks.json<{ height: number }>().height).toBeGreaterThan(4);
    },
    STEP_MS,
  );

  it(
    'changes nothing when it runs twice',
    async () => {
      const before = await status();
      const text = readFileSync(consortium, 'utf8');
      const ran = await done('up', '--json');
      expect(ran.json()).toMatchObject({ unchanged: true, outdated: [], nodes: { started: [], admitted: [] } });
      const after = await status();
      expect(after.processes).toEqual(before.processes);
      // Heights may differ: the nodes go on writing.
      expect(after.channel).toEqual(before.channel);
      expect(readFileSync(consortium, 'utf8')).toBe(text);
    },
    STEP_MS,
  );

  it(
    'writes a systemd unit for each process, and leaves starting to services where it is told to',
    async () => {
      const { units } = (await done('units', '--out', home, '--json')).json<{ units: readonly string[] }>();
      expect(units).toHaveLength(15);
      const node = readFileSync(join(home, 'salus-hospital-a-node.service'), 'utf8');
      expect(node).toContain(`SALUS_MASTER_KEY_FILE=${join(home, 'salus', 'master-keys.json')}`);
      const text = readFileSync(join(home, 'salus-hospital-a-peer0.service'), 'utf8');
      expect(text).toContain(`ExecStart=${binaries!.peer} node start`);
      const served = openDesk({ home, environment: { ...environment, SALUS_NETWORK_START: 'no' } });
      const ran = await served.salus('network', 'up', '--json');
      expect(ran.json()).toMatchObject({ unchanged: true, started: [], nodes: null });
    },
    STEP_MS,
  );

  it(
    'starts again what was killed, with the same chain',
    async () => {
      const { pid } = (await status()).processes.find(({ name }) => name === 'laboratory-peer0')!;
      process.kill(pid!, 'SIGKILL');
      await expect.poll(async () => (await network('status')).exit, { timeout: STEP_MS }).toBe(EXIT.refused);
      await done('up');
      await expectOneChain();
    },
    STEP_MS,
  );

  it(
    'refuses a fifth organisation below the quorum, shows what is missing, and keeps the signatures for others',
    async () => {
      writeFileSync(consortium, readFileSync(consortium, 'utf8') + CLINIC);
      const proposal = join(home, 'clinic.json');
      const before = await status();
      const ran = await network(
        'add-org',
        'clinic',
        '--here',
        '--signers',
        'hospital-a,pharmacy',
        '--proposal',
        proposal,
      );
      expect(ran.exit).toBe(EXIT.refused);
      expect(ran.stderr).toContain('authority CN=ca.clinic, O=clinic');
      expect(ran.stderr).toMatch(/MAJORITY of 4\): not reached, 2 of 3 needed, signed by hospital-a, pharmacy/);
      expect(ran.stderr).toContain('below-quorum');
      expect((await status()).channel.sequence).toBe(before.channel.sequence);
      const { unchanged, outside } = (await done('up', '--json')).json<{ unchanged: boolean; outside: string[] }>();
      expect({ unchanged, outside }).toEqual({ unchanged: false, outside: ['clinic'] });
      await done('channel', 'sign', proposal, '--signers', 'laboratory', '--yes');
    },
    STEP_MS,
  );

  it(
    'admits it with enough signatures: its peer validates the chain from the first block to the same newest one',
    async () => {
      const proposal = join(home, 'clinic.json');
      const asked = await network('add-org', 'clinic', '--signers', 'laboratory', '--proposal', proposal);
      expect(asked.stderr).toMatch(/no terminal to ask at/);
      await done('add-org', 'clinic', '--signers', 'laboratory', '--proposal', proposal, '--yes');
      const after = await status();
      expect(membersOf(after)).toEqual(['clinic', 'hospital-a', 'hospital-b', 'laboratory', 'pharmacy']);
      await expectOneChain();
      const { changes } = (await done('add-org', 'clinic', '--json')).json<{ changes: readonly unknown[] }>();
      expect(changes).toEqual([]);
    },
    STEP_MS,
  );

  it(
    'adds its orderer, changes the channel’s settings, revokes, snapshots, and lets it leave again',
    async () => {
      await done('add-orderer', 'clinic', 'orderer0', '--yes');
      expect((await status()).channel.consenters).toHaveLength(4);
      writeFileSync(
        consortium,
        readFileSync(consortium, 'utf8').replace('consensus: raft', 'consensus: raft\n  batchTimeoutMs: 70'),
      );
      await done('channel', 'update', '--yes');
      expect((await done('channel', 'show')).stdout).toContain('a block after 70 ms');
      await done('revoke', 'node', '--org', 'clinic', '--yes');
      expect((await done('channel', 'show')).stdout).toMatch(/clinic: member, .*, 1 revocation lists/);
      const again = (await done('revoke', 'node', '--org', 'clinic', '--yes', '--json')).json<{ changed: boolean }>();
      expect(again.changed).toBe(false);
      expect((await done('snapshot', '--org', 'hospital-b', '--json')).json()).toMatchObject({
        snapshots: [{ peer: 'hospital-b-peer0' }],
      });
      await done('upgrade-contracts');
      await done('remove-org', 'clinic', '--yes');
      const after = await status();
      expect(membersOf(after)).toEqual(['hospital-a', 'hospital-b', 'laboratory', 'pharmacy']);
      expect(after.channel.consenters).toHaveLength(3);
      expect(readFileSync(consortium, 'utf8')).not.toContain('clinic');
    },
    STEP_MS,
  );

  it(
    'shows logs, restarts one process, and ends all by their own pids',
    async () => {
      expect((await done('logs', 'pharmacy-peer0', '--lines', '3')).stdout).toContain('== pharmacy-peer0');
      await done('restart', 'pharmacy-peer0');
      const unknown = await network('restart', 'pharmacy-peer9', '--json');
      expect(unknown.json()).toMatchObject({ error: { code: 'not-found' } });
      const { processes } = await status();
      await done('down');
      // What has ended is there until the system has taken notice of it.
      await expect.poll(() => processes.filter(({ pid }) => isThere(pid!)), { timeout: STEP_MS / 2 }).toEqual([]);
      expect((await network('status', '--json')).json<Status>().processes).toEqual([]);
      expect((await done('down')).stdout).toBe('Nothing ran.\n');
    },
    STEP_MS,
  );
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
