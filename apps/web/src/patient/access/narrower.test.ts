import type { ListedRecord } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import type { Draft } from './draft.ts';
import { draftOfTerms, findNarrowingFault, isNarrowable, narrowedTerms, narrowingOf, signedTerms } from './narrower.ts';

const NOW_MS = new Date('2026-03-10T12:00:00').getTime();
const agreed: Terms = {
  ...{ version: 'salus:terms:v1', network: 'n', pid: 'p', grant: 'g', kind: 'access', parent: null },
  grantee: { kind: 'organisation', organisation: 'hospital-b' },
  ...{ categories: ['laboratory', 'medication'], labelClasses: ['N', 'HIV'], resourceTypes: null, records: null },
  ...{ dataFromMs: new Date('2020-01-01T00:00:00').getTime(), dataToMs: null, purposes: ['TREAT'] },
  ...{ exceptActors: ['somebody'], mayKeep: true, maxUses: 10, delegationDepth: 0 },
  ...{ notBeforeMs: NOW_MS - 1, notAfterMs: new Date('2026-04-10T09:30:00').getTime() },
};
const record = (recordId: string, category: string, labelClass = 'N', day = '2025-01-01'): ListedRecord => ({
  ...{ recordId, category, labelClass, type: 'Observation', version: 1 },
  ...{ dataFromMs: new Date(day).getTime(), dataToMs: null },
});
const records = [
  record('1', 'laboratory'),
  record('2', 'laboratory', 'HIV'),
  record('3', 'medication'),
  record('4', 'laboratory', 'N', '2010-01-01'),
  record('5', 'imaging'),
];
const change = (changes: Partial<Draft>): Draft => ({ ...draftOfTerms(agreed), ...changes });
const fault = (changes: Partial<Draft>) => findNarrowingFault(agreed, change(changes), { nowMs: NOW_MS, used: 4 });

describe('a running permission', () => {
  it('stays to the millisecond what it was where nothing is taken away', () => {
    expect(narrowedTerms(agreed, draftOfTerms(agreed))).toEqual(agreed);
    expect(fault({})).toBe('unchanged');
  });

  it('loses what is unticked, and opens that much less', () => {
    const next = narrowedTerms(agreed, change({ categories: ['laboratory'], sensitive: [], records: ['1'] }));
    expect(next).toMatchObject({ categories: ['laboratory'], labelClasses: ['N'], records: ['1'] });
    expect(narrowingOf(agreed, next, records)).toEqual({
      ...{ now: 3, afterwards: 1, sensitive: 0 },
      categories: [
        { category: 'laboratory', now: 2, afterwards: 1 },
        { category: 'medication', now: 1, afterwards: 0 },
      ],
    });
  });

  it.each<[string, Partial<Draft>]>([
    ['categories', { categories: ['laboratory'] }],
    ['sensitive documents', { sensitive: [] }],
    ['kinds', { types: ['Observation'] }],
    ['single documents', { records: ['1', '3'] }],
    ['a later beginning', { dataFrom: '2024-01-01' }],
    ['an end of the period', { dataTo: '2025-01-01' }],
    ['a person', { except: ['somebody', 'another'] }],
    ['an earlier end', { endsOn: '2026-03-11' }],
    ['fewer uses', { maxUses: 5 }],
    ['copies', { mayKeep: false }],
  ])('may lose %s', (_, changes) => {
    expect(fault(changes)).toBeUndefined();
  });

  it.each<[string, Partial<Draft>, string]>([
    ['a later end', { endsOn: '2026-04-11' }, 'wider'],
    ['an earlier beginning', { dataFrom: '2019-12-31' }, 'wider'],
    ['no beginning', { dataFrom: '' }, 'wider'],
    ['more uses', { maxUses: 11 }, 'wider'],
    ['any number of uses', { maxUses: null }, 'wider'],
    ['uses that are over', { maxUses: 4 }, 'used-up'],
    ['nothing to open', { categories: [] }, 'nothing-chosen'],
    ['no single document', { records: [] }, 'nothing-chosen'],
    ['an end in the past', { endsOn: '2026-03-09' }, 'ends-in-past'],
    ['no end', { endsOn: '' }, 'no-date'],
    ['a period that ends before it begins', { dataTo: '2019-01-01' }, 'period-backwards'],
  ])('does not take %s', (_, changes, expected) => {
    expect(fault(changes)).toBe(expected);
  });

  it('lets nobody in again who was shut out, and adds no category', () => {
    const next = narrowedTerms(agreed, change({ except: [], categories: ['laboratory', 'imaging'] }));
    expect(next.exceptActors).toEqual(['somebody']);
    expect(next.categories).toEqual(['laboratory']);
  });

  it('is narrowed only while it runs, by the device that signed it', () => {
    const held = (status: string) => ({ fact: { kind: 'access', status } });
    expect(isNarrowable(held('active'), agreed)).toBe(true);
    expect(isNarrowable(held('revoked'), agreed)).toBe(false);
    expect(isNarrowable(held('active'), undefined)).toBe(false);
    expect(isNarrowable(held('active'), { ...agreed, kind: 'locate' })).toBe(false);
  });

  it('is what this device signed only while its terms and salt open what the ledger holds', () => {
    const grants = [{ terms: agreed, salt: 'salt', madeMs: 1, revokedMs: null }];
    const commitment = hashTuple('grant', 'salt', agreed as unknown as Json);
    const held = (change: object) => ({
      grant: 'g',
      fact: { kind: 'access', status: 'active', commitment, ...change },
    });
    expect(signedTerms({ grants }, held({}))).toBe(agreed);
    expect(signedTerms({ grants }, held({ commitment: hashTuple('grant', 'other', null) }))).toBeUndefined();
    expect(signedTerms({ grants }, held({ commitment: undefined }))).toBeUndefined();
    expect(signedTerms({ grants: [] }, held({}))).toBeUndefined();
  });
});
