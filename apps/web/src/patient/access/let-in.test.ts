import type { HeldGrant } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { type KnownApp, type LetInAt, letInApps } from './let-in.ts';

const NOW_MS = 1_800_000_000_000;
const SALT = 's'.repeat(43);

function termsOf(grant: string, grantee: Terms['grantee']): Terms {
  return {
    ...{ version: 'salus:terms:v1', network: 'n', pid: 'p', grant, kind: 'access', parent: null, grantee },
    ...{ categories: ['laboratory'], labelClasses: ['N'], resourceTypes: null, records: null },
    ...{ dataFromMs: null, dataToMs: null, purposes: ['PATRQT'], exceptActors: [], mayKeep: false },
    ...{ maxUses: null, delegationDepth: 0, notBeforeMs: NOW_MS - 1_000, notAfterMs: NOW_MS + 1_000 },
  };
}

const app = (id: string, organisation = 'hospital-a') => ({ kind: 'client', id, organisation }) as const;

function held(terms: Terms, fact: Partial<HeldGrant['fact']> = {}): HeldGrant {
  const commitment = hashTuple('grant', SALT, terms as unknown as Json);
  return {
    grant: terms.grant,
    fact: { kind: 'access', status: 'active', uses: 0, commitment, firstMs: NOW_MS - 500, ...fact },
    terms,
  };
}

const known = (grant: string, more: Partial<KnownApp> = {}): KnownApp => ({
  ...{ grant, name: 'Diary', live: true, scopes: ['patient/*.rs'], lastReadMs: null },
  ...more,
});

function place(organisation: string, grants: readonly HeldGrant[], more: Partial<LetInAt> = {}): LetInAt {
  return { entry: { organisation, pid: `pid at ${organisation}` }, grants, apps: [], lookedBackToMs: null, ...more };
}

const none = { grants: [] };

describe('the apps that were let in', () => {
  it('are the grantees of permissions that hold, and nobody else', () => {
    const grants = [
      held(termsOf('runs', app('one'))),
      held(termsOf('revoked', app('two')), { status: 'revoked' }),
      held({ ...termsOf('over', app('three')), notAfterMs: NOW_MS - 1 }),
      held(termsOf('hospital', { kind: 'organisation', organisation: 'hospital-b' })),
      { ...held(termsOf('unknown', app('four'))), terms: null },
    ];
    const apps = letInApps([place('hospital-a', grants, { apps: [known('runs')] })], none, NOW_MS);
    expect(apps).toEqual([
      {
        ...{ organisation: 'hospital-a', id: 'one', name: 'Diary', isClosed: false, scopes: ['patient/*.rs'] },
        ...{ sinceMs: NOW_MS - 500, lastReadMs: null, noReadingSinceMs: null },
        grants: [
          {
            entry: { organisation: 'hospital-a', pid: 'pid at hospital-a' },
            ...{ grant: 'runs', terms: grants[0]!.terms, isChanged: false },
          },
        ],
      },
    ]);
  });

  it('are one where an app reads at several places, since the first and read last at the last', () => {
    const here = held(termsOf('here', app('one')), { firstMs: 20 });
    const there = held(termsOf('there', app('one')), { firstMs: 10 });
    const foreign = known('there', { name: null, live: null, scopes: null, lastReadMs: 90 });
    const [one, ...others] = letInApps(
      [
        place('hospital-b', [there], { apps: [foreign] }),
        place('hospital-a', [here], { apps: [known('here', { lastReadMs: 80 })] }),
      ],
      none,
      NOW_MS,
    );
    expect(others).toEqual([]);
    expect(one).toMatchObject({ name: 'Diary', isClosed: false, sinceMs: 10, lastReadMs: 90 });
    expect(one?.grants.map(({ entry }) => entry.organisation)).toEqual(['hospital-b', 'hospital-a']);
  });

  it('tell that the organisation has closed one, and how far back nothing was read', () => {
    const closed = place('hospital-a', [held(termsOf('g', app('one')))], {
      ...{ apps: [known('g', { live: false, scopes: null })], lookedBackToMs: 70 },
    });
    expect(letInApps([closed], none, NOW_MS)).toMatchObject([{ isClosed: true, scopes: [], noReadingSinceMs: 70 }]);
  });

  it('go by the terms that this device signed, and say where the place has others', () => {
    const signed = { ...termsOf('g', app('one')), categories: ['imaging'] };
    const content = { grants: [{ terms: signed, salt: SALT }] } as unknown as Parameters<typeof letInApps>[1];
    const honest = { ...held(signed), terms: termsOf('g', app('another')) };
    expect(letInApps([place('hospital-a', [honest])], content, NOW_MS)).toMatchObject([
      { id: 'one', name: null, grants: [{ terms: signed, isChanged: false }] },
    ]);
    const changed = held(termsOf('g', app('one')));
    expect(letInApps([place('hospital-a', [changed])], content, NOW_MS)).toMatchObject([
      { grants: [{ terms: changed.terms, isChanged: true }] },
    ]);
  });
});
