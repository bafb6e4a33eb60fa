import type { Json, Write } from '@salus/contracts';
import type { Block } from '@salus/ledger';
import { describe, expect, test } from 'vitest';
import { CoverRule } from './cover-rule.ts';

const MEMBERS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'] as const;
type Member = (typeof MEMBERS)[number];
const NOW_MS = 1_000_000;
const SESSION_MS = 900_000;
/** Pids are known by the organisation that keeps them. */
const PIDS: { readonly [pid: string]: Member } = { pidA: 'hospital-a', pidB: 'hospital-b' };

/** Every member's rule on the same blocks; each block gives who answers it. */
function createMembers() {
  const ledger = {
    get: async (key: string): Promise<Json | undefined> => {
      const organisation = PIDS[key.replace('patient/pid/', '')];
      return organisation === undefined ? undefined : { organisation };
    },
  };
  const rules = MEMBERS.map((member) => [member, new CoverRule(member, ledger)] as const);
  return {
    rules,
    answers: async (writes: readonly Write[], atMs = NOW_MS): Promise<readonly Member[]> => {
      const outcome = { kind: 'committed', result: null, writes, events: [] };
      const block = { transactions: [{ outcome, timestampMs: atMs }] } as unknown as Block;
      const answering: Member[] = [];
      for (const [member, rule] of rules) if ((await rule.note(block)) === atMs) answering.push(member);
      return answering;
    },
  };
}

const grant = (pid: string): Write => [`grant/${pid}/g`, { status: 'active' }];
const session = (pid: string): Write => ['call/r', { session: { pid, untilMs: NOW_MS + SESSION_MS } }];
const root = (member: Member, log = 'audit'): Write => [`access/root/${member}/${log}`, { size: 1 }];
const others = (...members: readonly Member[]): readonly Member[] =>
  MEMBERS.filter((member) => !members.includes(member));

describe('the members', () => {
  test('all answer what is written of a grant, but the organisation that keeps the pid', async () => {
    const { answers } = createMembers();
    expect(await answers([grant('pidA')])).toEqual(others('hospital-a'));
    expect(await answers([grant('pidB')])).toEqual(others('hospital-b'));
    expect(await answers([grant('unknown')])).toEqual([]);
    expect(await answers([['patient/pid/pidA', {}]])).toEqual([]);
  });

  test('all answer a root of an organisation at which somebody has a session, and no other root', async () => {
    const { answers } = createMembers();
    expect(await answers([root('hospital-a')])).toEqual([]);
    expect(await answers([session('pidA')])).toEqual([]);
    expect(await answers([root('hospital-a')])).toEqual(others('hospital-a'));
    expect(await answers([root('hospital-a', 'rows')])).toEqual(others('hospital-a'));
    expect(await answers([root('hospital-a')], NOW_MS + SESSION_MS + 1)).toEqual([]);
  });

  test('answer no answer, so that two organisations with sessions do not answer each other for ever', async () => {
    const { answers } = createMembers();
    await answers([session('pidA')]);
    await answers([session('pidB')]);
    expect(await answers([root('hospital-a')])).toEqual(others('hospital-a'));
    for (const member of others('hospital-a')) {
      expect(await answers([root(member)])).toEqual([]);
      expect(await answers([root(member, 'rows')])).toEqual([]);
    }
    // What comes without a cause is another release, and is answered again.
    expect(await answers([root('hospital-b')])).toEqual(others('hospital-b'));
    expect(await answers([root('hospital-a')])).toEqual([]);
    expect(await answers([root('hospital-a')])).toEqual(others('hospital-a'));
  });

  test('answer nothing that was refused or should not be', async () => {
    const { rules } = createMembers();
    for (const outcome of [
      { kind: 'refused', code: 'grant-revoked' },
      { kind: 'distrusted', keys: ['grant/pidA/g'], leaf: 'x' },
    ]) {
      const block = { transactions: [{ outcome, timestampMs: NOW_MS }] } as unknown as Block;
      for (const [, rule] of rules) expect(await rule.note(block)).toBeUndefined();
    }
  });

  test('know how long a session may still leave something behind', async () => {
    const { rules, answers } = createMembers();
    const [, rule] = rules[3]!;
    expect(rule.isOpen(NOW_MS, 60_000)).toBe(false);
    await answers([session('pidA')]);
    expect(rule.isOpen(NOW_MS + SESSION_MS + 60_000, 60_000)).toBe(true);
    expect(rule.isOpen(NOW_MS + SESSION_MS + 60_001, 60_000)).toBe(false);
  });
});
