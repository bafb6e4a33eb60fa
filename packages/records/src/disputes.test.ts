import { type DisputeFact, disputeAnswerCommitment, disputeCommitment, type SignedCall } from '@salus/contracts';
import { hashTuple, newNonce } from '@salus/crypto';
import { expect, it } from 'vitest';
import { checkDispute, type KeptDispute } from './disputes.ts';

const salt = hashTuple('test', 'salt');
const [network, pid, dispute, recordId] = [newNonce(), newNonce(), newNonce(), newNonce()];
const leafHash = hashTuple('test', 'leaf');
const named = { network, pid, dispute };
const statement = { version: 'salus:dispute:v1', ...named, leafHash, text: 'I never smoked.' } as const;
const said = { version: 'salus:dispute-answer:v1', ...named, outcome: 'declined', text: 'You told us so.' } as const;
const answer = { answer: said, salt, by: newNonce() };
const reference = 'Observation/1';
const kept: KeptDispute = {
  dispute,
  pid,
  recordId,
  version: 1,
  reference,
  statement,
  salt,
  call: {} as SignedCall,
  answer,
};
const fact: DisputeFact = {
  ...{ keyId: newNonce(), leafHash, commitment: disputeCommitment({ hashTuple }, statement, salt) },
  ...{ status: 'declined', ms: 1, answer: disputeAnswerCommitment({ hashTuple }, said, salt), answeredMs: 2 },
};

it('takes a statement only as the ledger committed to it, and an answer likewise', () => {
  expect(checkDispute(kept, fact)).toMatchObject({ status: 'declined', atMs: 1, answeredMs: 2, answer });
  const lies: readonly [KeptDispute, DisputeFact | undefined][] = [
    [kept, undefined],
    [{ ...kept, statement: { ...statement, text: 'I smoke.' } }, fact],
    [{ ...kept, salt: hashTuple('test', 'other') }, fact],
    [{ ...kept, pid: newNonce() }, fact],
    [kept, { ...fact, leafHash: hashTuple('test', 'other leaf') }],
  ];
  for (const [given, known] of lies) expect(checkDispute(given, known)).toBeUndefined();
  const put = { ...kept, answer: { ...answer, answer: { ...said, text: 'The patient is right.' } } };
  expect(checkDispute(put, fact)?.answer).toBeNull();
});
