import { describe, expect, it } from 'vitest';
import { type Principal, SESSION_IDLE_MS, SESSIONS_PER_PERSON_MAX, Sessions } from './sessions.ts';

const staff = (id: string): Principal => ({ kind: 'staff', organisation: 'hospital-a', id, roles: [], account: 'a' });

describe('sessions', () => {
  it('end when idle, when closed, and for all whom a revocation names', () => {
    let now = 0;
    const sessions = new Sessions(() => now);
    const [a, b, c] = ['a', 'b', 'c'].map((id) => sessions.open(staff(id)).token) as [string, string, string];
    expect(sessions.closeWhere((principal) => principal.kind === 'staff' && principal.id === 'b')).toBe(1);
    expect(sessions.find(b)).toBeUndefined();
    sessions.close(c);
    expect(sessions.find(c)).toBeUndefined();
    now += SESSION_IDLE_MS - 1;
    expect(sessions.find(a)?.principal).toEqual(staff('a'));
    now += SESSION_IDLE_MS;
    expect(sessions.find(a)).toBeUndefined();
    expect(sessions.size).toBe(0);
  });

  it('are bounded for one person: the oldest gives way', () => {
    const sessions = new Sessions(() => 0);
    const tokens = Array.from({ length: SESSIONS_PER_PERSON_MAX + 1 }, () => sessions.open(staff('a')).token);
    const other = sessions.open(staff('b')).token;
    expect(sessions.find(tokens[0]!)).toBeUndefined();
    expect(sessions.find(tokens[1]!)).toBeDefined();
    expect(sessions.find(other)).toBeDefined();
    expect(sessions.size).toBe(SESSIONS_PER_PERSON_MAX + 1);
  });

  it('do not keep the token: what the table holds opens nothing', () => {
    const sessions = new Sessions(() => 0);
    const { token } = sessions.open(staff('a'));
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(sessions.find(token.slice(0, -1))).toBeUndefined();
    expect(sessions.find('')).toBeUndefined();
  });
});
