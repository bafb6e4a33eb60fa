import { setTimeout as delay } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { RecordsError } from '../../records-error.ts';
import type { Store, WriteBody } from '../database.ts';
import { runDirectly } from '../prepared.ts';
import type { Tables } from '../schema.ts';
import { type WriteJob, WriteQueue } from '../write-queue.ts';
import { connect, type PostgresConnection } from './postgres-connection.ts';
import { beginPostgresCopy } from './postgres-copy.ts';
import { kyselyOver } from './postgres-dialect.ts';
import { LostConnection } from './postgres-errors.ts';
import { insertManyOn } from './postgres-insert.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { PostgresReaders } from './postgres-readers.ts';
import type { ColumnKinds } from './postgres-schema.ts';
import type { PostgresWriter } from './postgres-writer.ts';

/** Between attempts to learn what became of a commit: they double. */
const OUTCOME_MS_MIN = 100;
const OUTCOME_MS_MAX = 5_000;
const VACUUM_MS_MAX = 600_000;
/** Tables of which rows are erased. */
const ERASED_TABLES = [
  ...(['record', 'attachment', 'identifier', 'careRelationship'] as const),
  ...(['document', 'inbox', 'outbox'] as const),
];

type Answers = readonly (() => void)[];

/**
 * The store in a schema of PostgreSQL. One connection writes, group after group, and holds a lock that lets no second
 * process write; others read. A commit whose answer is lost with the connection is looked for by its number once the
 * server answers again: nobody is told of a write before its outcome is known.
 */
export class PostgresStore implements Store {
  readonly read: Kysely<Tables>;
  readonly #place: PostgresPlace;
  readonly #writer: PostgresWriter;
  readonly #trx: Kysely<Tables>;
  readonly #readers: PostgresReaders;
  readonly #queue = new WriteQueue((group) => this.#commitGroup(group));
  readonly #stop = new AbortController();
  /** Inserts of the body that runs, on their way. */
  #inserts: Promise<unknown>[] = [];
  /** A commit's outcome is being looked for. */
  #isWondering = false;

  constructor(place: PostgresPlace, writer: PostgresWriter, kinds: ColumnKinds) {
    this.#place = place;
    this.#writer = writer;
    this.#readers = new PostgresReaders(place, `salus reader ${writer.id}`);
    this.read = kyselyOver((text, values) => this.#readers.run((connection) => connection.query(text, values)));
    runDirectly(this.read, {
      run: async (text, values) => (await this.#readers.run((connection) => connection.named(text, values))).rows,
    });
    this.#trx = kyselyOver((text, values) => writer.connection.query(text, values));
    runDirectly(this.#trx, {
      run: async (text, values) => (await writer.connection.named(text, values)).rows,
      insertMany: insertManyOn(
        () => writer.connection,
        kinds,
        (statement) => {
          unheard(statement);
          this.#inserts.push(statement);
        },
      ),
    });
  }

  write<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body);
  }

  append<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body);
  }

  /** PostgreSQL shows no reader a commit that the disk does not have. */
  async durable(): Promise<void> {}

  /**
   * Has the server reuse the space of rows that are gone. What it wrote of them before stays in its write-ahead log, and in
   * archives of it, for as long as the operator keeps these.
   */
  async forgetErased(): Promise<void> {
    const options = { name: 'salus vacuum', readOnly: false, statementMs: VACUUM_MS_MAX };
    await using connection = await connect(this.#place, options);
    for (const table of ERASED_TABLES) await connection.query(`vacuum "${table}"`);
  }

  beginCopy(toFile: string): Promise<() => Promise<void>> {
    return beginPostgresCopy(this.#place, toFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#queue.idle();
    await this.#readers[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }

  #enqueue<T>(body: WriteBody<T>): Promise<T> {
    if (this.#stop.signal.aborted) return Promise.reject(new RecordsError('closed', 'the store is closed'));
    if (this.#isWondering) return Promise.reject(new LostConnection());
    return this.#queue.add(body, { isEarly: false });
  }

  async #commitGroup(group: readonly WriteJob[]): Promise<Answers> {
    const { connection, number } = await this.#writer.begin();
    const answers: (() => void)[] = [];
    try {
      for (const job of group) answers.push(await this.#runJob(connection, job, group.length > 1));
      await this.#writer.demandOwn();
    } catch (error) {
      await this.#writer.rollback();
      throw error;
    }
    const outcome = await this.#writer.commit();
    if (outcome === 'committed' || (await this.#findOutcome(number)) === 'committed') return answers;
    throw new LostConnection();
  }

  /** Runs one body, in a savepoint when it shares the commit; returns how to answer its caller once the group is durable. */
  async #runJob(connection: PostgresConnection, job: WriteJob, isShared: boolean): Promise<() => void> {
    if (!isShared) {
      const value = await this.#runBody(job);
      return () => job.resolve(value);
    }
    // Sent and not waited for: the server does one after the other.
    unheard(connection.query('savepoint "job"'));
    try {
      const value = await this.#runBody(job);
      unheard(connection.query('release "job"'));
      return () => job.resolve(value);
    } catch (error) {
      if (error instanceof LostConnection) throw error;
      await connection.query('rollback to "job"; release "job"');
      return () => job.reject(error);
    }
  }

  /** Once it has resolved, the server has done all of it. Where an insert failed, whatever came after it says nothing of why. */
  async #runBody({ body }: WriteJob): Promise<unknown> {
    this.#inserts = [];
    try {
      const value = await body(this.#trx);
      await Promise.all(this.#inserts);
      return value;
    } catch (error) {
      const failed = (await Promise.allSettled(this.#inserts)).find(({ status }) => status === 'rejected');
      throw failed?.status === 'rejected' ? failed.reason : error;
    }
  }

  /** Asks until the server answers, or the store is closed: then the next start settles it. */
  async #findOutcome(number: number): Promise<'committed' | 'undone'> {
    const { signal } = this.#stop;
    this.#isWondering = true;
    try {
      for (let waitMs = OUTCOME_MS_MIN; !signal.aborted; waitMs = Math.min(2 * waitMs, OUTCOME_MS_MAX)) {
        try {
          return (await this.#writer.readCommits()) >= number ? 'committed' : 'undone';
        } catch (error) {
          if (error instanceof RecordsError && error.code === 'store-refused') throw error;
        }
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      this.#isWondering = false;
    }
    throw new RecordsError('closed', 'the store was closed before the outcome of a write was known');
  }
}

/** What fails here fails again, and is heard of, at the commit. */
function unheard(sent: Promise<unknown>): void {
  sent.catch(() => undefined);
}
