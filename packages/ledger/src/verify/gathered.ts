import type { StateRoot } from '../block.ts';
import type { LostRange } from '../ledger.ts';
import type { BlocksAnswer, BlocksTask } from './blocks.ts';
import type { Finding } from './finding.ts';
import { type ChainEnd, joinFindings } from './headers.ts';
import { Multiset } from './multiset.ts';
import type { TableAnswer } from './tables.ts';
import type { Done } from './task-pool.ts';
import type { Task } from './tasks.ts';

export type Counts = Record<'transactions' | 'signatures' | 'versions' | 'reexecuted' | 'otherVersion', number>;

/** The ends of a task's blocks: all that is kept of it. */
type Stretch = { readonly from: number } & Pick<BlocksAnswer, 'first' | 'last'>;

/** What the tasks found, put together. */
export class Gathered {
  readonly stateRoots: (StateRoot & { readonly block: number })[] = [];
  readonly rollbacks: LostRange[] = [];
  readonly suspects: { readonly block: number; readonly index: number }[] = [];
  readonly counts: Counts = { transactions: 0, signatures: 0, versions: 0, reexecuted: 0, otherVersion: 0 };
  readonly #findings: Finding[];
  readonly #written: { readonly versions: Multiset; readonly refusals: Multiset };
  readonly #stored: { readonly versions: Multiset; readonly refusals: Multiset };
  readonly #stretches: Stretch[] = [];

  /** `findings` grows with each answer. */
  constructor(findings: Finding[], secret: string) {
    this.#findings = findings;
    this.#written = { versions: new Multiset(secret), refusals: new Multiset(secret) };
    this.#stored = { versions: new Multiset(secret), refusals: new Multiset(secret) };
  }

  add({ task, answer, error }: Done<Task>): void {
    if (answer === undefined) {
      this.#findings.push(unreadable(task, error ?? 'unknown'));
      return;
    }
    switch (task.kind) {
      case 'blocks':
        this.#addBlocks(task, answer as BlocksAnswer);
        return;
      case 'versions':
        this.#stored.versions.merge((answer as TableAnswer).sums);
        this.counts.versions += (answer as TableAnswer).rows;
        this.#findings.push(...(answer as TableAnswer).findings);
        return;
      case 'refusals':
        this.#stored.refusals.merge((answer as TableAnswer).sums);
        this.#findings.push(...(answer as TableAnswer).findings);
        return;
      case 'structure':
        for (const message of answer as readonly string[]) this.#findings.push({ code: 'unreadable', message });
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
    const { counts } = this;
    this.#findings.push(...answer.findings);
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
  }
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
