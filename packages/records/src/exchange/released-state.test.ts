import { type GrantFact, grantCommitment, grantKey, type OpenedTerms } from '@salus/contracts';
import { hashTuple } from '@salus/crypto';
import { expect, it } from 'vitest';
import type { Reading } from './reading.ts';
import { demandStillGranted } from './released-state.ts';

const PID = 'p1';
const termsOf = (grant: string): OpenedTerms =>
  ({ terms: { grant }, salt: `salt of ${grant}` }) as unknown as OpenedTerms;

/** A session under a grant that was delegated from another, and what the ledger says of both. */
function openReading() {
  const [token, parent] = [termsOf('child'), termsOf('parent')];
  const facts = new Map<string, GrantFact>();
  const set = (opened: OpenedTerms, status: 'active' | 'revoked', of = opened): void => {
    const commitment = grantCommitment({ hashTuple }, of);
    facts.set(grantKey(PID, opened.terms.grant), { status, commitment } as GrantFact);
  };
  set(token, 'active');
  set(parent, 'active');
  const asked: string[] = [];
  const ledger = {
    get: async (key: string) => {
      asked.push(key);
      return facts.get(key) as never;
    },
  };
  const reading = { owner: `pid:${PID}`, request: { token, ancestors: [parent] } } as unknown as Reading;
  return { token, parent, set, facts, ledger, reading, asked };
}

it('goes on while the grant and what it was delegated from stand as they were used', async () => {
  const { ledger, reading } = openReading();
  await expect(demandStillGranted(ledger, reading)).resolves.toBeUndefined();
});

it('ends with the grant, with one that it was delegated from, and where its terms became narrower', async () => {
  const ends = async (change: (opened: ReturnType<typeof openReading>) => void): Promise<unknown> => {
    const opened = openReading();
    change(opened);
    return demandStillGranted(opened.ledger, opened.reading).then(
      () => 'goes on',
      (error: { code: string; detail: string }) => [error.code, error.detail],
    );
  };
  expect(await ends(({ set, token }) => set(token, 'revoked'))).toEqual(['session-ended', 'grant-revoked']);
  expect(await ends(({ facts }) => facts.clear())).toEqual(['session-ended', 'grant-unknown']);
  expect(await ends(({ set, parent }) => set(parent, 'revoked'))).toEqual(['session-ended', 'parent-inactive']);
  const narrower = termsOf('narrower');
  expect(await ends(({ set, token }) => set(token, 'active', narrower))).toEqual([
    'session-ended',
    'commitment-mismatch',
  ]);
});

it('asks nothing of grants in an emergency without one', async () => {
  const { ledger, reading, asked } = openReading();
  const request = { ...reading.request, token: null, ancestors: [] };
  await demandStillGranted(ledger, { ...reading, request });
  expect(asked).toEqual([]);
});
