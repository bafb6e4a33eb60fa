import type { AuditEvent } from '@salus/client';
import { expect, test } from 'vitest';
import { isOwn, type KeyOf } from './log-words.ts';

const keyOf: KeyOf = (kid) => (kid === 'mine' ? 'you' : 'guardian');
const by = (who: AuditEvent['who']): AuditEvent => ({
  kind: 'read',
  atMs: 1,
  pid: 'p',
  who,
  purpose: null,
  grant: null,
  session: null,
  records: [],
  outcome: 'ok',
  request: null,
});

test('what a guardian or a member of staff did is never hidden as the patient’s own', () => {
  expect(isOwn(by({ kind: 'patient', pid: 'p', kid: 'mine' }), keyOf)).toBe(true);
  expect(isOwn(by({ kind: 'patient', pid: 'p', kid: 'other' }), keyOf)).toBe(false);
  expect(isOwn(by({ kind: 'member', id: 'm', organisation: 'hospital-a', roles: ['nurse'] }), keyOf)).toBe(false);
  expect(isOwn(by(null), keyOf)).toBe(false);
});
