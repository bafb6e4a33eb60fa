import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningServer, readSettings, startServer } from '@salus/server';
import { fabricBinaries, freePort, scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { done, type ReadByB, type StoryDesks, tellUntilRead } from '../../test/story.ts';
import { EXIT } from '../exit-codes.ts';
import { writeMedicationFixture } from './bundles.ts';
import { type Demonstration, type Desk, openDemonstration, openDesk } from './desk.ts';

const binaries = fabricBinaries();
const BASE_PORT = 28_100;
const CHANNEL = 'salus';
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'] as const;
const SETUP_MS = 300_000;
/** Blocks that the nodes which close later may still bring. */
const LAST_ROOTS_MAX = 8;
const TEST_MS = 300_000;

describe.skipIf(binaries === undefined)('the demonstration moves up to Fabric', () => {
  let demonstration: Demonstration;
  let desks: StoryDesks;
  let told: { readonly grant: string; readonly read: ReadByB };
  const nodes = new Map<string, RunningServer>();
  const files = { data: '', network: '', parted: '', nodes: '', peers: '' };

  beforeAll(async () => {
    demonstration = await openDemonstration();
    const { desk } = demonstration;
    const passphrase = desk.secretFile('passphrase', 'correct horse battery staple');
    desks = { a: desk, b: desk, home: desk, passphrase, nodeOfB: () => demonstration.url() };
    told = await tellUntilRead(desks, 'ann', writeMedicationFixture(desk.home));
    Object.assign(files, {
      data: join(desk.home, 'data'),
      network: join(desk.home, 'network'),
      parted: join(desk.home, 'nodes'),
      nodes: join(desk.home, 'nodes.json'),
      peers: join(desk.home, 'peers.json'),
    });
  }, SETUP_MS);

  afterAll(async () => {
    for (const node of nodes.values()) await node.close();
    if (files.network !== '') await operator().salus('network', 'down', '--directory', files.network);
    await demonstration?.[Symbol.asyncDispose]();
  }, SETUP_MS);

  /** Somebody at the machines: the same home, and Fabric's programs at hand. */
  const operator = (): Desk =>
    openDesk({
      home: demonstration.desk.home,
      environment: { FABRIC_BIN: process.env.FABRIC_BIN, PATH: process.env.PATH },
    });

  it(
    'is decided by more than half of the members, and then nothing more is taken',
    async () => {
      const { desk } = demonstration;
      // The wallet keeps the checkpoint of this ledger, and must go on with that of the channel.
      await done(desk, 'audit', '--as', 'ann', '--passphrase-file', desks.passphrase);
      const early = await operator().salus('network', 'migrate', '--data', files.data, '--json');
      expect(early.json()).toMatchObject({ error: { code: 'no-network' } });
      const proposed = await done(desk, 'staff', 'move', CHANNEL, '--as', 'hospital-a.admin');
      const { proposal, status } = proposed.json<{ proposal: string; status: string }>();
      expect(status).toBe('open');
      const vote = (slug: string) => done(desk, 'staff', 'vote', proposal, '--as', `${slug}.admin`);
      expect((await vote('hospital-b')).json()).toMatchObject({ status: 'open' });
      expect((await vote('laboratory')).json()).toMatchObject({ status: 'applied' });
      const late = await desk.salus('staff', 'move', 'elsewhere', '--as', 'pharmacy.admin', '--json');
      expect(late.json()).toMatchObject({ error: { code: 'ledger-moved' } });
      const reading = await desk.salus('records', '--json', '--token', told.read.tokenFile, '--as', 'b.novak');
      expect(reading.exit).toBe(EXIT.refused);
    },
    TEST_MS,
  );

  it(
    'is taken over by one command, with every member’s endorsement, and each gets a directory of its own',
    async () => {
      await demonstration.close();
      const { network } = JSON.parse(readFileSync(join(files.data, 'network.json'), 'utf8')) as {
        readonly network: string;
      };
      const consortium = join(demonstration.desk.home, 'consortium.yaml');
      writeFileSync(consortium, consortiumText(network));
      await done(operator(), 'network', 'up', '--consortium', consortium, '--directory', files.network);
      const words = ['network', 'migrate', '--data', files.data, '--directory', files.network, '--into', files.parted];
      const migrated = (await done(operator(), ...words, '--as', 'hospital-a.admin')).json<{
        readonly calls: number;
        readonly directories: Readonly<Record<string, string>>;
      }>();
      expect(migrated.calls).toBeGreaterThan(100);
      expect(Object.keys(migrated.directories).sort()).toEqual([...ORGANISATIONS]);
      const again = await done(operator(), ...words, '--as', 'hospital-a.admin');
      expect(again.json()).toMatchObject({ calls: 0, transactions: 0 });
    },
    TEST_MS,
  );

  it(
    'lives on: the grant of before opens the records of before, until the patient takes it back',
    async () => {
      await startNodes(['hospital-a', 'hospital-b']);
      const desk = openDesk({ home: demonstration.desk.home, environment: { SALUS_NODES: files.nodes } });
      const { passphrase } = desks;
      const read = (await done(desk, 'records', '--grant', told.grant, '--content', '--as', 'b.novak')).json<ReadByB>();
      expect(read.contents).toEqual(told.read.contents);
      await done(desk, 'revoke', told.grant, '--as', 'ann', '--passphrase-file', passphrase);
      const refused = await desk.salus('records', '--json', '--token', told.read.tokenFile, '--as', 'b.novak');
      expect(refused.json()).toMatchObject({ error: { code: 'grant-revoked' } });
      const audit = await done(desk, 'audit', '--as', 'ann', '--passphrase-file', passphrase);
      const { logs } = audit.json<{ logs: readonly { lines: readonly unknown[]; checkpoint: { number: number } }[] }>();
      expect(logs.every(({ lines }) => lines.length > 0)).toBe(true);
      await done(desk, 'audit', '--as', 'ann', '--passphrase-file', passphrase);
      const alarms = await done(desk, 'ledger', 'alarms', '--as', 'hospital-a.admin');
      expect(alarms.json<{ total: number }>().total).toBe(0);
      const moved = { ...desks, a: desk, b: desk, home: desk, nodeOfB: () => nodes.get('hospital-b')!.url };
      // The whole story with a patient of today takes a minute of password hashes.
      if (scaled(0, 1) === 1) await tellUntilRead(moved, 'bob', writeMedicationFixture(desk.home));
    },
    TEST_MS,
  );

  it(
    'is found sound by verify --fabric, and a flipped byte in a peer’s block file is named',
    async () => {
      for (const node of nodes.values()) await node.close();
      nodes.clear();
      const words = ['verify', '--fabric', '--org', 'hospital-a', '--directory', files.network];
      const sound = await done(operator(), ...words, '--data', join(files.parted, 'hospital-a'));
      const report = sound.json<{
        peers: readonly { blocks: number; compared: number; calls: number; folder: string }[];
      }>();
      const { blocks, compared } = report.peers[0]!;
      expect(compared).toBeLessThanOrEqual(blocks);
      // What the other nodes rooted while they closed came to the peer after its own node had ended.
      expect(compared).toBeGreaterThanOrEqual(blocks - LAST_ROOTS_MAX);
      expect(report.peers[0]!.calls).toBeGreaterThan(100);
      const file = join(report.peers[0]!.folder, 'blockfile_000000');
      const copy = join(demonstration.desk.home, 'copy');
      const bytes = readFileSync(file);
      const at = Math.floor(bytes.length / 2);
      bytes[at]! ^= 4;
      mkdirSync(copy);
      writeFileSync(join(copy, 'blockfile_000000'), bytes);
      const wrong = await operator().salus(...words, '--peer-data', copy, '--json');
      expect(wrong.exit).toBe(EXIT.refused);
      const [finding] = wrong.json<{ findings: readonly { place: string; message: string }[] }>().findings;
      expect(finding?.place).toMatch(/^hospital-a peer0 blockfile_000000 offset \d+ block \d+$/);
    },
    TEST_MS,
  );

  async function startNodes(slugs: readonly string[]): Promise<void> {
    const home = demonstration.desk.home;
    const ports = new Map<string, { readonly http: number; readonly exchange: number }>();
    for (const slug of slugs) ports.set(slug, { http: await freePort(), exchange: await freePort() });
    const list = (of: (port: { readonly http: number; readonly exchange: number }) => string): string =>
      JSON.stringify(Object.fromEntries([...ports].map(([slug, port]) => [slug, of(port)])));
    writeFileSync(
      files.nodes,
      list(({ http }) => `http://127.0.0.1:${http}`),
    );
    writeFileSync(
      files.peers,
      list(({ exchange }) => `https://127.0.0.1:${exchange}`),
    );
    for (const slug of slugs) {
      const settings = readSettings(
        {
          XDG_CONFIG_HOME: home,
          SALUS_DATA: join(files.parted, slug),
          SALUS_LEDGER: join(files.network, 'organisations', slug, 'connection.json'),
          SALUS_CHECKPOINT_FILE: join(home, `${slug}.checkpoint.jsonl`),
          SALUS_PORT: String(ports.get(slug)!.http),
          SALUS_EXCHANGE_PORT: String(ports.get(slug)!.exchange),
          SALUS_EXCHANGE_PEERS: files.peers,
          SALUS_LOG_LEVEL: 'error',
        },
        home,
      );
      nodes.set(slug, await startServer(settings, (line) => process.stderr.write(line)));
    }
  }
});

function consortiumText(network: string): string {
  const organisations = ORGANISATIONS.map((slug, at) => {
    const port = BASE_PORT + 20 * at;
    return `  - slug: ${slug}
    name: ${slug}
    peers: [{ name: peer0, port: ${port}, chaincodePort: ${port + 1}, operationsPort: ${port + 2} }]
    orderers: ${at === 0 ? `[{ name: orderer0, port: ${port + 3}, adminPort: ${port + 4}, operationsPort: ${port + 5} }]` : '[]'}
    chaincode: { port: ${port + 6} }
`;
  });
  return `version: salus:consortium:v1
network: ${network}
channel: { name: ${CHANNEL}, consensus: raft, endorsements: 2 }
organisations:
${organisations.join('')}`;
}
