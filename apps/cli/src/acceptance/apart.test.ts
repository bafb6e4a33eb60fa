import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsortiumApart, openConsortiumApart } from '../../test/consortium-apart.ts';
import { done, expectStory, type ReadByB, startReading, tellUntilRead } from '../../test/story.ts';
import { apiClient } from '../api-client.ts';
import { CliError } from '../cli-error.ts';
import { writeMedicationFixture } from './bundles.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_000;
const NETWORK_MS = 300_000;
const STORY_MS = 480_000;
/** After a revocation is committed, until it counts at every organisation. */
const REVOKED_MS = 2_000;

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
      told = await tellUntilRead(desks, 'bob', writeMedicationFixture(desks.a.home));
    },
    STORY_MS,
  );

  it('leave no private argument in any block or elsewhere with any peer', () => {
    const { grants } = JSON.parse(readFileSync(told.read.tokenFile, 'utf8')) as {
      readonly grants: readonly [{ readonly terms: object; readonly salt: string }];
    };
    const hidden = [grants[0].salt, 'Before surgery', '"grantee":{', '"purposes":[', '"categories":[', '"mayKeep"'];
    for (const slug of ['hospital-a', 'hospital-b', 'laboratory']) {
      const files = filesUnder(network.layout.organisation(slug).peer('peer0').data);
      const blocks = files.filter(({ path }) => path.includes('blockfile_'));
      expect(blocks.length, slug).toBeGreaterThan(0);
      // What is public of the grant is there: these are the bytes to look through.
      expect(
        blocks.some(({ bytes }) => bytes.includes(told.grant)),
        slug,
      ).toBe(true);
      const found = files.flatMap(({ path, bytes }) => hidden.filter((text) => bytes.includes(text)).map(() => path));
      expect(found).toEqual([]);
    }
  });

  it(
    'refuse a revoked node everywhere within two seconds',
    async () => {
      const desks = consortium.desks();
      const [record] = told.read.records;
      const { refused } = await startReading(desks, told.read.session, record!.recordId);
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
    'refuse a revoked person everywhere within two seconds',
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
      if (error instanceof CliError && error.code === 'not-authenticated') return Date.now();
      throw error;
    }
  }
}

function credentialsOf(configDirectory: string, account: string) {
  const { staff } = JSON.parse(readFileSync(join(configDirectory, 'demonstration', 'credentials.json'), 'utf8')) as {
    readonly staff: readonly { readonly account: string; readonly password: string }[];
  };
  return staff.find((member) => member.account === account)!;
}

function filesUnder(directory: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: readFileSync(path) }));
}
