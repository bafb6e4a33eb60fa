import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, type Json, readPrivateOrganisation, signerKeyHint } from '@salus/contracts';
import { canonical, fromBase64url, newNonce, utf8 } from '@salus/crypto';
import { hashFabricHeader, LedgerError } from '@salus/ledger';
import type { PreparedCall } from '@salus/ledger/consortium';
import { commitHashOf, updateBytes } from '../src/block/commit-hash.ts';
import { headerFactsOf, type RawBlock } from '../src/block/raw-block.ts';
import { decodeTransaction } from '../src/block/transaction.ts';
import { runGathered } from '../src/chaincode/gathered-run.ts';
import type { FabricConnection } from '../src/connection-file.ts';
import type { Alarm } from '../src/follower/alarm.ts';
import type { BlockSource } from '../src/follower/block-source.ts';
import type { Follower } from '../src/follower/follower.ts';
import { openFollower } from '../src/follower/open-follower.ts';
import type { ChannelRuntime, Runtimes } from '../src/follower/runtimes.ts';
import { gatheredText, OK_STATUS, outcomesText, parseGathered, SUBMIT_FUNCTION } from '../src/wire.ts';
import { configurationEnvelope, definitionWrites, endorsedEnvelope, type Proposed } from './envelopes.ts';
import { createOrganisation, type Machine, type Organisation } from './machines.ts';

export const CHAINCODE = 'salus';
export const VERSION = `1.0.0-${'b'.repeat(64)}`;
export const MVCC_READ_CONFLICT = 11;
const BUNDLE_HASH = fromBase64url('A'.repeat(43));

/** A channel without peers and orderers: its blocks are made here, as honest or doctored ones would make them. */
export type TestChannel = {
  readonly network: string;
  readonly organisations: readonly Organisation[];
  /** Blocks so far; the last ones may be taken away or replaced by a test. */
  readonly blocks: RawBlock[];
  readonly clock: { nowMs: number };
  /** World state of the chaincode's namespace, as honest peers have it. */
  readonly state: ReadonlyMap<string, Json>;
  /** What the chaincode endorses for these calls, by the first organisation's node, at the first two peers unless told. */
  propose(calls: readonly PreparedCall[], more?: Partial<Proposed>): Promise<Proposed>;
  /** Adds a block of these transactions, valid unless their code says otherwise, and applies what they write. */
  add(...transactions: readonly Added[]): RawBlock;
  /** A block of these transactions that follows the last one, without adding it. */
  make(...transactions: readonly Added[]): RawBlock;
  /** Adds a block as it is, whatever it is; nothing is applied. */
  give(block: RawBlock): void;
  /** A block that brings a new configuration. */
  configure(revoked: readonly Machine[], organisations?: readonly Organisation[]): Promise<RawBlock>;
  /** A block that commits a definition of the chaincode. */
  define(version: string): RawBlock;
  /** A block of these envelopes, all of them valid, that follows the last one, without adding it. */
  makeOf(envelopes: readonly Uint8Array[]): RawBlock;
  openFollower(place: Place, more?: FollowerMore): Promise<FollowerUnderTest>;
};

export type FollowerMore = {
  readonly runtimes?: Runtimes;
  readonly staleMaxMs?: number;
  /** What stands between the channel and the follower. */
  readonly through?: (own: BlockSource) => BlockSource;
};

export type Added = {
  readonly proposed: Proposed;
  readonly code?: number;
  /** Endorsers whose signature does not verify. */
  readonly forged?: readonly Machine[];
};

export type FollowerUnderTest = AsyncDisposable & { readonly follower: Follower; readonly alarms: Alarm[] };

/** Where a follower keeps its replica and checkpoints. */
export type Place = Disposable & { readonly folder: string; readonly file: string; readonly checkpointFile: string };

export function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'salus-follower-'));
  return {
    folder,
    file: join(folder, 'replica.db'),
    checkpointFile: join(folder, 'outside', 'checkpoint'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** The contracts beside this package, under any version. */
export const installedRuntimes: Runtimes = {
  find: (version): ChannelRuntime => ({
    inUse: { version, bundleHash: Buffer.from(BUNDLE_HASH).toString('base64url') },
    execute,
    signerKeyHint,
    readPrivateOrganisation,
  }),
};

export async function createTestChannel(names: readonly string[], network = newNonce()): Promise<TestChannel> {
  const organisations = await Promise.all(names.map(createOrganisation));
  const channel = new BlockMaker(network, organisations);
  await channel.configure([]);
  channel.define(VERSION);
  return channel;
}

class BlockMaker implements TestChannel {
  readonly network: string;
  readonly organisations: readonly Organisation[];
  readonly blocks: RawBlock[] = [];
  readonly clock = { nowMs: 1_795_251_600_000 };
  readonly state = new Map<string, Json>();
  readonly #wakes = new Set<() => void>();
  #transactions = 0;

  constructor(network: string, organisations: readonly Organisation[]) {
    this.network = network;
    this.organisations = organisations;
  }

  async propose(calls: readonly PreparedCall[], more: Partial<Proposed> = {}): Promise<Proposed> {
    const [own, other] = this.organisations;
    const creator = more.creator ?? own!.node;
    const timestampMs = more.timestampMs ?? this.clock.nowMs;
    const argument = utf8(gatheredText(calls.map(({ call }) => call)));
    const { network, state } = this;
    const result = await runGathered({
      runtime: { execute, readPrivateOrganisation },
      network,
      calls: parseGathered(argument),
      timestampMs,
      creator: creator.mspId,
      state: {
        get: (key) => state.get(key),
        range: (start, end, limit) =>
          [...state]
            .filter(([key]) => key >= start && key < end)
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .slice(0, limit)
            .map(([key, value]) => ({ key, value })),
      },
    });
    if (result.kind !== 'endorsable') throw new Error(`nothing is endorsed: ${canonical(result as unknown as Json)}`);
    return {
      ...this.#blank(creator, timestampMs),
      endorsers: [own!.peer, other!.peer],
      args: [utf8(SUBMIT_FUNCTION), argument],
      response: { status: OK_STATUS, payload: utf8(outcomesText(result.outcomes)) },
      writes: { [CHAINCODE]: new Map(result.writes.map(([key, text]) => [key, text === null ? null : utf8(text)])) },
      ...more,
    };
  }

  make(...transactions: readonly Added[]): RawBlock {
    const envelopes = transactions.map(({ proposed, forged }) => endorsedEnvelope(proposed, forged));
    return this.#follow(
      envelopes,
      transactions.map(({ code = 0 }) => code),
    );
  }

  give(block: RawBlock): void {
    this.blocks.push(block);
    for (const wake of [...this.#wakes]) wake();
  }

  add(...transactions: readonly Added[]): RawBlock {
    const raw = this.make(...transactions);
    this.give(raw);
    for (const { proposed, code = 0 } of transactions) if (code === 0) this.#apply(proposed);
    return raw;
  }

  async configure(revoked: readonly Machine[], organisations = this.organisations): Promise<RawBlock> {
    const groups = new Map<string, Awaited<ReturnType<Organisation['group']>>>();
    for (const { mspId, group } of organisations) {
      groups.set(mspId, await group(revoked.filter((machine) => machine.mspId === mspId)));
    }
    const by = { creator: this.organisations[0]!.node, timestampMs: this.clock.nowMs };
    const raw = this.#follow([configurationEnvelope(groups, by)], [0]);
    this.give(raw);
    return raw;
  }

  define(version: string): RawBlock {
    const [own] = this.organisations;
    const proposed: Proposed = {
      ...this.#blank(own!.node, this.clock.nowMs),
      chaincode: '_lifecycle',
      version: 'syscc',
      writes: { _lifecycle: definitionWrites(CHAINCODE, version) },
    };
    return this.add({ proposed });
  }

  makeOf(envelopes: readonly Uint8Array[]): RawBlock {
    return this.#follow(
      envelopes,
      envelopes.map(() => 0),
    );
  }

  async openFollower(place: Place, more: FollowerMore = {}): Promise<FollowerUnderTest> {
    const alarms: Alarm[] = [];
    const follower = await openFollower({
      connection: { network: this.network, chaincode: CHAINCODE } as FabricConnection,
      file: place.file,
      checkpointFile: place.checkpointFile,
      checkpointSigners: () => [],
      onAlarm: (alarm) => alarms.push(alarm),
      source: more.through?.(this.#source()) ?? this.#source(),
      runtimes: more.runtimes ?? installedRuntimes,
      ...(more.staleMaxMs === undefined ? {} : { staleMaxMs: more.staleMaxMs }),
    });
    return { follower, alarms, [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose]() };
  }

  #blank(creator: Machine, timestampMs: number): Proposed {
    this.#transactions += 1;
    return {
      txId: hash('sha256', `transaction ${this.#transactions}`),
      timestampMs,
      creator,
      endorsers: [],
      chaincode: CHAINCODE,
      version: VERSION,
      args: [],
      response: { status: OK_STATUS, payload: new Uint8Array() },
      writes: {},
    };
  }

  #follow(envelopes: readonly Uint8Array[], codes: readonly number[]): RawBlock {
    const last = this.blocks.at(-1);
    const number = this.blocks.length;
    const validationCodes = Buffer.from(codes);
    const transactions = envelopes.map((envelope, at) => (codes[at] === 0 ? decodeTransaction(envelope) : undefined));
    const findCommitted = (_namespace: string, key: string) => {
      const value = this.state.get(key);
      return value === undefined ? null : utf8(canonical(value));
    };
    const updates = updateBytes(number, transactions, findCommitted) ?? new Uint8Array();
    const previous = last?.commitHash ?? new Uint8Array();
    return {
      number,
      previousHash: last === undefined ? new Uint8Array() : fromBase64url(hashFabricHeader(headerFactsOf(last))),
      dataHash: hash('sha256', Buffer.concat(envelopes), 'buffer'),
      envelopes,
      validationCodes,
      commitHash: number === 0 ? new Uint8Array() : commitHashOf({ validationCodes, updates, previous }),
    };
  }

  #apply({ writes }: Proposed): void {
    for (const [key, value] of writes[CHAINCODE] ?? []) {
      const known = value === null ? undefined : findJson(value);
      if (known === undefined) this.state.delete(key);
      else this.state.set(key, known);
    }
  }

  #source(): BlockSource {
    const { blocks } = this;
    const next = (signal: AbortSignal) => this.#nextBlock(signal);
    return {
      async *blocks(fromBlock, signal) {
        for (let number = fromBlock; !signal.aborted; ) {
          const block = blocks[number];
          if (block === undefined) await next(signal);
          else {
            yield block;
            number += 1;
          }
        }
      },
      leave: () => {},
      newest: async () => {
        const last = blocks.at(-1);
        if (last === undefined) throw new LedgerError('unavailable', 'the channel has no block');
        return blocks.length - 1;
      },
      [Symbol.dispose]: () => {},
    };
  }

  #nextBlock(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakes.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** Undefined for what a doctored peer wrote and no contract could read. */
function findJson(value: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(value).toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}
