import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { type BlockHeader, genesisHash, hashHeaderText, nextCommitment, type StateRoot } from '../block.ts';
import { loadRuntime } from '../contract-runtime.ts';
import { positionOf, schemaFaults } from '../embedded/schema.ts';
import type { LostRange } from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import { type BlocksAnswer, type BlocksTask, type ChainEnd, type ChainFacts, joinFindings } from './blocks.ts';
import { type CheckpointReport, type CheckpointSources, checkCheckpoints } from './checkpoints.ts';
import { FINDINGS_MAX, type Finding } from './finding.ts';
import { locate } from './locate.ts';
import { Multiset, newMultisetSecret } from './multiset.ts';
import { openReadOnly } from './read-only.ts';
import { strayRows } from './stray-rows.ts';
import { judgeSuspects } from './suspects.ts';
import { keyRanges, type RefusalsTask, type TableAnswer, type VersionsTask } from './tables.ts';
import { type Done, inlineRunner, isSqliteError, TaskPool, type TaskRunner } from './task-pool.ts';
import type { StructureTask, Task } from './tasks.ts';

/** Blocks in one task of a thread; a full one has 16,384 calls. */
const BLOCKS_PER_TASK = 32;
/** So few blocks are checked before a thread has started. */
const INLINE_BLOCKS = 64;
/** Keys of state in one task of a thread. */
const KEYS_PER_TASK = 20_000;

export type VerifyOptions = CheckpointSources & {
  /** Run every call again, without private arguments, and compare what it did. */
  readonly reexecute?: boolean;
  /** Called with the transactions checked so far. */
  readonly onProgress?: (progress: {
    readonly transactions: number;
    readonly block: number;
    readonly head: number;
  }) => void;
  /** Threads, 0 for the caller's own; as many as cores unless told, none for a small ledger. */
  readonly threads?: number;
  /** Only for tests: a module that exports another `runtime` than the installed contracts. */
  readonly runtimeModule?: string;
};

export type VerifyReport = {
  /** Empty: nothing is wrong. At most `FINDINGS_MAX`, by block and place. */
  readonly findings: readonly Finding[];
  readonly checkpoint: CheckpointReport;
  readonly head:
    | {
        readonly network: string;
        readonly ledgerKey: string;
        readonly number: number;
        readonly hash: string;
        readonly stateCommitment: string;
      }
    | undefined;
  readonly blocks: number;
  readonly transactions: number;
  /** Signatures of calls and headers that were checked. */
  readonly signatures: number;
  /** Rows of state and history that were compared with the write sets. */
  readonly versions: number;
  readonly reexecuted: number;
  /** Transactions whose contract version is not installed: checked, but not run again. */
  readonly otherVersion: number;
  readonly durationMs: number;
};

/**
 * Checks a ledger file, or a copy, without changing it and without any secret: chain, header signatures, roots, every call's
 * signature under the key that its signer had then, and that state, history and index hold exactly what the write sets say.
 * Damage is reported, not thrown; `not-a-ledger` only when there is no file.
 */
export async function verifyLedger(file: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const startMs = performance.now();
  if (!existsSync(file)) throw new LedgerError('not-a-ledger', 'there is no ledger file');
  const run: Run = {
    file,
    options,
    findings: [],
    counts: { transactions: 0, signatures: 0, versions: 0, reexecuted: 0, otherVersion: 0 },
  };
  let database: DatabaseSync | undefined;
  let head: Head | undefined;
  let checkpoint: CheckpointReport = { kind: 'absent' };
  try {
    database = openReadOnly(file);
    const faults = schemaFaults(database);
    for (const message of faults) run.findings.push({ code: 'schema', message });
    head = faults.length === 0 ? readHead(database, run.findings) : undefined;
    if (head !== undefined) checkpoint = await checkAll(run, database, head);
  } catch (error) {
    // Whatever SQLite throws on a damaged file is a finding; a fault of this code is not.
    if (!isSqliteError(error)) throw error;
    run.findings.push({ code: 'unreadable', message: error.message });
  } finally {
    database?.close();
  }
  const findings = run.findings.sort(byPlace).slice(0, FINDINGS_MAX);
  const blocks = head === undefined ? 0 : head.number + 1;
  return { findings, checkpoint, head, blocks, ...run.counts, durationMs: performance.now() - startMs };
}

type Run = {
  readonly file: string;
  readonly options: VerifyOptions;
  readonly findings: Finding[];
  readonly counts: Record<'transactions' | 'signatures' | 'versions' | 'reexecuted' | 'otherVersion', number>;
};

type Head = NonNullable<VerifyReport['head']>;

/** What the file says of itself; all of it is checked later. */
function readHead(database: DatabaseSync, findings: Finding[]): Head | undefined {
  const first = database.prepare('SELECT header FROM block WHERE number = 0').get();
  const last = database.prepare('SELECT header FROM block ORDER BY number DESC LIMIT 1').get();
  const [genesis, newest] = [first, last].map((row) => findHeader((row as unknown as [unknown] | undefined)?.[0]));
  if (genesis === undefined) {
    findings.push({
      code: 'block-missing',
      message: 'the first header is missing or malformed',
      table: 'block',
      block: 0,
    });
  }
  if (newest === undefined) {
    const [number] = (database.prepare('SELECT max(number) FROM block').get() ?? [null]) as unknown as [number | null];
    const block = number === null ? {} : { block: number };
    findings.push({ code: 'header', message: 'the newest header is missing or malformed', table: 'block', ...block });
  }
  const facts = genesis ?? newest;
  const [number] = database.prepare('SELECT max(number) FROM block').get() as unknown as [number | null];
  if (facts === undefined || number === null) return undefined;
  const { network, ledgerKey } = facts.header;
  if (genesis !== undefined && !isGenesis(genesis.header)) {
    findings.push({
      code: 'header',
      message: 'the first header does not found this network',
      table: 'block',
      block: 0,
    });
  }
  return {
    network,
    ledgerKey,
    number,
    hash: newest?.hash ?? '',
    stateCommitment: newest?.header.stateCommitment ?? '',
  };
}

function findHeader(text: unknown): { readonly header: BlockHeader; readonly hash: string } | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const header = JSON.parse(text) as BlockHeader;
    const isHeader = typeof header?.network === 'string' && typeof header.ledgerKey === 'string';
    return isHeader ? { header, hash: hashHeaderText(text) } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isGenesis(header: BlockHeader): boolean {
  const previousHash = genesisHash(header.network);
  return (
    header.previousHash === previousHash &&
    header.count === 0 &&
    header.stateCommitment === nextCommitment(previousHash, header.writesRoot)
  );
}

async function checkAll(run: Run, database: DatabaseSync, head: Head): Promise<CheckpointReport> {
  const { file, options, findings } = run;
  const runtime = await loadRuntime(options.runtimeModule);
  const secret = newMultisetSecret();
  const before = positionOf(head.number + 1, 0);
  const threads = options.threads ?? (head.number < INLINE_BLOCKS ? 0 : availableParallelism());
  await using pool: TaskRunner =
    threads === 0
      ? inlineRunner(database, runtime)
      : new TaskPool({ file, runtimeModule: options.runtimeModule }, threads);
  const gathered = new Gathered(run, head, secret);
  await pool.run(tasksOf(database, { head, secret, before, reexecute: options.reexecute === true }), (done) =>
    gathered.add(done),
  );
  findings.push(...strayRows(database), ...gathered.joinChain());
  findings.push(...judgeSuspects(database, runtime, gathered.suspects));
  const damage = gathered.damage();
  if (damage.versions.size + damage.refusals.size > 0)
    findings.push(...locate(database, { ...damage, secret, before }));
  else await checkStateRoot(pool, gathered.stateRoots, findings);
  const { network } = head;
  const checkpoints = checkCheckpoints({ database, runtime, network, rollbacks: gathered.rollbacks }, options);
  findings.push(...checkpoints.findings);
  return checkpoints.report;
}

function* tasksOf(
  database: DatabaseSync,
  what: { readonly head: Head; readonly secret: string; readonly before: number; readonly reexecute: boolean },
): Generator<BlocksTask | VersionsTask | RefusalsTask | StructureTask> {
  const { head, secret, before, reexecute } = what;
  const facts: ChainFacts = { network: head.network, ledgerKey: head.ledgerKey };
  yield { kind: 'structure' };
  yield { kind: 'refusals', before, secret };
  for (let from = 0; from <= head.number; from += BLOCKS_PER_TASK) {
    const to = Math.min(from + BLOCKS_PER_TASK, head.number + 1);
    yield { kind: 'blocks', from, to, facts, secret, reexecute };
  }
  for (const keys of keyRanges(database, KEYS_PER_TASK)) yield { kind: 'versions', keys, before, secret };
}

/** The ends of a task's blocks: all that is kept of it. */
type Stretch = { readonly from: number } & Pick<BlocksAnswer, 'first' | 'last'>;

/** What the tasks found, put together. */
class Gathered {
  readonly stateRoots: (StateRoot & { readonly block: number })[] = [];
  readonly rollbacks: LostRange[] = [];
  readonly suspects: { readonly block: number; readonly index: number }[] = [];
  readonly #run: Run;
  readonly #head: Head;
  readonly #written: { readonly versions: Multiset; readonly refusals: Multiset };
  readonly #stored: { readonly versions: Multiset; readonly refusals: Multiset };
  readonly #stretches: Stretch[] = [];

  constructor(run: Run, head: Head, secret: string) {
    this.#run = run;
    this.#head = head;
    this.#written = { versions: new Multiset(secret), refusals: new Multiset(secret) };
    this.#stored = { versions: new Multiset(secret), refusals: new Multiset(secret) };
  }

  add({ task, answer, error }: Done<Task>): void {
    if (answer === undefined) {
      this.#run.findings.push(unreadable(task, error ?? 'unknown'));
      return;
    }
    switch (task.kind) {
      case 'blocks':
        this.#addBlocks(task, answer as BlocksAnswer);
        return;
      case 'versions':
        this.#stored.versions.merge((answer as TableAnswer).sums);
        this.#run.counts.versions += (answer as TableAnswer).rows;
        this.#run.findings.push(...(answer as TableAnswer).findings);
        return;
      case 'refusals':
        this.#stored.refusals.merge((answer as TableAnswer).sums);
        this.#run.findings.push(...(answer as TableAnswer).findings);
        return;
      case 'structure':
        for (const message of answer as readonly string[]) this.#run.findings.push({ code: 'unreadable', message });
        return;
      case 'state-root':
        return;
    }
  }

  joinChain(): readonly Finding[] {
    const stretches = this.#stretches.sort((left, right) => left.from - right.from);
    const findings: Finding[] = [];
    let last: ChainEnd | undefined;
    for (const { from, first, last: end } of stretches) {
      if (last !== undefined && first !== undefined) findings.push(...joinFindings(from, last, first));
      last = end;
    }
    return findings;
  }

  damage(): { readonly versions: ReadonlySet<number>; readonly refusals: ReadonlySet<number> } {
    return {
      versions: this.#written.versions.differences(this.#stored.versions),
      refusals: this.#written.refusals.differences(this.#stored.refusals),
    };
  }

  #addBlocks(task: BlocksTask, answer: BlocksAnswer): void {
    const { counts, findings, options } = this.#run;
    findings.push(...answer.findings);
    counts.transactions += answer.transactions;
    counts.signatures += answer.signatures;
    counts.reexecuted += answer.reexecution.compared;
    counts.otherVersion += answer.reexecution.otherVersion;
    this.#written.versions.merge(answer.versions);
    this.#written.refusals.merge(answer.refusals);
    // What one thread returns is bounded by its stretch; rollbacks and state roots are rare.
    this.stateRoots.push(...answer.stateRoots);
    this.rollbacks.push(...answer.rollbacks);
    this.suspects.push(...answer.suspects);
    this.#stretches.push({ from: task.from, first: answer.first, last: answer.last });
    options.onProgress?.({ transactions: counts.transactions, block: task.to - 1, head: this.#head.number });
  }
}

/** The newest state root that a header names; older ones follow from the chain of commitments. */
async function checkStateRoot(
  pool: TaskRunner,
  stateRoots: readonly (StateRoot & { readonly block: number })[],
  findings: Finding[],
): Promise<void> {
  const newest = stateRoots.reduce<(StateRoot & { readonly block: number }) | undefined>(
    (latest, next) => (latest === undefined || next.block > latest.block ? next : latest),
    undefined,
  );
  if (newest === undefined) return;
  await pool.run([{ kind: 'state-root', number: newest.number } as const], ({ answer, error }) => {
    if (answer === newest.root) return;
    const message = error ?? `the state after block ${newest.number} has another root`;
    findings.push({ code: 'state-root', message, table: 'state', block: newest.block });
  });
}

function unreadable(task: Task, message: string): Finding {
  switch (task.kind) {
    case 'blocks':
      return {
        code: 'unreadable',
        message: `blocks ${task.from} to ${task.to - 1}: ${message}`,
        table: 'body',
        block: task.from,
      };
    case 'versions':
      return {
        code: 'unreadable',
        message,
        table: 'state',
        ...(task.keys.after === undefined ? {} : { key: task.keys.after }),
      };
    case 'refusals':
      return { code: 'unreadable', message, table: 'refusal' };
    case 'structure':
    case 'state-root':
      return { code: 'unreadable', message };
  }
}

function byPlace(left: Finding, right: Finding): number {
  return (left.block ?? -1) - (right.block ?? -1) || (left.index ?? -1) - (right.index ?? -1);
}
