import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EmbeddedBlockHeader, genesisHash, hashHeaderText, nextCommitment, type StateRoot } from '../block.ts';
import { loadRuntime } from '../contract-runtime.ts';
import { positionOf, schemaFaults } from '../embedded/schema.ts';
import { LedgerError } from '../ledger-error.ts';
import type { BlocksTask } from './blocks.ts';
import { type CheckpointReport, type CheckpointSources, checkCheckpoints } from './checkpoints.ts';
import { FINDINGS_MAX, type Finding } from './finding.ts';
import { type Counts, Gathered } from './gathered.ts';
import { type ChainFacts, findHeader } from './headers.ts';
import { locate } from './locate.ts';
import { newMultisetSecret } from './multiset.ts';
import { openReadOnly } from './read-only.ts';
import { strayRows } from './stray-rows.ts';
import { judgeSuspects } from './suspects.ts';
import { keyRanges, type RefusalsTask, type VersionsTask } from './tables.ts';
import { inlineRunner, isDamage, TaskPool, type TaskRunner } from './task-pool.ts';
import type { StructureTask } from './tasks.ts';

/** Blocks in one task of a thread, at most 2,048 calls: so small that no thread is idle for long while others end theirs. */
const BLOCKS_PER_TASK = 4;
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
  const findings: Finding[] = [];
  let database: DatabaseSync | undefined;
  let head: Head | undefined;
  let checked: Checked = { checkpoint: { kind: 'absent' }, counts: NOTHING };
  try {
    database = openReadOnly(file);
    const faults = schemaFaults(database);
    for (const message of faults) findings.push({ code: 'schema', message });
    head = faults.length === 0 ? readHead(database, findings) : undefined;
    if (head !== undefined) checked = await checkAll({ file, options, findings, database, head });
  } catch (error) {
    // Whatever SQLite throws on a damaged file is a finding; a fault of this code is not.
    if (!isDamage(error)) throw error;
    findings.push({ code: 'unreadable', message: error.message });
  } finally {
    database?.close();
  }
  return {
    findings: findings.sort(byPlace).slice(0, FINDINGS_MAX),
    checkpoint: checked.checkpoint,
    head,
    blocks: head === undefined ? 0 : head.number + 1,
    ...checked.counts,
    durationMs: performance.now() - startMs,
  };
}

const NOTHING: Counts = { transactions: 0, signatures: 0, versions: 0, reexecuted: 0, otherVersion: 0 };

type Checked = { readonly checkpoint: CheckpointReport; readonly counts: Counts };
type Run = {
  readonly file: string;
  readonly options: VerifyOptions;
  /** Grows while the run goes on. */
  readonly findings: Finding[];
  readonly database: DatabaseSync;
  readonly head: Head;
};

type Head = NonNullable<VerifyReport['head']>;

/** What the file says of itself; all of it is checked later. */
function readHead(database: DatabaseSync, findings: Finding[]): Head | undefined {
  const rows = database.prepare(
    'SELECT number, header FROM block WHERE number = 0 OR number = (SELECT max(number) FROM block) ORDER BY number',
  );
  const found = rows.all() as unknown as [number, unknown][];
  const [number, text] = found.at(-1) ?? [0, undefined];
  const genesis = found[0]?.[0] === 0 ? findHeader(found[0][1]) : undefined;
  const newest = findHeader(text);
  const place = { table: 'block', block: 0 } as const;
  if (genesis === undefined) {
    findings.push({ code: 'block-missing', message: 'the first header is missing or malformed', ...place });
  } else if (!isGenesis(genesis)) {
    findings.push({ code: 'header', message: 'the first header does not found this network', ...place });
  }
  const facts = genesis ?? newest;
  if (facts === undefined) return undefined;
  const { network, ledgerKey } = facts;
  const hash = typeof text === 'string' ? hashHeaderText(text) : '';
  return { network, ledgerKey, number, hash, stateCommitment: newest?.stateCommitment ?? '' };
}

function isGenesis(header: EmbeddedBlockHeader): boolean {
  const previousHash = genesisHash(header.network);
  return (
    header.previousHash === previousHash &&
    header.count === 0 &&
    header.stateCommitment === nextCommitment(previousHash, header.writesRoot)
  );
}

async function checkAll({ file, options, findings, database, head }: Run): Promise<Checked> {
  const runtime = await loadRuntime(options.runtimeModule);
  const secret = newMultisetSecret();
  const before = positionOf(head.number + 1, 0);
  const threads = options.threads ?? (head.number < INLINE_BLOCKS ? 0 : availableParallelism());
  await using pool: TaskRunner =
    threads === 0
      ? inlineRunner(database, runtime)
      : new TaskPool({ file, runtimeModule: options.runtimeModule }, threads);
  const gathered = new Gathered(findings, secret);
  const reexecute = options.reexecute === true;
  const tasks = pool.run(tasksOf(database, { head, secret, before, reexecute, findings }), (done) => {
    gathered.add(done);
    if (done.task.kind !== 'blocks') return;
    const { transactions } = gathered.counts;
    options.onProgress?.({ transactions, block: done.task.to - 1, head: head.number });
  });
  // While the threads start and work on their first tasks this one has nothing to do.
  const stray = nextTurn().then(() => findings.push(...strayRows(database)));
  await Promise.all([tasks, stray]);
  findings.push(...gathered.joinChain());
  findings.push(...judgeSuspects(database, runtime, gathered.suspects));
  const damage = gathered.damage();
  if (damage.versions.size + damage.refusals.size > 0)
    findings.push(...locate(database, { ...damage, secret, before }));
  else await checkStateRoot(pool, gathered.stateRoots, findings);
  const { network } = head;
  const checkpoints = checkCheckpoints({ database, runtime, network, rollbacks: gathered.rollbacks }, options);
  findings.push(...checkpoints.findings);
  return { checkpoint: checkpoints.report, counts: gathered.counts };
}

type Plan = {
  readonly head: Head;
  readonly secret: string;
  readonly before: number;
  readonly reexecute: boolean;
  readonly findings: readonly Finding[];
};

function* tasksOf(
  database: DatabaseSync,
  { head, secret, before, reexecute, findings }: Plan,
): Generator<BlocksTask | VersionsTask | RefusalsTask | StructureTask> {
  const facts: ChainFacts = { network: head.network, ledgerKey: head.ledgerKey };
  yield { kind: 'structure' };
  yield { kind: 'refusals', before, secret };
  for (let from = 0; from <= head.number; from += BLOCKS_PER_TASK) {
    // A single added row may claim a number far away: nobody needs all the gaps before it.
    if (findings.length >= FINDINGS_MAX) return;
    const to = Math.min(from + BLOCKS_PER_TASK, head.number + 1);
    yield { kind: 'blocks', from, to, facts, secret, reexecute };
  }
  for (const keys of keyRanges(database, KEYS_PER_TASK)) yield { kind: 'versions', keys, before, secret };
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

function byPlace(left: Finding, right: Finding): number {
  return (left.block ?? -1) - (right.block ?? -1) || (left.index ?? -1) - (right.index ?? -1);
}
