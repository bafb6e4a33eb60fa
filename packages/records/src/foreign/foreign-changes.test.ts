import type { Block } from '@salus/ledger';
import { expect, it } from 'vitest';
import { ForeignChanges } from './foreign-changes.ts';

const blockOf = (...writes: readonly (readonly [string, unknown])[]): Block =>
  ({ transactions: [{ outcome: { kind: 'committed', writes } }] }) as unknown as Block;

it('counts roots of records by their owner, and nothing else that a block writes', () => {
  const changes = new ForeignChanges(() => 0);
  changes.note(blockOf(['grant/p1/g1', { owner: 'pid:p1' }], ['record/key/k1', { owner: 'pid:p1' }]));
  expect(changes.numberOf('pid:p1')).toBe(0);
  changes.note(blockOf(['record/root/k1/c1', { owner: 'pid:p1' }]));
  const first = changes.numberOf('pid:p1');
  expect(first).toBeGreaterThan(0);
  changes.note(blockOf(['record/root/k1/c2', { owner: 'pid:p1' }], ['record/root/k2/c2', null]));
  expect(changes.numberOf('pid:p1')).toBeGreaterThan(first);
  expect(changes.numberOf('pid:p2')).toBe(0);
});

it('lets a change settle before it is asked for, so that an author has time to keep what the block holds', () => {
  let nowMs = 1_000;
  const changes = new ForeignChanges(() => nowMs);
  expect(changes.isSettled('pid:p1')).toBe(true);
  changes.note(blockOf(['record/root/k1/c1', { owner: 'pid:p1' }]));
  expect(changes.lastMsOf('pid:p1')).toBe(1_000);
  expect(changes.isSettled('pid:p1')).toBe(false);
  nowMs += 60_000;
  expect(changes.isSettled('pid:p1')).toBe(true);
});
