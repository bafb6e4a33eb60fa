import type { HeldGrant } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import type { GrantEntry, PidEntry, WardEntry } from '@salus/wallet';
import { describe, expect, it } from 'vitest';
import type { UnfinishedNarrowing } from '../../session/unfinished.ts';
import { findGrantPlace, narrowViewOf, pointOf } from './narrow-view.ts';

const termsOf = (pid: string, changes: Partial<Terms> = {}): Terms => ({
  ...{ version: 'salus:terms:v1', network: 'n', pid, grant: `grant-${pid}`, kind: 'access', parent: null },
  grantee: { kind: 'organisation', organisation: 'hospital-b' },
  ...{ categories: ['laboratory', 'medication'], labelClasses: ['N'], resourceTypes: null, records: null },
  ...{ dataFromMs: null, dataToMs: null, purposes: ['TREAT'], exceptActors: [], mayKeep: false },
  ...{ maxUses: null, delegationDepth: 0, notBeforeMs: 0, notAfterMs: 1 },
  ...changes,
});
const entryOf = (terms: Terms, salt: string): GrantEntry => ({ terms, salt, madeMs: 0, revokedMs: null });
const heldOf = ({ terms, salt }: GrantEntry, status = 'active'): HeldGrant => ({
  grant: terms.grant,
  fact: { kind: 'access', status, commitment: hashTuple('grant', salt, terms as unknown as Json) },
  terms,
});
const pid: PidEntry = { organisation: 'hospital-a', pid: 'own', kid: 'k', recoveryIndex: 0, sequence: 1 };
const ward: WardEntry = { organisation: 'lab', pid: 'ward', kid: 'k', scope: ['consent'], untilMs: 1, name: 'Mia' };
const before = entryOf(termsOf('own'), 'salt-before');
const after = entryOf(termsOf('own', { categories: ['laboratory'] }), 'salt-after');
const place = { organisation: 'hospital-a', pid: 'own', ward: null };
const begun: UnfinishedNarrowing = {
  ...{ grant: before.terms.grant, terms: after.terms, salt: after.salt, madeMs: 0 },
  sent: { call: {} as never, privateArgs: {} as never },
};
const nothing = { shown: undefined, place, held: heldOf(before), begun: undefined };

describe('the place of a grant', () => {
  const content = { pids: [pid], wards: [ward], grants: [before, entryOf(termsOf('ward'), 's')] };

  it('is found in the wallet, a ward’s too, whoever is acted for', () => {
    expect(findGrantPlace(content, 'grant-own')).toEqual(place);
    expect(findGrantPlace(content, 'grant-ward')).toEqual({ organisation: 'lab', pid: 'ward', ward: 'Mia' });
  });

  it('is not found where another device gave the grant, or nobody is a guardian any more', () => {
    expect(findGrantPlace(content, 'grant-other')).toBeUndefined();
    expect(findGrantPlace({ ...content, wards: [] }, 'grant-ward')).toBeUndefined();
  });
});

describe('the page about one grant', () => {
  const form = narrowViewOf({ grants: [before] }, nothing);
  const found = form.kind === 'form' ? form.found : undefined;

  it('shows the form for what this device signed', () => {
    expect(found).toEqual({ place, grant: heldOf(before), agreed: before.terms });
  });

  it.each<[string, GrantEntry, GrantEntry, UnfinishedNarrowing | undefined]>([
    ['the device has kept the new salt and the node’s list is the old one', after, before, begun],
    ['the node’s list is the new one and the device waits for the answer', before, after, begun],
    ['the call was refused', before, before, { ...begun, refused: 'not-after-passed' }],
    ['all is done', after, after, undefined],
  ])('goes on with the same form where %s', (_, kept, listed, unfinished) => {
    const view = narrowViewOf({ grants: [kept] }, { shown: found, place, held: heldOf(listed), begun: unfinished });
    expect(view).toEqual({ kind: 'form', found });
  });

  it('says what is unfinished instead of that it is impossible', () => {
    const view = narrowViewOf({ grants: [before] }, { ...nothing, held: heldOf(after), begun });
    expect(view).toEqual({ kind: 'unfinished', begun });
  });

  it('offers the form again after a refusal', () => {
    const refused = { ...begun, refused: 'not-after-passed' };
    expect(narrowViewOf({ grants: [before] }, { ...nothing, begun: refused })).toEqual({ kind: 'form', found });
  });

  it.each([
    ['ended', { ...nothing, held: heldOf(before, 'revoked') }],
    ['changed since this device signed it', { ...nothing, held: heldOf(after) }],
    ['not on the node’s list', { ...nothing, held: undefined }],
    ['given by another device', { ...nothing, place: undefined }],
  ])('offers no form for a grant that is %s', (_, given) => {
    expect(narrowViewOf({ grants: [before] }, given)).toEqual({ kind: 'impossible' });
  });
});

it('tells how far a narrowing came', () => {
  expect(pointOf(begun)).toBe('unfinished');
  expect(pointOf({ ...begun, sent: null })).toBe('untold');
  expect(pointOf({ ...begun, refused: 'not-after-passed' })).toBe('refused');
});
