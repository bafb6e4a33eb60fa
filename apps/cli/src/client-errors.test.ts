import { ClientError } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { fromClientError } from './client-errors.ts';
import { EXIT } from './exit-codes.ts';

describe('what a node refuses', () => {
  it.each([
    [401, 'not-authenticated', EXIT.denied],
    [401, 'wrong-credentials', EXIT.denied],
    [403, 'not-permitted', EXIT.denied],
    [403, 'denied', EXIT.denied],
    [403, 'grant-revoked', EXIT.refused],
    [429, 'too-many-requests', EXIT.unreachable],
    [503, 'rollback-unnamed', EXIT.unreachable],
    [500, 'internal', EXIT.failed],
    [502, 'refused', EXIT.failed],
    [409, 'already-imported', EXIT.refused],
  ])('with status %i and %s ends a command with exit code %i', (status, relayed, exit) => {
    const told = fromClientError(new ClientError({ relayed, status }, 'Said by the node.'));
    expect(told).toMatchObject({ code: relayed, exit, message: 'Said by the node.' });
  });

  it('comes with the next step of its code', () => {
    const told = fromClientError(new ClientError({ relayed: 'grant-revoked', status: 403 }, 'The grant was ended.'));
    expect(told.next).toContain('salus request');
  });

  it.each([
    ['node-unreachable', EXIT.unreachable, 'npm start'],
    ['answer-cut', EXIT.unreachable, 'Try again'],
    ['not-a-node', EXIT.failed, '--node'],
    ['bad-node', EXIT.usage, '--node'],
    ['proof-invalid', EXIT.refused, 'another member'],
    ['wrong-recovery-code', EXIT.denied, '--pid'],
  ] as const)('or that it is no answer at all (%s) tells what to do', (code, exit, next) => {
    const told = fromClientError(new ClientError(code, 'What was found.'));
    expect(told).toMatchObject({ code, exit });
    expect(told.next).toContain(next);
  });
});
