import { existsSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type IdentityFact, identityKey, type RootsFact, rootsKey } from '@salus/contracts';
import { generateSigningKeySync, newNonce, parseJson, signerFromPkcs8 } from '@salus/crypto';
import { createEmbeddedLedger, type EmbeddedLedger, LedgerError } from '@salus/ledger';
import { BundleWorkers } from '@salus/records';
import { type StaffWallet, staffCall } from '@salus/wallet';
import { openWalletFile, staffWalletOf } from '@salus/wallet/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makePlace, type TestPlace } from '../../test/consortium.ts';
import { readCredentials } from '../demonstration/credentials.ts';
import { openNode } from '../node.ts';
import { endJoining, type JoinOptions, joinNetwork } from './join-network.ts';
import { type Application, findJoining } from './joining-file.ts';

let ledger: EmbeddedLedger;
let shared: TestPlace;
let places: TestPlace[];
let clock: { aheadMs: number };
const workers = new BundleWorkers(1);
const nowMs = (): number => Date.now() + clock.aheadMs;

beforeAll(() => workers.start());
afterAll(() => workers[Symbol.asyncDispose]());

beforeEach(async () => {
  clock = { aheadMs: 0 };
  places = [];
  shared = place();
  ledger = await createEmbeddedLedger({
    network: newNonce(),
    signer: signerFromPkcs8(generateSigningKeySync().privateKey),
    file: join(shared.directory, 'ledger.sqlite'),
    checkpointFile: join(shared.directory, 'checkpoint'),
    checkpointSigners: () => [],
    clock: nowMs,
  });
});

afterEach(async () => {
  await ledger[Symbol.asyncDispose]();
  for (const { directory } of places) await rm(directory, { recursive: true });
});

function place(): TestPlace {
  const made = makePlace('joining');
  places.push(made);
  return made;
}

interface Joiner extends TestPlace {
  readonly options: JoinOptions;
  readonly told: readonly string[];
}

function joiner(organisation: string, founder = false, at: TestPlace = place()): Joiner {
  const told: string[] = [];
  const { settings, layout } = at;
  const options: JoinOptions = {
    ...{ settings, layout, workers, nowMs, sharedLedger: ledger },
    connection: { network: ledger.network, organisation, founder },
    tell: (message) => told.push(message),
  };
  return { ...at, options, told };
}

async function administrator({ settings }: TestPlace): Promise<StaffWallet> {
  const { staff } = readCredentials(settings.configDirectory);
  const { wallet, passphrase } = staff.find(({ roles }) => roles.includes('administrator'))!;
  const stored = await openWalletFile(join(settings.configDirectory, 'demonstration', wallet), passphrase);
  if (stored.kind !== 'staff') throw new Error('an administrator is staff');
  return staffWalletOf(stored);
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await wait(20);
  }
  throw new Error('it did not come');
}

/** The application as another organisation's administrator gets it. */
function readApplication({ settings }: TestPlace): Application & { readonly network: string } {
  return parseJson(readFileSync(settings.applicationFile)) as unknown as Application & { readonly network: string };
}

async function admit(by: TestPlace, applicant: TestPlace): Promise<void> {
  const { application, signature } = await until(() =>
    existsSync(applicant.settings.applicationFile) ? readApplication(applicant) : undefined,
  );
  const wallet = await administrator(by);
  const args = { application, signature } as never;
  const occasion = { network: ledger.network, nowMs: nowMs() };
  const { call } = await staffCall(wallet, occasion, { contract: 'membership', transaction: 'proposeJoin', args });
  expect(await ledger.submit(call)).toMatchObject({ kind: 'committed' });
}

describe('an organisation with an empty directory', () => {
  it('founds the network where its connection says so, with the demonstration’s people and accounts', async () => {
    const a = joiner('hospital-a', true);
    const file = await joinNetwork(a.options);
    expect(file).toMatchObject({ network: ledger.network, demonstration: true, ledgerKey: null });
    const [hosted] = file.organisations;
    expect(await ledger.get(identityKey(hosted!.node))).toMatchObject({ kind: 'node', status: 'active' });
    const { staff } = readCredentials(a.settings.configDirectory);
    expect(staff.map(({ account }) => account)).toContain('a.rossi');
    const identity = (await ledger.get(identityKey(staff[1]!.id))) as IdentityFact | undefined;
    expect(identity?.organisation).toBe('hospital-a');
    await using node = await openNode({ ...a.options, file });
    expect(await node.organisations.get('hospital-a')!.accounts.find('a.rossi')).toMatchObject({ id: staff[1]!.id });
    expect(a.told).toEqual([]);
  });

  it('writes an application, waits, and goes on by itself once the members list it', async () => {
    const a = joiner('hospital-a', true);
    await joinNetwork(a.options);
    const b = joiner('hospital-b');
    const joining = joinNetwork(b.options);
    await admit(a, b);
    const file = await joining;
    expect(b.told).toHaveLength(1);
    expect(b.told[0]).toContain('salus staff admit');
    await using node = await openNode({ ...b.options, file });
    expect([...node.organisations.keys()]).toEqual(['hospital-b']);
    expect(((await ledger.get(rootsKey('hospital-b'))) as RootsFact | undefined)?.status).toBe('active');
  });

  it('keeps no private key in files that others may read, and none beside the data but in wallets', async () => {
    const a = joiner('hospital-a', true);
    await joinNetwork(a.options);
    const text = readFileSync(a.layout.joiningFile, 'utf8');
    expect(text).not.toMatch(/privateKey|passphrase|password/);
    for (const file of [a.layout.joiningFile, a.settings.masterKeyFile]) expect(statSync(file).mode & 0o077).toBe(0);
    endJoining(a.layout);
    expect(existsSync(a.layout.joiningFile)).toBe(false);
  });

  it('goes on where an ended process was, with the same keys', async () => {
    const a = joiner('hospital-a', true);
    await joinNetwork(a.options);
    const at = place();
    const first = joinNetwork(joiner('hospital-b', false, at).options);
    await until(() => (existsSync(at.settings.applicationFile) ? true : undefined));
    const before = findJoining(at.layout, ledger.network);
    const again = joiner('hospital-b', false, at);
    const second = joinNetwork(again.options);
    await until(() => again.told[0]);
    expect(findJoining(at.layout, ledger.network)).toEqual(before);
    await admit(a, again);
    expect((await second).organisations).toEqual((await first).organisations);
  });

  it('is admitted days later still, with what was signed on the first day', async () => {
    const a = joiner('hospital-a', true);
    await joinNetwork(a.options);
    const b = joiner('hospital-b');
    const joining = joinNetwork(b.options);
    await until(() => b.told[0]);
    clock.aheadMs = 25 * 86_400_000 + 12_345_678;
    await admit(a, b);
    const { organisations } = await joining;
    expect(await ledger.get(identityKey(organisations[0]!.node))).toMatchObject({ status: 'active' });
  });

  it('gives up when its application has lapsed', async () => {
    await joinNetwork(joiner('hospital-a', true).options);
    const b = joiner('hospital-b');
    const joining = joinNetwork(b.options);
    await until(() => b.told[0]);
    clock.aheadMs = 31 * 86_400_000;
    await expect(joining).rejects.toMatchObject({ code: 'conflict' });
  });

  it('sends again what peers that are still starting did not take', async () => {
    const a = joiner('hospital-a', true);
    let failures = 2;
    const late = new Proxy(ledger, {
      get: (target, name) => {
        if (name === 'submit' && failures > 0) {
          failures -= 1;
          return () => Promise.reject(new LedgerError('unavailable', 'no peer answered in time'));
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await joinNetwork({ ...a.options, sharedLedger: late });
    expect(failures).toBe(0);
  });

  it('is refused the name of an organisation that the network lists, whose keys it has not', async () => {
    await joinNetwork(joiner('hospital-a', true).options);
    await expect(joinNetwork(joiner('hospital-a', true).options)).rejects.toMatchObject({ code: 'ledger-missing' });
    expect(places.at(-1)).toSatisfy(({ layout }: TestPlace) => !existsSync(layout.joiningFile));
  });

  it('does not go on when somebody else was admitted under its name meanwhile', async () => {
    const a = joiner('hospital-a', true);
    await joinNetwork(a.options);
    const [mine, theirs] = [joiner('hospital-b'), joiner('hospital-b')];
    const waiting = joinNetwork(mine.options);
    const failed = waiting.then(
      () => undefined,
      (error: unknown) => error,
    );
    await until(() => mine.told[0]);
    const other = joinNetwork(theirs.options);
    await admit(a, theirs);
    await other;
    expect(await failed).toMatchObject({ code: 'conflict' });
  });
});
