import { authenticityQrText, findAuthenticityQr, hashTuple, verifyAuthenticity } from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
let server: TestServer;
let admin: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  admin = await server.logIn('hospital-a.admin');
});
afterAll(() => server[Symbol.asyncDispose]());

const signed = async (account: string, transaction: string, args: object): Promise<number> => {
  const wallet = server.wallet(account);
  const content = { contract: 'membership', transaction, args: { ...args } as { [key: string]: string } };
  const { call } = await staffCall(wallet, server.occasion(), content);
  const answer = await server.send('POST', `/api/v1/orgs/${wallet.organisation}/calls`, { body: { call } });
  return answer.status;
};
const issue = async (person: string): Promise<{ certificate: string; fingerprint: string }> => {
  const body = { person, name: 'Dr Aurora Rossi', licence: 'Register of physicians 4711' };
  const answer = await server.send('POST', `${A}/authenticity`, { token: admin, body });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
};
const standing = async (fingerprint: string) =>
  (await server.send('GET', `/api/v1/authenticity/${fingerprint}`)).json as { status: string | null; member: boolean };
const statuses = async () =>
  (await server.send('GET', `${A}/authenticity`, { token: admin })).json.certificates as {
    fingerprint: string;
    status: string | null;
  }[];

describe('Certificates of Authenticity', () => {
  it('verify offline with the authorities that anybody may keep, and name the member', async () => {
    const person = server.wallet('a.rossi').id;
    const { certificate, fingerprint } = await issue(person);
    const { members } = (await server.send('GET', '/api/v1/authenticity/authorities')).json as {
      members: { organisation: string; authorities: { certificate: string }[] }[];
    };
    const rootsOf = (slug: string) =>
      members.find(({ organisation }) => organisation === slug)!.authorities.map((authority) => authority.certificate);
    const scanned = findAuthenticityQr(authenticityQrText(certificate))!;
    const atMs = Date.now();
    const facts = verifyAuthenticity({ certificate: scanned, roots: rootsOf('hospital-a'), atMs });
    expect(facts).toMatchObject({ id: person, name: 'Dr Aurora Rossi', organisation: 'hospital-a' });
    expect(verifyAuthenticity({ certificate: scanned, roots: rootsOf('hospital-b'), atMs })).toBeUndefined();
    expect(hashTuple('authenticity', scanned)).toBe(fingerprint);
    // Offline nobody sees whether an administrator signed: that one was issued stands in the log.
    const lines = await server.node.organisations.get('hospital-a')!.vault.audit.list({ limit: 50 });
    const { id } = server.wallet('hospital-a.admin');
    const query = `certificate of authenticity ${fingerprint} for ${person}`;
    expect(lines.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ kind: 'registration', query, who: expect.objectContaining({ id }) }),
    );
  });

  it('count from the administrator’s own signature until it is taken back', async () => {
    const person = server.wallet('a.rossi').id;
    const { fingerprint } = await issue(person);
    expect(await standing(fingerprint)).toMatchObject({ status: null, member: false });
    expect(await signed('a.rossi', 'certifyAuthenticity', { id: person, fingerprint })).toBe(403);
    expect(await standing(fingerprint)).toMatchObject({ status: null });
    expect(await signed('hospital-a.admin', 'certifyAuthenticity', { id: person, fingerprint })).toBe(200);
    expect(await standing(fingerprint)).toMatchObject({ status: 'valid', member: true, organisation: 'hospital-a' });
    expect((await statuses()).find((entry) => entry.fingerprint === fingerprint)).toMatchObject({
      status: 'valid',
      name: 'Dr Aurora Rossi',
    });
    expect(await signed('hospital-b.admin', 'revokeAuthenticity', { fingerprint })).not.toBe(200);
    expect(await signed('hospital-a.admin', 'revokeAuthenticity', { fingerprint })).toBe(200);
    expect(await standing(fingerprint)).toMatchObject({ status: 'revoked', member: true });
  });

  it('end with the member', async () => {
    const person = server.wallet('a.mehta').id;
    const { fingerprint } = await issue(person);
    expect(await signed('hospital-a.admin', 'certifyAuthenticity', { id: person, fingerprint })).toBe(200);
    expect(await signed('hospital-a.admin', 'revoke', { id: person, reason: 'cessation' })).toBe(200);
    expect(await standing(fingerprint)).toMatchObject({ status: 'valid', member: false });
    const again = { person, name: 'Dr Mehta', licence: 'x' };
    expect((await server.send('POST', `${A}/authenticity`, { token: admin, body: again })).status).toBe(403);
  });

  it('are issued for the own people, with names of one line, and never land on the ledger themselves', async () => {
    const foreign = server.wallet('hospital-b.admin').id;
    const body = { person: foreign, name: 'X', licence: 'Y' };
    expect((await server.send('POST', `${A}/authenticity`, { token: admin, body })).status).toBe(403);
    const person = server.wallet('a.rossi').id;
    const forged = { person, name: 'Dr Rossi\nLicence: all', licence: 'Y' };
    expect((await server.send('POST', `${A}/authenticity`, { token: admin, body: forged })).status).toBe(400);
    const height = await server.node.ledger.height();
    for (let number = 0; number <= height; number += 1) {
      expect(JSON.stringify(await server.node.ledger.block(number))).not.toContain('Aurora');
    }
  });

  it('of an unknown fingerprint say nothing', async () => {
    expect(await standing('A'.repeat(43))).toMatchObject({ status: null, member: false, organisation: null });
  });
});
