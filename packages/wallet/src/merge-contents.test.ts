import { grantKey, type Terms } from '@salus/contracts';
import { expect, it } from 'vitest';
import type { GrantEntry, PidEntry, WalletContent } from './content.ts';
import { commitmentOf, termsOf } from './grant-terms.ts';
import { contestedGrants, mergeContents } from './merge-contents.ts';

const pid = (name: string, sequence = 1): PidEntry => ({
  ...{ organisation: 'hospital-a', pid: name, kid: `kid of ${name}`, recoveryIndex: 0, sequence },
});
const grant = (name: string, revokedMs: number | null = null): GrantEntry => ({
  terms: termsOf('n', name, {
    ...{ pid: 'one', grantee: { kind: 'organisation', organisation: 'hospital-b' }, categories: ['lab', 'note'] },
    ...{ labelClasses: ['N'], purposes: ['TREAT'], notBeforeMs: 0, notAfterMs: 100 },
  }),
  ...{ salt: 's', madeMs: 1, revokedMs },
});
const withTerms = (entry: GrantEntry, change: Partial<Terms>): GrantEntry => ({
  ...entry,
  terms: { ...entry.terms, ...change },
});
const content = (change: Partial<WalletContent> = {}): WalletContent => ({
  ...{ version: 'salus:wallet:v1', network: 'n', pids: [], grants: [], recoveryKeys: ['a', 'b', 'c', 'd'] },
  ...{ recoveryNext: 0, backupKey: 'k', checkpoint: null },
  ...change,
});

it('what one device knew and another did not is not lost, whichever comes first', () => {
  const phone = content({
    pids: [pid('one'), pid('two')],
    grants: [grant('g1')],
    recoveryNext: 2,
    recoveryKeys: ['a', 'b'],
  });
  const tablet = content({
    pids: [pid('one', 5), pid('three')],
    grants: [grant('g1', 9), grant('g2')],
    recoveryNext: 3,
  });
  for (const merged of [mergeContents(phone, [tablet]), mergeContents(tablet, [phone])]) {
    expect(merged.pids.map((entry) => entry.pid).sort()).toEqual(['one', 'three', 'two']);
    expect(merged.pids.find((entry) => entry.pid === 'one')?.sequence).toBe(5);
    const revoked = new Map(merged.grants.map(({ terms, revokedMs }) => [terms.grant, revokedMs]));
    expect(revoked).toEqual(
      new Map([
        ['g1', 9],
        ['g2', null],
      ]),
    );
    expect(merged).toMatchObject({ recoveryNext: 3, recoveryKeys: ['a', 'b', 'c', 'd'] });
    expect(merged).not.toHaveProperty('wards');
  }
  expect(mergeContents(phone, [])).toEqual(phone);
});

it('the checkpoint is the one that is further on, on the channel if any device has seen it', () => {
  const seen = (number: number, onChannel?: true) =>
    content({ checkpoint: { number, hash: `h${number}`, ...(onChannel === true ? { onChannel } : {}) } });
  expect(mergeContents(seen(4), [seen(7), content()]).checkpoint).toMatchObject({ number: 7 });
  expect(mergeContents(content(), [seen(7), seen(4)]).checkpoint).toMatchObject({ number: 7 });
  expect(mergeContents(seen(900), [seen(2, true), seen(950)]).checkpoint).toMatchObject({ number: 2, onChannel: true });
});

it('a grant that one device narrowed keeps the narrower terms, whichever device has the faster clock', () => {
  const narrow = withTerms({ ...grant('g1'), salt: 'narrow', madeMs: 5 }, { categories: ['lab'] });
  for (const madeMs of [1, 600_000]) {
    const wide = content({ grants: [{ ...grant('g1', 12), salt: 'wide', madeMs }] });
    const narrowed = content({ grants: [narrow] });
    for (const merged of [mergeContents(wide, [narrowed]), mergeContents(narrowed, [wide])]) {
      expect(merged.grants).toEqual([{ ...narrow, revokedMs: 12 }]);
    }
  }
});

it('of terms of which neither lies within the other, and of two salts of the same, the later ones stay', () => {
  const early = withTerms({ ...grant('g1'), salt: 'early' }, { categories: ['lab'] });
  const late = withTerms({ ...grant('g1'), salt: 'late', madeMs: 9 }, { categories: ['note'] });
  const again = { ...early, salt: 'again', madeMs: 9 };
  for (const other of [late, again]) {
    const contents = [content({ grants: [early] }), content({ grants: [other] })] as const;
    expect(mergeContents(contents[0], [contents[1]]).grants).toEqual([other]);
    expect(mergeContents(contents[1], [contents[0]]).grants).toEqual([other]);
  }
});

it('the ledger’s commitment chooses before anything else does', () => {
  const kept = { ...grant('g1'), salt: 'kept' };
  const planted = withTerms({ ...grant('g1'), salt: 'planted', madeMs: 99 }, { categories: ['lab'] });
  const elsewhere = withTerms({ ...grant('g1'), salt: 'elsewhere', madeMs: 99 }, { pid: 'two' });
  const [honest, thief, other] = [kept, planted, elsewhere].map((entry) => content({ grants: [entry, grant('g2')] }));
  expect(contestedGrants([honest!, honest!])).toEqual([]);
  expect(contestedGrants([honest!, thief!, other!])).toEqual([
    { pid: 'one', grant: 'g1' },
    { pid: 'two', grant: 'g1' },
  ]);
  const commitments = new Map([[grantKey('one', 'g1'), commitmentOf(kept.terms, kept.salt)]]);
  for (const [first, ...others] of [
    [honest!, thief!, other!],
    [other!, thief!, honest!],
    [thief!, honest!, other!],
  ] as const) {
    expect(mergeContents(first, others, commitments).grants).toEqual([kept, grant('g2')]);
  }
});
