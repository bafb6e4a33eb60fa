import type { Block } from '@salus/ledger';
import { expect, it } from 'vitest';
import { ForeignChanges } from './foreign-changes.ts';

const blockOf = (...writes: readonly (readonly [string, unknown])[]): Block =>
  ({ transactions: [{ outcome: { kind: 'committed', writes } }] }) as unknown as Block;

const SETTLED_MS = 60_000;

it('counts roots of records by their owner, and nothing else that a block writes', () => {
  let nowMs = 0;
  const changes = new ForeignChanges(() => nowMs);
  const countOf = (owner: `pid:${string}`): number | undefined => changes.settledOf(owner)?.count;
  changes.note(blockOf(['grant/p1/g1', { owner: 'pid:p1' }], ['record/key/k1', { owner: 'pid:p1' }]));
  nowMs += SETTLED_MS;
  expect(countOf('pid:p1')).toBe(0);
  changes.note(blockOf(['record/root/k1/c1', { owner: 'pid:p1' }]));
  nowMs += SETTLED_MS;
  const first = countOf('pid:p1');
  expect(first).toBe(1);
  changes.note(blockOf(['record/root/k1/c2', { owner: 'pid:p1' }], ['record/root/k2/c2', null]));
  nowMs += SETTLED_MS;
  expect(countOf('pid:p1')).toBeGreaterThan(first!);
  expect(countOf('pid:p2')).toBe(0);
});

it('lets a change settle before it is asked for, so that an author has time to keep what the block holds', () => {
  let nowMs = 1_000;
  const changes = new ForeignChanges(() => nowMs);
  changes.note(blockOf(['record/root/k1/c1', { owner: 'pid:p1' }]));
  expect(changes.settledOf('pid:p2')).toMatchObject({ count: 0 });
  expect(changes.settledOf('pid:p1')).toBeUndefined();
  nowMs += SETTLED_MS;
  expect(changes.settledOf('pid:p1')).toMatchObject({ atMs: 1_000, count: 1 });
});

it('an owner whose records change all the time holds up nobody else', () => {
  let nowMs = 1_000;
  const changes = new ForeignChanges(() => nowMs);
  changes.note(blockOf(['record/root/k1/c1', { owner: 'pid:p1' }], ['record/root/k2/c1', { owner: 'pid:p2' }]));
  nowMs += SETTLED_MS;
  for (let call = 2; call < 9; call += 1) {
    changes.note(blockOf([`record/root/k1/c${call}`, { owner: 'pid:p1' }]));
    nowMs += 1_000;
  }
  expect(changes.settledOf('pid:p1')).toBeUndefined();
  expect(changes.settledOf('pid:p2')).toMatchObject({ atMs: 1_000, count: 2 });
});
