import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { START_MS } from '../test/host.ts';
import { testHash, testId } from '../test/keys.ts';
import type { Json } from './json.ts';
import { isLive, loadMembers, type Members, NETWORK_KEY, readNetwork, revokedKey, rootsKey } from './members.ts';

function stateOf(revoked: readonly (readonly [string, number])[] = []): Map<string, Json> {
  const ca = [
    { authority: testHash('old'), certificate: 'OLD', fromMs: START_MS, untilMs: START_MS + 10 },
    { authority: testHash('new'), certificate: 'NEW', fromMs: START_MS + 5, untilMs: null },
  ];
  const roots = (organisation: string, status: string): Json => ({ organisation, status, ca, hpke: [] });
  return new Map<string, Json>([
    [NETWORK_KEY, { network: testId('n'), founder: 'a1', foundedMs: START_MS, organisations: ['a1', 'b2'] }],
    [rootsKey('a1'), roots('a1', 'active')],
    [revokedKey('a1'), revoked],
    [rootsKey('b2'), roots('b2', 'removed')],
    [revokedKey('b2'), []],
  ]);
}
const load = (state: ReadonlyMap<string, Json>): Promise<Members> => loadMembers((key) => state.get(key));

describe('loadMembers', () => {
  it('reads the same from an engine that answers at once and from one that answers later', async () => {
    const state = stateOf([[testId('x'), START_MS]]);
    const [sync, later] = await Promise.all([load(state), loadMembers(async (key) => state.get(key))]);
    for (const members of [sync, later]) {
      expect(members.active).toEqual(['a1']);
      expect(members.isRevoked('a1', testId('x'))).toBe(true);
      expect(readNetwork(members).founder).toBe('a1');
    }
  });

  it('knows nobody before the founding', async () => {
    const members = await load(new Map());
    expect(members.active).toEqual([]);
    expect(members.isActive('a1')).toBe(false);
    expect(() => readNetwork(members)).toThrow('not-founded');
  });

  it('stops when an organisation is listed without its keys', async () => {
    const state = stateOf();
    state.delete(revokedKey('b2'));
    await expect(load(state)).rejects.toThrow('membership of b2 is incomplete');
  });
});

describe('members', () => {
  it('give the authorities that live at a time, and none of a removed or unknown organisation', async () => {
    const members = await load(stateOf());
    const at = (ms: number, name = 'a1') => members.authorities(name, START_MS + ms).map((fact) => fact.certificate);
    expect([at(-1), at(0), at(5), at(9), at(10)]).toEqual([[], ['OLD'], ['OLD', 'NEW'], ['OLD', 'NEW'], ['NEW']]);
    expect(at(5, 'b2')).toEqual([]);
    expect(at(5, 'c3')).toEqual([]);
  });

  it('find exactly the revoked ids in any sorted list', async () => {
    const ids = fc.uniqueArray(fc.nat(60), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(ids, async (numbers) => {
        const listed = new Set(numbers.map((number) => testId(`revoked ${number}`)));
        const members = await load(stateOf([...listed].sort().map((id) => [id, START_MS])));
        for (let number = 0; number <= 60; number++) {
          const id = testId(`revoked ${number}`);
          expect(members.isRevoked('a1', id)).toBe(listed.has(id));
          expect(members.isRevoked('b2', id)).toBe(false);
        }
      }),
    );
  });
});

describe('isLive', () => {
  it('includes its start and excludes its end', () => {
    const fact = { fromMs: 5, untilMs: 7 };
    expect([4, 5, 6, 7].map((ms) => isLive(fact, ms))).toEqual([false, true, true, false]);
    expect(isLive({ fromMs: 5, untilMs: null }, Number.MAX_SAFE_INTEGER)).toBe(true);
  });
});
