import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type GrantFact, grantKey, IMPORT_KEY, MOVE_KEY } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { openLedgerState } from '@salus/ledger';
import { grantOf, newId, newPatient, type PreparedCall } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries, scaled } from '@salus/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../../test/fabric-place.ts';
import { createMovingLedger, type MovingLedger } from '../../test/moving-ledger.ts';
import { readBlockFiles } from '../block-file/block-files.ts';
import { verifyBlockFiles } from '../block-file/verify-block-files.ts';
import { verifyPeer } from '../block-file/verify-peer.ts';
import { type FabricConnection, readFabricConnection } from '../connection-file.ts';
import type { FabricLedger } from '../fabric-ledger.ts';
import { type EndedLedger, openEndedLedger } from './embedded-blocks.ts';
import { importedBlocks } from './imported-blocks.ts';
import { type Migration, migrateLedger } from './migrate-ledger.ts';
import { TAKE_OVER_FILE, takeOverBytes } from './take-over.ts';
import type { ImportView } from './take-part.ts';

const binaries = fabricBinaries();
const BASE_PORT = 28_000;
const CALLS = 1_000;
/** Bytes that are changed, one at a time, spread over the whole file. */
const FLIPS = scaled(150, 400);
const ORGANISATIONS = ['hospital-a', 'hospital-b'] as const;
const SETUP_MS = 300_000;
const TEST_MS = 240_000;

describe.skipIf(binaries === undefined)('a ledger that moves up to a real channel', () => {
  let network: TestNetwork;
  let moving: MovingLedger;
  let ended: EndedLedger;
  let places: readonly [FabricPlace, FabricPlace];
  const patient = newPatient();
  const grant = newId();
  let oldCall: PreparedCall;

  beforeAll(async () => {
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations: ORGANISATIONS });
    const connection = connectionOf('hospital-a');
    moving = await createMovingLedger({ seed: 11, clock: Date.now, network: connection.network });
    const [a] = moving.organisations;
    oldCall = await a.register(patient);
    for (const call of [oldCall, await a.claim(patient), await granting()]) await moving.submit(call);
    await moving.live(CALLS);
    await moving.move(connection.channel);
    ended = openEndedLedger(moving.file, moving.checkpointFile);
    places = [await openFabricPlace(network, 'hospital-a'), await openFabricPlace(network, 'hospital-b')];
  }, SETUP_MS);
  afterAll(async () => {
    for (const place of places ?? []) await place[Symbol.asyncDispose]();
    ended?.[Symbol.dispose]();
    moving?.[Symbol.dispose]();
    await network?.stop();
  }, SETUP_MS);

  const connectionOf = (slug: string): FabricConnection => readFabricConnection(network.connectionFile(slug));

  /** Its terms are private. */
  function granting(): Promise<PreparedCall> {
    const [a] = moving.organisations;
    return grantOf(a, { pid: patient.pid, grant, by: patient.device, nowMs: Date.now(), durationMs: SETUP_MS });
  }

  function migration(at: 0 | 1, more: Partial<Migration> = {}): Migration {
    const organisation = moving.organisations[at];
    const ledger = places[at].ledger();
    return {
      connection: connectionOf(organisation.organisation),
      follower: ledger.follower,
      ended,
      clock: Date.now,
      submitEnd: async (args) => {
        const by = organisation.administrator;
        const { call } = await organisation.sign({ transaction: 'access.migrated', args, by });
        expect(await ledger.submit(call)).toMatchObject({ kind: 'committed' });
      },
      ...more,
    };
  }

  function agree(slug: string): void {
    const { folder } = network.layout.organisation(slug).chaincode;
    writeFileSync(join(folder, TAKE_OVER_FILE), takeOverBytes(ended), { mode: 0o600 });
  }

  /** As where the own peer has the other member's part, and its follower still checks it. */
  function behind(follower: ImportView, looks = 8): ImportView {
    let left = looks;
    return {
      organisations: follower.organisations,
      awaitTransaction: (txId, signal) => follower.awaitTransaction(txId, signal),
      peek: (key) => {
        left -= 1;
        return left < 0 ? follower.peek(key) : undefined;
      },
    };
  }

  async function entriesOf(ledger: FabricLedger): Promise<readonly string[]> {
    const entries = await ledger.range('', '~', 10_000);
    return entries.filter(({ key }) => key !== MOVE_KEY).map(({ key, value }) => `${key} ${canonical(value)}`);
  }

  it(
    'is refused until every organisation has agreed to this very ledger',
    async () => {
      await expect(migrateLedger(migration(0))).rejects.toThrow('refuses at block 0: not-expected');
      agree('hospital-a');
      await expect(migrateLedger(migration(0))).rejects.toThrow('hospital-b refuses at block 0: not-expected');
      expect(await places[0].ledger().get(IMPORT_KEY)).toBeUndefined();
      agree('hospital-b');
    },
    TEST_MS,
  );

  it(
    'goes on where it was interrupted, by another member too, and lets nothing else in',
    async () => {
      const stop = new AbortController();
      const interrupted = migrateLedger(
        migration(0, { signal: stop.signal, onProgress: () => stop.abort(new Error('interrupted')) }),
      );
      await expect(interrupted).rejects.toThrow('interrupted');
      const progress = (await places[0].ledger().get(IMPORT_KEY)) as { readonly number: number };
      expect(progress.number).toBeGreaterThan(0);
      expect(progress.number).toBeLessThan(ended.number);
      const [a] = moving.organisations;
      const early = await a.register(newPatient());
      expect(await places[0].ledger().submit(early.call)).toMatchObject({ kind: 'refused', code: 'ledger-moved' });
      const blocks: number[] = [];
      const follower = behind(places[1].ledger().follower);
      const report = await migrateLedger(migration(1, { follower, onProgress: ({ block }) => blocks.push(block) }));
      expect(report).toMatchObject({ number: ended.number, stateCommitment: ended.stateCommitment });
      expect(report.calls).toBeGreaterThan(0);
      expect(blocks.at(-1)).toBe(ended.number);
      // The member that did not drive it applies the last block in its own time.
      const statusAtA = async (): Promise<unknown> =>
        ((await places[0].ledger().get(MOVE_KEY)) as { readonly status?: string } | undefined)?.status;
      await expect.poll(statusAtA, { timeout: TEST_MS / 2 }).toBe('migrated');
    },
    TEST_MS,
  );

  it('has the same state on every member, byte by byte, and every old call with its own time', async () => {
    using state = openLedgerState(moving.file);
    const old = (await state.range('', '~', 10_000)).filter(({ key }) => key !== MOVE_KEY);
    expect(old.length).toBeGreaterThan(300);
    const { number, hash, stateCommitment } = ended;
    for (const place of places) {
      const ledger = place.ledger();
      const move = await ledger.get(MOVE_KEY);
      expect(move).toMatchObject({ status: 'migrated', number, hash, stateCommitment });
      expect(await ledger.get(IMPORT_KEY)).toBeUndefined();
      const entries = await entriesOf(ledger);
      const added = entries.filter((entry) => !old.some(({ key, value }) => entry === `${key} ${canonical(value)}`));
      expect(added).toHaveLength(1);
      expect(added[0]).toContain('"access.migrated"');
      expect(entries).toHaveLength(old.length + 1);
      expect(ledger.alarms()).toEqual([]);
      const versions = await ledger.history(MOVE_KEY, { limit: 10 });
      expect(versions.map(({ value }) => (value as { readonly status: string }).status)).toEqual([
        'migrated',
        'moved',
        'importing',
      ]);
    }
  });

  it(
    'takes no second ledger over, and nothing of the first one again',
    async () => {
      expect(await migrateLedger(migration(0))).toMatchObject({ transactions: 0, calls: 0 });
      const other = await createMovingLedger({ seed: 3, clock: Date.now, network: moving.network });
      await other.move(connectionOf('hospital-a').channel);
      {
        using second = openEndedLedger(other.file, other.checkpointFile);
        await expect(migrateLedger(migration(0, { ended: second }))).rejects.toThrow('another ledger over (migrated)');
      }
      other[Symbol.dispose]();
    },
    TEST_MS,
  );

  it(
    'lives on with the patients and grants of before',
    async () => {
      const [a] = moving.organisations;
      const [placeA, placeB] = places;
      const again = await placeA.ledger().submit(oldCall.call);
      expect(again).toMatchObject({ kind: 'committed', result: expect.anything() });
      const grantBefore = (await placeB.ledger().get(grantKey(patient.pid, grant))) as unknown as GrantFact;
      expect(grantBefore).toMatchObject({ status: 'active' });
      const revocation = await a.sign({
        transaction: 'consent.revoke',
        args: { grant },
        by: patient.device,
        notAfter: null,
      });
      expect(await placeB.ledger().submit(revocation.call)).toMatchObject({ kind: 'committed' });
      expect(await placeB.ledger().get(grantKey(patient.pid, grant))).toMatchObject({ status: 'revoked' });
      const late = newPatient();
      for (const call of [await a.register(late), await a.claim(late)]) {
        expect(await placeA.ledger().submit(call.call)).toMatchObject({ kind: 'committed' });
      }
    },
    TEST_MS,
  );

  it('gives every old block back from the peer’s files, with header, signature and calls', () => {
    const folder = peerFiles('hospital-b');
    const raws = [...readBlockFiles(folder)].flatMap((read) => ('block' in read ? [read.block] : []));
    const restored = [...importedBlocks(raws.map(({ transactions }) => transactions.map(({ bytes }) => bytes)))];
    const blocks = [...ended.blocks(0)];
    expect(blocks.length).toBeGreaterThan(CALLS / 4);
    expect(restored).toEqual(blocks);
  });

  const peerData = (slug: string): string => network.layout.organisation(slug).peer('peer0').data;
  const peerFiles = (slug: string): string =>
    join(peerData(slug), 'ledgersData', 'chains', 'chains', connectionOf(slug).channel);

  describe('verify --fabric', () => {
    const folder = mkdtempSync(join(tmpdir(), 'salus-verify-peer-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it(
      'finds a sound peer sound: blocks, signatures, hashes, and every call again',
      async () => {
        const replica = join(folder, 'replica.db');
        await places[0].ledger().backup(replica);
        for (const slug of ORGANISATIONS) {
          const report = await verifyPeer({
            connection: connectionOf(slug),
            peerData: peerData(slug),
            replicaFile: replica,
          });
          expect(report).toMatchObject({ findings: [], commitHashesTaken: 0 });
          expect(report.calls).toBeGreaterThan(CALLS / 3);
          expect(report.compared).toBe(report.blocks);
          expect(report.signatures).toBe(report.blocks - 1);
        }
      },
      TEST_MS,
    );

    it(
      'finds a row of the node’s replica that the blocks do not give',
      async () => {
        const replica = join(folder, 'changed.db');
        await places[0].ledger().backup(replica);
        {
          using database = new DatabaseSync(replica);
          database.prepare("UPDATE state SET value = '{}' WHERE key = ?").run(MOVE_KEY);
        }
        const connection = connectionOf('hospital-a');
        const { findings } = await verifyPeer({ connection, peerData: peerData('hospital-a'), replicaFile: replica });
        expect(findings).toMatchObject([{ code: 'replica', message: expect.stringContaining(`state, ${MOVE_KEY}`) }]);
      },
      TEST_MS,
    );

    it(
      'finds one flipped byte wherever it is, and names block and offset',
      async () => {
        const [file = ''] = readdirSync(peerFiles('hospital-a'));
        const bytes = readFileSync(join(peerFiles('hospital-a'), file));
        const place = join(folder, 'flipped');
        mkdirSync(place);
        const flips = fc.tuple(fc.noBias(fc.nat(bytes.length - 1)), fc.integer({ min: 1, max: 255 }));
        await fc.assert(
          fc.asyncProperty(flips, async ([at, mask]) => {
            const copy = Buffer.from(bytes);
            copy[at]! ^= mask;
            writeFileSync(join(place, file), copy);
            const { findings } = await verifyBlockFiles(place);
            expect(findings.length).toBeGreaterThan(0);
            expect(findings[0]?.file).toBe(file);
          }),
          { numRuns: FLIPS },
        );
      },
      TEST_MS,
    );
  });
});
