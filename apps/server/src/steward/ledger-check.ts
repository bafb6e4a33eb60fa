import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, type VerifyReport, verifyLedger } from '@salus/ledger';
import type { Node } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** Findings that are shown; the offline `salus verify` lists all. */
export const FINDINGS_SHOWN_MAX = 50;
/** The node goes on serving meanwhile. */
const THREADS = 1;

export interface CheckReport {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly blocks: number;
  readonly transactions: number;
  readonly signatures: number;
  readonly versions: number;
  /** Checkpoints from outside the data directory that were compared; none: nobody can tell whether the end was cut off. */
  readonly checkpoints: number;
  readonly head: { readonly number: number; readonly hash: string } | null;
  readonly findingsTotal: number;
  readonly findings: readonly CheckFinding[];
}
export type CheckFinding = Pick<Finding, 'code' | 'message'> & { readonly block: number | null };

export type CheckState =
  | { readonly state: 'never' }
  | { readonly state: 'running'; readonly startedMs: number; readonly block: number; readonly head: number }
  | { readonly state: 'done'; readonly report: CheckReport }
  | { readonly state: 'failed'; readonly startedMs: number };

/**
 * Integrity checks of the running node's ledger: a consistent copy is verified as `salus verify` does, so that what is
 * checked stands still. One at a time; the last result is remembered until the node ends.
 */
export class LedgerChecks {
  readonly #node: Pick<Node, 'ledger' | 'checkpointFile' | 'nowMs'>;
  readonly #onFailure: (error: unknown) => void;
  #state: CheckState = { state: 'never' };

  constructor(node: Pick<Node, 'ledger' | 'checkpointFile' | 'nowMs'>, onFailure: (error: unknown) => void) {
    this.#node = node;
    this.#onFailure = onFailure;
  }

  get state(): CheckState {
    return this.#state;
  }

  /** Whether this engine gives a copy; on Fabric every block is verified when it arrives, and a peer's files offline. */
  get isOffered(): boolean {
    return this.#node.ledger.backup !== undefined;
  }

  /** Begins one unless one is running; resolves when it has begun. @throws ServerError `not-found` */
  begin(): CheckState {
    if (!this.isOffered) throw new ServerError('not-found', 'This engine verifies each block when it arrives.');
    if (this.#state.state === 'running') return this.#state;
    const startedMs = this.#node.nowMs();
    this.#state = { state: 'running', startedMs, block: 0, head: 0 };
    void this.#run(startedMs);
    return this.#state;
  }

  async #run(startedMs: number): Promise<void> {
    try {
      const report = await this.#verify(startedMs);
      this.#state = { state: 'done', report: this.#describe(report, startedMs) };
    } catch (error) {
      this.#state = { state: 'failed', startedMs };
      this.#onFailure(error);
    }
  }

  async #verify(startedMs: number): Promise<VerifyReport> {
    const { ledger, checkpointFile } = this.#node;
    const directory = await mkdtemp(join(tmpdir(), 'salus-check-'));
    try {
      const [copy, checkpoints] = [join(directory, 'ledger.sqlite'), join(directory, 'checkpoints')];
      // Before the ledger: what it vouched for until now must be in the copy.
      await copyFile(checkpointFile, checkpoints);
      await ledger.backup!(copy);
      return await verifyLedger(copy, {
        checkpointFile: checkpoints,
        threads: THREADS,
        onProgress: ({ block, head }) => {
          this.#state = { state: 'running', startedMs, block, head };
        },
      });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  #describe({ findings, head, checkpoint, ...seen }: VerifyReport, startedMs: number): CheckReport {
    const { blocks, transactions, signatures, versions } = seen;
    return {
      ...{ startedMs, endedMs: this.#node.nowMs(), blocks, transactions, signatures, versions },
      checkpoints: checkpoint.kind === 'compared' ? checkpoint.compared : 0,
      head: head === undefined ? null : { number: head.number, hash: head.hash },
      findingsTotal: findings.length,
      findings: findings
        .slice(0, FINDINGS_SHOWN_MAX)
        .map(({ code, message, block }) => ({ code, message, block: block ?? null })),
    };
  }
}
