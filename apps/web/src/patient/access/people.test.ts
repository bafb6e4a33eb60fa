import type { AuditEvent } from '@salus/client';
import { expect, test } from 'vitest';
import { isPersonId, peopleIn } from './people.ts';

const by = (id: string, atMs: number, roles: readonly string[] = ['clinician']): Pick<AuditEvent, 'who' | 'atMs'> => ({
  who: { kind: 'member', id, organisation: 'hospital-a', roles },
  atMs,
});

test('names everybody once, who acted last first, as they were then', () => {
  const people = peopleIn([by('a', 3, ['nurse']), by('b', 5), by('a', 1), by('b', 2)]);
  expect(people.map(({ id, lastMs, roles }) => [id, lastMs, ...roles])).toEqual([
    ['b', 5, 'clinician'],
    ['a', 3, 'nurse'],
  ]);
});

test('neither the patient nor a node without a name is a person who can be shut out', () => {
  expect(
    peopleIn([
      { who: null, atMs: 1 },
      { who: { kind: 'patient', pid: 'p', kid: 'k' }, atMs: 2 },
    ]),
  ).toEqual([]);
});

test('takes nothing but a number of the ledger for a person', () => {
  expect(isPersonId('A'.repeat(22))).toBe(true);
  for (const text of ['', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)} `, 'b.novak'])
    expect(isPersonId(text)).toBe(false);
});
