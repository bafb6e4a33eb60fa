import { expect, it } from 'vitest';
import type { GrantEntry, PidEntry, WalletContent } from './content.ts';
import { mergeContents } from './merge-contents.ts';

const pid = (name: string, sequence = 1): PidEntry => ({
  ...{ organisation: 'hospital-a', pid: name, kid: `kid of ${name}`, recoveryIndex: 0, sequence },
});
const grant = (name: string, revokedMs: number | null = null): GrantEntry =>
  ({ terms: { grant: name }, salt: 's', madeMs: 1, revokedMs }) as unknown as GrantEntry;
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
  for (const merged of [mergeContents(phone, tablet), mergeContents(tablet, phone)]) {
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
  expect(mergeContents(phone)).toEqual(phone);
});

it('the checkpoint is the one that is further on, on the channel if any device has seen it', () => {
  const seen = (number: number, onChannel?: true) =>
    content({ checkpoint: { number, hash: `h${number}`, ...(onChannel === true ? { onChannel } : {}) } });
  expect(mergeContents(seen(4), seen(7), content()).checkpoint).toMatchObject({ number: 7 });
  expect(mergeContents(content(), seen(7), seen(4)).checkpoint).toMatchObject({ number: 7 });
  expect(mergeContents(seen(900), seen(2, true), seen(950)).checkpoint).toMatchObject({ number: 2, onChannel: true });
});

it('a grant that one device narrowed keeps the narrower terms, and the salt that opens them', () => {
  const wide = content({ grants: [{ ...grant('g1', 12), salt: 'wide' }] });
  const narrowed = content({ grants: [{ ...grant('g1'), salt: 'narrow', madeMs: 5 }] });
  for (const merged of [mergeContents(wide, narrowed), mergeContents(narrowed, wide)]) {
    expect(merged.grants).toMatchObject([{ salt: 'narrow', madeMs: 5, revokedMs: 12 }]);
  }
});
