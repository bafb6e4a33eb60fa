import { cpSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { apiClient, ClientError } from '@salus/client';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsortiumApart, openConsortiumApart } from '../../test/consortium-apart.ts';
import type { OrganisationProcess } from '../../test/organisation-process.ts';
import { done, expectStory, type ReadByB, startReading, tellUntilRead } from '../../test/story.ts';
import { EXIT } from '../exit-codes.ts';
import { writeMedicationFixture } from './bundles.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_000;
const NETWORK_MS = 300_000;
const STORY_MS = 480_000;
/** After a revocation is committed, until it counts at every organisation: two seconds, and what a busy machine adds. */
const REVOKED_MS = 60_000;

const FIRST_CALL = '(SELECT min(position) FROM body)';
const CHANGES: readonly (readonly [what: string, sql: string])[] = [
  ['a call', `UPDATE body SET text = replace(text, '"founder"', '"founded"') || ' ' WHERE position = ${FIRST_CALL}`],
  ['a value', `UPDATE state SET value = '{}' WHERE key = 'membership/network'`],
  ['a missing value', `DELETE FROM state WHERE key = 'membership/network'`],
  ['a value that nobody wrote', `INSERT INTO state VALUES ('grant/x/y', ${FIRST_CALL}, '{}')`],
  [
    'a header',
    `UPDATE block SET header = replace(header, '"count":1', '"count":2') WHERE number = (SELECT max(number) FROM block WHERE header LIKE '%"count":1,%')`,
  ],
  ['the newest block', 'DELETE FROM block WHERE number = (SELECT max(number) FROM block)'],
];

describe.skipIf(binaries === undefined)('two organisations apart on Fabric', () => {
  let network: TestNetwork;
  let consortium: ConsortiumApart;
  let told: { readonly grant: string; readonly read: ReadByB };

  beforeAll(async () => {
    // The laboratory is a member of the channel and has no node: a bystander with every block.
    const organisations = ['hospital-a', 'hospital-b', 'laboratory'];
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations, orderers: 1 });
    consortium = await openConsortiumApart(['hospital-a', 'hospital-b'], (slug) => network.connectionFile(slug));
    await consortium.join(['hospital-a', 'hospital-b']);
  }, NETWORK_MS);

  afterAll(async () => {
    await consortium?.[Symbol.asyncDispose]();
    await network?.stop();
  });

  it(
    'do the whole main job with the same commands, each at its own node',
    async () => {
      const desks = consortium.desks();
      const texts = await expectStory(desks, 'ann', writeMedicationFixture(desks.a.home));
      expect(texts.some((text) => text.includes('12345678901234567890'))).toBe(true);
      const alarms = await done(desks.a, 'ledger', 'alarms', '--as', 'hospital-a.admin');
      expect(alarms.json<{ total: number }>().total).toBe(0);
      told = await tellUntilRead(desks, 'bob', writeMedicationFixture(desks.a.home), { mayKeep: true });
    },
    STORY_MS,
  );

  it('leave no private argument in any block or elsewhere with any peer', { timeout: STORY_MS }, async () => {
    const { grants } = grantsOf(told.read);
    const hidden = [grants[0].salt, 'Before surgery', '"grantee":{', '"purposes":[', '"categories":[', '"mayKeep"'];
    for (const slug of ['hospital-a', 'hospital-b', 'laboratory']) {
      const directory = network.layout.organisation(slug).peer('peer0').data;
      const blocks = () => filesUnder(directory).filter(({ path }) => path.includes('blockfile_'));
      expect(blocks().length, slug).toBeGreaterThan(0);
      // What is public of the grant is there, once the peer has its block: these are the bytes to look through.
      const isThere = () => blocks().some(({ bytes }) => bytes.includes(told.grant));
      await expect.poll(isThere, { timeout: NETWORK_MS, interval: 500, message: slug }).toBe(true);
      const files = filesUnder(directory);
      const found = files.flatMap(({ path, bytes }) => hidden.filter((text) => bytes.includes(text)).map(() => path));
      expect(found).toEqual([]);
    }
  });

  it(
    'still read what they kept, and prove it, when the other one’s directory is gone',
    async () => {
      const [a, b] = [consortium.at('hospital-a'), consortium.at('hospital-b')];
      const desks = consortium.desks();
      const back = await tellUntilRead(desks, 'cleo', writeMedicationFixture(desks.b.home), {
        mayKeep: true,
        from: 'b',
      });
      await done(b.desk, 'records', '--grant', told.grant, '--keep', '--as', 'b.novak');
      await done(a.desk, 'records', '--grant', back.grant, '--keep', '--as', 'a.rossi');
      await expectVerified(a);
      await a.end('SIGTERM');
      renameSync(a.dataDirectory, `${a.dataDirectory}-gone`);
      await expectKept(b, { ...told, author: 'hospital-a', as: 'b.novak' });
      await expectVerified(b);
      renameSync(`${a.dataDirectory}-gone`, a.dataDirectory);
      await a.start();
      await b.end('SIGTERM');
      renameSync(b.dataDirectory, `${b.dataDirectory}-gone`);
      await expectKept(a, { ...back, author: 'hospital-b', as: 'a.rossi' });
      await expectOwn();
      await expectVerified(a);
      renameSync(`${b.dataDirectory}-gone`, b.dataDirectory);
      await b.start();
    },
    STORY_MS,
  );

  it(
    'notice what somebody changed in a node’s copy of the channel',
    async () => {
      const { desk, dataDirectory } = consortium.at('hospital-a');
      for (const [what, sql] of CHANGES) {
        const copy = `${dataDirectory}-copy`;
        cpSync(dataDirectory, copy, { recursive: true });
        using database = new DatabaseSync(join(copy, 'ledger', 'ledger.sqlite'));
        expect(database.prepare(sql).run().changes, what).toBe(1);
        const verified = await desk.salus('verify', '--data', copy, '--json');
        expect(verified.exit, what).toBe(EXIT.refused);
        const { findings } = verified.json<{ findings: readonly { place: string }[] }>();
        expect(
          findings.some(({ place }) => place.startsWith('ledger')),
          what,
        ).toBe(true);
        rmSync(copy, { recursive: true });
      }
    },
    STORY_MS,
  );

  it(
    'hand a patient’s grant on to the node that the patient’s page does not reach',
    async () => {
      const { home, passphrase } = consortium.desks();
      const [a, b] = [consortium.at('hospital-a'), consortium.at('hospital-b')];
      const what = [
        '--to',
        'hospital-b',
        '--at',
        'hospital-a',
        '--categories',
        'medication',
        '--labels',
        'all',
        '--yes',
      ];
      const who = ['--as', 'bob', '--passphrase-file', passphrase];
      // An address that is named is the only one that the command knows, as a page knows only its own node.
      const { grants } = (await done(home, 'grant', ...what, ...who, '--node', a.url)).json<{
        grants: readonly [{ readonly grant: string }];
      }>();
      const read = await done(b.desk, 'records', '--grant', grants[0].grant, '--as', 'b.novak');
      expect(read.json<{ records: readonly unknown[] }>().records.length).toBeGreaterThan(0);
    },
    STORY_MS,
  );

  /** One hospital's copies of the other one's records, proven by its own ledger. */
  async function expectKept(
    { desk }: OrganisationProcess,
    { grant, read, author, as }: typeof told & { readonly author: string; readonly as: string },
  ): Promise<void> {
    const { grants } = grantsOf(read);
    const { pid } = grants[0].terms;
    const listed = await done(desk, 'kept', pid, '--as', as);
    const { kept } = listed.json<{ kept: readonly { recordId: string; author: string }[] }>();
    const records = read.records.map(({ recordId }) => recordId);
    expect(kept.map(({ recordId }) => recordId).sort()).toEqual([...records].sort());
    for (const { recordId, author: keptFrom } of kept) {
      expect(keptFrom).toBe(author);
      const copy = (await done(desk, 'kept', pid, recordId, '--as', as)).json<{
        text: string;
        proven: boolean;
      }>();
      expect(copy.proven).toBe(true);
      expect(read.contents.some(({ text }) => text === copy.text)).toBe(true);
    }
    const gone = await desk.salus('records', '--grant', grant, '--as', as, '--json');
    expect(gone.json<{ error: { code: string } }>().error.code).toBe('peer-unreachable');
  }

  /** Hospital A's own records, of which hospital B has read some, as their patient reads them. */
  async function expectOwn(): Promise<void> {
    const { home, passphrase } = consortium.desks();
    const as = ['--at', 'hospital-a', '--as', 'bob', '--passphrase-file', passphrase];
    for (const { recordId } of told.read.records) {
      const own = (await done(home, 'records', recordId, ...as)).json<{
        organisations: readonly [{ contents: readonly [{ text: string }] }];
      }>();
      const [{ text }] = own.organisations[0].contents;
      expect(told.read.contents.some((content) => content.text === text)).toBe(true);
    }
  }

  async function expectVerified({ desk, dataDirectory }: OrganisationProcess): Promise<void> {
    const verified = await done(desk, 'verify', '--data', dataDirectory);
    const { findings, ledger } = verified.json<{
      findings: readonly unknown[];
      ledger: { transactions: number; checkpoint: { kind: string } };
    }>();
    expect(findings).toEqual([]);
    expect(ledger.transactions).toBeGreaterThan(20);
    expect(ledger.checkpoint.kind).toBe('compared');
  }

  it(
    'refuse a revoked node everywhere, soon',
    async () => {
      const desks = consortium.desks();
      const [record] = told.read.records;
      const again = await done(desks.b, 'records', '--grant', told.grant, '--as', 'b.novak');
      const { refused } = await startReading(desks, again.json<{ session: string }>().session, record!.recordId);
      const { organisations } = await apiClient(consortium.at('hospital-b').url, fetch).send<{
        readonly organisations: readonly { readonly organisation: string; readonly node: string | null }[];
      }>({ method: 'GET', path: '/api/v1/network' });
      const { node } = organisations.find(({ organisation }) => organisation === 'hospital-b')!;
      const { timestampMs } = await revoke(node!);
      const { code, refusedMs } = await refused;
      expect(code).toBe('peer-unknown');
      expect(refusedMs - timestampMs).toBeLessThan(REVOKED_MS);
    },
    STORY_MS,
  );

  it(
    'refuse a revoked person everywhere, soon',
    async () => {
      const { desk, url } = consortium.at('hospital-b');
      const { id } = (await done(desk, 'staff', 'show', '--as', 'b.novak')).json<{ id: string }>();
      const api = apiClient(url, fetch);
      const { account, password } = credentialsOf(desk.configDirectory, 'b.novak');
      const path = '/api/v1/orgs/hospital-b/login';
      const logIn = (): Promise<{ token: string }> => api.send({ method: 'POST', path, body: { account, password } });
      const { token } = await logIn();
      const ended = untilRefused(() => api.send({ method: 'GET', path: '/api/v1/session', token }));
      const elsewhere = untilRevoked(id);
      const { timestampMs } = await revoke(id);
      expect((await ended) - timestampMs).toBeLessThan(REVOKED_MS);
      expect((await elsewhere) - timestampMs).toBeLessThan(REVOKED_MS);
      await expect(logIn()).rejects.toMatchObject({ code: 'not-permitted' });
    },
    STORY_MS,
  );

  /** Hospital B's administrator revokes an id; the block says when. */
  async function revoke(id: string): Promise<{ readonly timestampMs: number }> {
    const { desk } = consortium.at('hospital-b');
    const { block } = (await done(desk, 'staff', 'revoke', id, '--as', 'hospital-b.admin')).json<{ block: number }>();
    const listed = await done(desk, 'ledger', 'blocks', '--from', String(block), '--limit', '1', '--as', 'b.desk');
    const { blocks } = listed.json<{ blocks: readonly { header: { timestampMs: number } }[] }>();
    return blocks[0]!.header;
  }

  /** When the other hospital's own node first sees the identity revoked. */
  async function untilRevoked(id: string): Promise<number> {
    const { desk, url } = consortium.at('hospital-a');
    const api = apiClient(url, fetch);
    const { account, password } = credentialsOf(desk.configDirectory, 'a.rossi');
    const body = { account, password };
    const { token } = await api.send<{ token: string }>({
      method: 'POST',
      path: '/api/v1/orgs/hospital-a/login',
      body,
    });
    const query = { key: `membership/identity/${id}` };
    for (;;) {
      const path = '/api/v1/ledger/state';
      const { value } = await api.send<{ value: { status: string } }>({ method: 'GET', path, query, token });
      if (value.status === 'revoked') return Date.now();
    }
  }
});

async function untilRefused(ask: () => Promise<unknown>): Promise<number> {
  for (;;) {
    try {
      await ask();
    } catch (error) {
      if (error instanceof ClientError && error.code === 'not-authenticated') return Date.now();
      throw error;
    }
  }
}

function grantsOf({ tokenFile }: ReadByB) {
  return JSON.parse(readFileSync(tokenFile, 'utf8')) as {
    readonly grants: readonly [{ readonly terms: { readonly pid: string }; readonly salt: string }];
  };
}

function credentialsOf(configDirectory: string, account: string) {
  const { staff } = JSON.parse(readFileSync(join(configDirectory, 'demonstration', 'credentials.json'), 'utf8')) as {
    readonly staff: readonly { readonly account: string; readonly password: string }[];
  };
  return staff.find((member) => member.account === account)!;
}

/** Of a peer that runs: what its database has removed since the folder was listed is passed over. */
function filesUnder(directory: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path) => {
      try {
        return [{ path, bytes: readFileSync(path) }];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
}
