import { existsSync } from 'node:fs';
import { type FabricBlockHeader, LedgerError } from '@salus/ledger';
import {
  type BlockBuilder,
  type ExtraTables,
  LedgerStore,
  type SealedHeader,
  type SealedRow,
  WorldState,
} from '@salus/ledger/store';
import { type Alarm, type AlarmCode, boundedAlarm } from './alarm.ts';
import type { Distrust } from './distrust.ts';

/**
 * Beside the ledger's tables: what should not be, the keys that rest on it, and what of Fabric's own state is needed to judge the
 * next block (`setting`: the channel's configuration, the chaincode's definition).
 */
export const REPLICA_TABLES: ExtraTables = {
  alarm:
    'CREATE TABLE alarm(block INTEGER NOT NULL, tx TEXT NOT NULL, code TEXT NOT NULL, keys TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY(block, tx, code)) STRICT, WITHOUT ROWID',
  distrusted: 'CREATE TABLE distrusted(key TEXT PRIMARY KEY, block INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  setting: 'CREATE TABLE setting(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID',
};

/** Alarms that are shown: two colluding members could raise them without end. */
export const ALARMS_SHOWN_MAX = 1_000;

export type SettingName = 'configuration' | 'definition';
export type Setting = { readonly name: SettingName; readonly value: Uint8Array };

/** What one block changes in the replica. */
export type ReplicaChanges = {
  readonly header: SealedHeader<FabricBlockHeader>;
  readonly builder: BlockBuilder;
  readonly alarms: readonly Alarm[];
  /** Keys that are distrusted from this block on. */
  readonly distrusted: readonly string[];
  readonly settings: readonly Setting[];
};

/**
 * The verified copy of a channel that one organisation keeps: blocks, state and history as the embedded engine stores them, in
 * one SQLite file that this process alone has open.
 */
export class Replica implements Disposable {
  readonly store: LedgerStore<FabricBlockHeader>;
  readonly state: WorldState;
  readonly distrust: Distrust;
  #alarms: readonly Alarm[];
  /** False as long as nothing is distrusted: then no read asks the table. */
  #isDistrusting: boolean;
  #head: SealedRow<FabricBlockHeader> | undefined;
  readonly #statements: ReturnType<typeof prepareAll>;

  private constructor(store: LedgerStore<FabricBlockHeader>) {
    this.store = store;
    this.state = new WorldState(store);
    this.#statements = prepareAll(store);
    // The channel's peers hold every block durably: what a power cut takes from the replica's end is followed again, and until
    // then the checkpoint file says that it is missing. A sync for each block would only make it later.
    store.prepare('PRAGMA synchronous = NORMAL').run();
    this.#isDistrusting = this.#statements.anyDistrusted.get() !== undefined;
    this.distrust = {
      has: (key) => this.#isDistrusting && this.#statements.isDistrusted.get(key) !== undefined,
      touches: (start, end) => this.#isDistrusting && this.#statements.touchesDistrusted.get(start, end) !== undefined,
    };
    const newest = this.#statements.alarms.all(ALARMS_SHOWN_MAX).map((row) => alarmOf(row as unknown as AlarmRow));
    this.#alarms = newest.reverse();
  }

  static exists(file: string): boolean {
    return existsSync(file);
  }

  /** Makes the file, which holds block 0 alone. */
  static found(file: string, genesis: SealedHeader<FabricBlockHeader>): void {
    LedgerStore.found(file, genesis, REPLICA_TABLES);
  }

  /** `not-a-ledger`, `in-use`. */
  static open(file: string): Replica {
    const store = LedgerStore.open<FabricBlockHeader>(file, REPLICA_TABLES);
    try {
      return new Replica(store);
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  head(): SealedRow<FabricBlockHeader> {
    this.#head ??= this.store.head();
    if (this.#head === undefined) throw new LedgerError('not-a-ledger', 'the replica has no block');
    return this.#head;
  }

  /** The newest `ALARMS_SHOWN_MAX`, oldest first; the file holds all. */
  get alarms(): readonly Alarm[] {
    return this.#alarms;
  }

  setting(name: SettingName): Uint8Array | undefined {
    return (this.#statements.setting.get(name) as unknown as [Uint8Array] | undefined)?.[0];
  }

  /** Outside of a block: for what belongs to block 0, which is made with the file. */
  putSetting({ name, value }: Setting): void {
    this.#statements.putSetting.run(name, value);
  }

  /** Takes a block over with all that it brings: wholly, or not at all. */
  commit({ header, builder, alarms, distrusted, settings }: ReplicaChanges): void {
    const changes = builder.changes();
    this.store.commit(header, builder.bodies, changes, () => {
      for (const alarm of alarms) this.#insertAlarm(alarm);
      for (const key of distrusted) this.#statements.putDistrusted.run(key, header.header.number);
      for (const setting of settings) this.putSetting(setting);
    });
    this.#head = header;
    this.state.apply(changes);
    this.#isDistrusting ||= distrusted.length > 0;
    this.#show(alarms);
  }

  /** An alarm over a block that is not applied; true when it was not known. */
  noteAlarm(alarm: Alarm): boolean {
    if (!this.#insertAlarm(alarm)) return false;
    this.#show([alarm]);
    return true;
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }

  #show(alarms: readonly Alarm[]): void {
    if (alarms.length > 0) this.#alarms = [...this.#alarms, ...alarms].slice(-ALARMS_SHOWN_MAX);
  }

  /** False where it was known. */
  #insertAlarm({ block, txId, code, keys, detail }: Alarm): boolean {
    return this.#statements.putAlarm.run(block, txId ?? '', code, JSON.stringify(keys), detail).changes > 0;
  }
}

type AlarmRow = readonly [block: number, tx: string, code: string, keys: string, detail: string];

function alarmOf([block, tx, code, keys, detail]: AlarmRow): Alarm {
  const txId = tx === '' ? null : tx;
  return boundedAlarm({ block, txId, code: code as AlarmCode, keys: JSON.parse(keys) as readonly string[], detail });
}

function prepareAll(store: LedgerStore<FabricBlockHeader>) {
  return {
    alarms: store.prepare(
      'SELECT block, tx, code, keys, detail FROM alarm ORDER BY block DESC, tx DESC, code DESC LIMIT ?',
    ),
    putAlarm: store.prepare('INSERT INTO alarm VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    anyDistrusted: store.prepare('SELECT 1 FROM distrusted LIMIT 1'),
    isDistrusted: store.prepare('SELECT 1 FROM distrusted WHERE key = ?'),
    touchesDistrusted: store.prepare('SELECT 1 FROM distrusted WHERE key >= ? AND key < ? LIMIT 1'),
    putDistrusted: store.prepare('INSERT INTO distrusted VALUES(?, ?) ON CONFLICT DO NOTHING'),
    setting: store.prepare('SELECT value FROM setting WHERE name = ?'),
    putSetting: store.prepare(
      'INSERT INTO setting VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value',
    ),
  };
}
