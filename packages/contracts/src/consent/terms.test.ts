import { describe, expect, it } from 'vitest';
import { pure } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import type { Json, JsonObject } from '../json.ts';
import { PURPOSES } from './purposes.ts';
import { grantCommitment, parseTerms, type Terms } from './terms.ts';

const terms: Terms = {
  version: 'salus:terms:v1',
  network: testId('network'),
  pid: testId('pid'),
  grant: testId('grant'),
  kind: 'access',
  grantee: { kind: 'person', organisation: 'hospital-b', id: testId('p') },
  categories: ['laboratory'],
  labelClasses: ['normal'],
  resourceTypes: ['Observation'],
  records: [testId('r')],
  dataFromMs: -1,
  dataToMs: 1,
  purposes: ['TREAT'],
  exceptActors: [testId('x')],
  mayKeep: false,
  notBeforeMs: 1,
  notAfterMs: 1,
  maxUses: 1,
  delegationDepth: 8,
  parent: testId('parent'),
};

const card = { kind: 'card', key: testKey('card').publicKey } as const;

const invalid: readonly [string, JsonObject][] = [
  ['another version', { version: 'salus:terms:v2' }],
  ['a short network', { network: 'x' }],
  ['an unknown kind', { kind: 'everything' }],
  ['a grantee that is no object', { grantee: 'hospital-b' }],
  ['a grantee of unknown kind', { grantee: { kind: 'everyone' } }],
  ['a grantee with an extra member', { grantee: { kind: 'organisation', organisation: 'hospital-b', role: 'x' } }],
  ['a grantee without its organisation', { grantee: { kind: 'role', role: 'clinician' } }],
  ['an organisation that is no slug', { grantee: { kind: 'organisation', organisation: 'Hospital B' } }],
  ['no categories', { categories: [] }],
  ['no label classes', { labelClasses: [] }],
  ['no purposes', { purposes: [] }],
  ['a category twice', { categories: ['laboratory', 'laboratory'] }],
  ['too many categories', { categories: Array.from({ length: 65 }, (_, index) => `c${index}`) }],
  ['a purpose outside the value set', { purposes: ['GOSSIP'] }],
  ['a resource type that is none', { resourceTypes: ['observation'] }],
  ['a record that is no id', { records: ['x'] }],
  ['data that ends before it begins', { dataFromMs: 2, dataToMs: 1 }],
  ['a grant that ends before it begins', { notBeforeMs: 2, notAfterMs: 1 }],
  ['times before 1970', { notBeforeMs: -1 }],
  ['zero uses', { maxUses: 0 }],
  ['uses without end', { maxUses: 1_000_001 }],
  ['a depth beyond the bound', { delegationDepth: 9 }],
  ['a negative depth', { delegationDepth: -1 }],
  ['mayKeep that is no boolean', { mayKeep: 1 }],
  ['too many exceptions', { exceptActors: Array.from({ length: 201 }, (_, index) => testId(`x${index}`)) }],
  ['a card for access', { grantee: card }],
  ['a card without its key', { kind: 'card', delegationDepth: 0, parent: null }],
  ['a card that may be delegated', { kind: 'card', grantee: card, delegationDepth: 1, parent: null }],
  ['a list of places that may be delegated', { kind: 'locate', delegationDepth: 1, parent: null }],
  ['a list of places that was delegated', { kind: 'locate', delegationDepth: 0 }],
  ['an unknown member', { everything: true }],
];

describe('parseTerms', () => {
  it('returns the terms as they are', () => {
    expect(parseTerms(terms, 'terms')).toEqual(terms);
    const open = { ...terms, resourceTypes: null, records: null, dataFromMs: null, dataToMs: null, maxUses: null };
    expect(parseTerms(open, 'terms')).toEqual(open);
  });

  it('accepts every kind of grantee', () => {
    const grantees: readonly Terms['grantee'][] = [
      { kind: 'organisation', organisation: 'hospital-b' },
      { kind: 'role', organisation: 'hospital-b', role: 'clinician' },
      { kind: 'client', organisation: 'hospital-b', id: testId('c') },
      { kind: 'study', organisation: 'hospital-b', study: 'asthma-2026' },
    ];
    for (const grantee of grantees) expect(parseTerms({ ...terms, grantee }, 'terms').grantee).toEqual(grantee);
    const emergency = { ...terms, kind: 'card', grantee: card, delegationDepth: 0, parent: null } as const;
    expect(parseTerms(emergency, 'terms')).toEqual(emergency);
  });

  it.each(invalid)('refuses %s', (_, change) => {
    expect(() => parseTerms({ ...terms, ...change } as Json, 'terms')).toThrow(
      expect.objectContaining({ code: 'args-invalid' }),
    );
  });

  it('refuses terms without one of their members, and what is no object', () => {
    for (const field of Object.keys(terms)) {
      const { [field]: _, ...rest } = terms as unknown as JsonObject;
      expect(() => parseTerms(rest, 'terms'), field).toThrow(expect.objectContaining({ code: 'args-invalid' }));
    }
    for (const value of [null, [], 'terms', 1]) expect(() => parseTerms(value, 'terms')).toThrow('terms');
  });

  it('never says a value of the terms', () => {
    const change = { exceptActors: ['a private name'] };
    try {
      parseTerms({ ...terms, ...change }, 'terms');
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toContain('terms.exceptActors[0]');
      expect(String(error)).not.toContain('private name');
    }
  });
});

describe('grantCommitment', () => {
  it('is the hash of ["salus:grant:v1", salt, terms], and each member changes it', () => {
    const salt = testHash('salt');
    const commitment = grantCommitment(pure, { terms, salt });
    expect(commitment).toBe(pure.hashTuple('grant', salt, terms));
    expect(grantCommitment(pure, { terms, salt: testHash('other') })).not.toBe(commitment);
    for (const field of Object.keys(terms)) {
      const changed = { ...terms, [field]: 'changed' } as unknown as Terms;
      expect(grantCommitment(pure, { terms: changed, salt }), field).not.toBe(commitment);
    }
  });
});

describe('PURPOSES', () => {
  it('are different codes', () => {
    expect(new Set(PURPOSES).size).toBe(PURPOSES.length);
    expect(PURPOSES).toContain('TREAT');
  });
});
