import {
  authenticityQrText,
  createCa,
  generateSigningKeySync,
  issueAuthenticityCertificate,
  issueCertificate,
} from '@salus/crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificateIn, judge, type KnownAuthorities, type Standing } from './authenticity-verdict.ts';

const DAY_MS = 86_400_000;
const nowMs = Date.UTC(2030, 0, 2);
const id = 'a'.repeat(22);
const valid: Standing = { status: 'valid', organisation: 'hospital-a', sinceMs: nowMs, member: true };
let known: KnownAuthorities;
let text: string;
let memberCertificate: string;
let foreign: string;

beforeAll(async () => {
  const { publicKey } = generateSigningKeySync();
  const times = { notBeforeMs: nowMs, notAfterMs: nowMs + 10 * DAY_MS };
  const [ca, other] = await Promise.all(
    ['hospital-a', 'hospital-b'].map((organisation) => createCa({ organisation, nowMs, validDays: 100 })),
  );
  const person = { id, publicKey, ...times };
  const facts = { ...person, name: 'Dr Rossi', licence: '4711' };
  text = authenticityQrText(await issueAuthenticityCertificate({ ca: ca!, ...facts }));
  foreign = authenticityQrText(await issueAuthenticityCertificate({ ca: other!, ...facts }));
  memberCertificate = await issueCertificate({
    ...{ ca: ca!, kind: 'staff', roles: ['clinician'], organisation: 'hospital-a' },
    ...person,
  });
  const authorities = [{ certificate: ca!.certificate, fromMs: nowMs, untilMs: null }];
  known = { network: 'n', atMs: nowMs, members: [{ organisation: 'hospital-a', status: 'active', authorities }] };
});

const verdictOf = (given: string, standing?: Standing, atMs = nowMs + DAY_MS, authorities = known) =>
  judge(given, authorities, { nowMs: atMs, standing });

describe('a certificate of authenticity, judged on the device', () => {
  it('is valid when the ledger lists it and the person is a member', () => {
    expect(verdictOf(text, valid)).toMatchObject({ kind: 'valid', facts: { name: 'Dr Rossi', licence: '4711', id } });
    expect(verdictOf(` ${text.replace(/(.{40})/g, '$1\n')}`, valid).kind).toBe('valid');
    expect(verdictOf(text.slice('SALUS-AUTHENTICITY:1:'.length), valid).kind).toBe('valid');
  });

  it('without a connection is known to be signed, and no more', () => {
    expect(verdictOf(text)).toMatchObject({ kind: 'signed', asOfMs: nowMs });
  });

  it('is worth nothing unlisted, revoked, of another organisation’s listing, or once the person left', () => {
    expect(verdictOf(text, { ...valid, status: null, organisation: null }).kind).toBe('unlisted');
    expect(verdictOf(text, { ...valid, organisation: 'hospital-b' }).kind).toBe('unlisted');
    expect(verdictOf(text, { ...valid, status: 'revoked' }).kind).toBe('revoked');
    expect(verdictOf(text, { ...valid, member: false }).kind).toBe('left');
  });

  it('is forged when a byte changed, no member’s authority signed it, it is over or its authority or organisation ended', () => {
    const at = Math.floor(text.length / 2);
    const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
    expect(verdictOf(changed, valid).kind).toBe('forged');
    expect(verdictOf(foreign, valid).kind).toBe('forged');
    expect(verdictOf(memberCertificate, valid).kind).toBe('forged');
    expect(verdictOf(text, valid, nowMs + 11 * DAY_MS).kind).toBe('forged');
    const [member] = known.members;
    const ended = { ...member!, authorities: [{ ...member!.authorities[0]!, untilMs: nowMs }] };
    expect(verdictOf(text, valid, nowMs + DAY_MS, { ...known, members: [ended] }).kind).toBe('forged');
    const removed = { ...member!, status: 'removed' as const };
    expect(verdictOf(text, valid, nowMs + DAY_MS, { ...known, members: [removed] }).kind).toBe('forged');
  });

  it('is told from any other text', () => {
    for (const given of ['', 'https://example.org', 'SALUS-SLIP:1:hospital-a:x', 'SALUS-AUTHENTICITY:1:']) {
      expect(certificateIn(given)).toBeUndefined();
      expect(verdictOf(given, valid).kind).toBe('unreadable');
    }
  });
});
