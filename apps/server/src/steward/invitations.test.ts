import { randomBytes } from 'node:crypto';
import { generateSigningKeySync, hashTuple, type SigningKey, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { claimStatement, INVITATION_MS, INVITATIONS_MAX, refOf } from './invitations.ts';

const A = '/api/v1/orgs/hospital-a';
const PASSWORD = 'a long password of my own';
let server: TestServer;
let admin: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  admin = await server.logIn('hospital-a.admin');
});
afterAll(() => server[Symbol.asyncDispose]());

const invite = async (account: string, roles: readonly string[] = ['clinician']) => {
  const code = randomBytes(16).toString('base64url');
  const ref = refOf(server.node.network, 'hospital-a', code);
  const answer = await server.send('POST', `${A}/invitations`, { token: admin, body: { ref, account, roles } });
  return { code, ref, answer };
};
const claim = async (code: string, key: SigningKey, over: object = {}) => {
  const ref = refOf(server.node.network, 'hospital-a', code);
  const statement = utf8(claimStatement(server.node.network, 'hospital-a', ref, key.publicKey));
  const signature = toBase64url(await signerFromPkcs8(key.privateKey).sign(statement));
  const body = { code, publicKey: key.publicKey, signature, password: PASSWORD, ...over };
  return server.send('POST', `${A}/invitations/claim`, { body });
};
const stateOf = async (code: string) => (await server.send('POST', `${A}/invitations/state`, { body: { code } })).json;
const certify = (ref: string, publicKey: string, token = admin) =>
  server.send('POST', `${A}/invitations/${ref}/certificate`, { token, body: { publicKey } });
const enrol = async (chain: readonly string[]) => {
  const args = { certificates: [{ chain }] };
  const content = { contract: 'membership', transaction: 'enrol', args };
  const { call } = await staffCall(server.wallet('hospital-a.admin'), server.occasion(), content);
  return server.send('POST', `${A}/calls`, { body: { call } });
};
const logIn = async (account: string) => server.send('POST', `${A}/login`, { body: { account, password: PASSWORD } });

describe('enrolment with a one-time code', () => {
  it('leads from code over key and confirmation to a log-in, and the node never has the key', async () => {
    const { code, ref } = await invite('c.weber', ['clinician', 'nurse']);
    expect(await stateOf(code)).toMatchObject({ state: 'open', account: 'c.weber', roles: ['clinician', 'nurse'] });
    const key = generateSigningKeySync();
    expect((await claim(code, key)).status).toBe(200);
    const { invitations } = (await server.send('GET', `${A}/invitations`, { token: admin })).json;
    expect(invitations).toMatchObject([{ ref, state: 'claimed', publicKey: key.publicKey }]);
    const certified = await certify(ref, key.publicKey);
    expect(certified.status, certified.text).toBe(200);
    expect((await certify(ref, key.publicKey)).json).toEqual(certified.json);
    // The administrator's signature is still missing: no certificate is handed out, and nobody logs in.
    expect(await stateOf(code)).toMatchObject({ state: 'certified', id: null, chain: null });
    expect((await logIn('c.weber')).status).toBe(403);
    expect((await enrol(certified.json.chain)).status).toBe(200);
    expect(await stateOf(code)).toMatchObject({
      state: 'enrolled',
      id: certified.json.id,
      chain: certified.json.chain,
    });
    expect((await logIn('c.weber')).json).toMatchObject({ id: certified.json.id, roles: ['clinician', 'nurse'] });
    const { staff } = (await server.send('GET', `${A}/staff`, { token: admin })).json;
    expect(staff).toContainEqual(expect.objectContaining({ account: 'c.weber', status: 'active', disabledMs: null }));
  });

  it('takes the first key for a code, once, signed by itself', async () => {
    const { code, ref } = await invite('d.noor');
    const [first, second] = [generateSigningKeySync(), generateSigningKeySync()];
    expect((await claim(code, first, { publicKey: second.publicKey })).status).toBe(400);
    expect((await claim(code, first, { password: 'short' })).status).toBe(400);
    expect((await claim(code, first)).status).toBe(200);
    expect((await claim(code, first)).status).toBe(200);
    expect((await claim(code, second)).json).toMatchObject({ code: 'conflict' });
    expect((await certify(ref, second.publicKey)).json).toMatchObject({ code: 'conflict' });
  });

  it('knows no foreign, withdrawn or late code', async () => {
    const key = generateSigningKeySync();
    expect((await claim(randomBytes(16).toString('base64url'), key)).status).toBe(404);
    const withdrawn = await invite('e.park');
    expect((await server.send('DELETE', `${A}/invitations/${withdrawn.ref}`, { token: admin })).status).toBe(204);
    expect((await claim(withdrawn.code, key)).status).toBe(404);
    const late = await invite('f.silva');
    server.clock.offsetMs += INVITATION_MS;
    expect((await claim(late.code, key)).status).toBe(404);
    // The time of blocks does not run back: from here on it is later.
    admin = await server.logIn('hospital-a.admin');
    expect((await certify(late.ref, key.publicKey)).status).toBe(404);
  });

  it('takes one of two devices that use a code at once, and none while it is withdrawn', async () => {
    const { code, ref } = await invite('k.both');
    const keys = Array.from({ length: 2 }, () => generateSigningKeySync());
    const answers = await Promise.all(keys.map((key) => claim(code, key)));
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 409]);
    const { invitations } = (await server.send('GET', `${A}/invitations`, { token: admin })).json;
    const kept = invitations.find((shown: { ref: string }) => shown.ref === ref);
    expect(kept.publicKey).toBe(keys[answers.findIndex(({ status }) => status === 200)]!.publicKey);
    const other = await invite('k.gone');
    const [claimed] = await Promise.all([
      claim(other.code, keys[0]!),
      server.send('DELETE', `${A}/invitations/${other.ref}`, { token: admin }),
    ]);
    expect([200, 404]).toContain(claimed.status);
    expect((await stateOf(other.code)).code).toBe('not-found');
  });

  it('ends with what it opened when it is withdrawn, and no more once the colleague is enrolled', async () => {
    const key = generateSigningKeySync();
    const first = await invite('l.anders');
    await claim(first.code, key);
    expect((await certify(first.ref, key.publicKey)).status).toBe(200);
    expect((await invite('l.anders')).answer.json.code).toBe('conflict');
    expect((await server.send('DELETE', `${A}/invitations/${first.ref}`, { token: admin })).status).toBe(204);
    const again = await invite('l.anders');
    expect(again.answer.status).toBe(200);
    await claim(again.code, key);
    const { json } = await certify(again.ref, key.publicKey);
    expect((await enrol(json.chain)).status).toBe(200);
    const late = await server.send('DELETE', `${A}/invitations/${again.ref}`, { token: admin });
    expect(late.json.code).toBe('conflict');
    const lines = await server.node.organisations.get('hospital-a')!.vault.audit.list({ limit: 100 });
    const noted = lines.map(({ event }) => event.query);
    expect(noted).toEqual(
      expect.arrayContaining([
        `invitation ${first.ref}`,
        `withdrawal of invitation ${first.ref}`,
        `certificate of ${json.id} for invitation ${again.ref}`,
      ]),
    );
    expect((await logIn('l.anders')).json).toMatchObject({ id: json.id });
  });

  it('refuses an account that is taken or malformed, a second invitation for one, and too many', async () => {
    expect((await invite('hospital-a.admin')).answer.json).toMatchObject({ code: 'conflict' });
    expect((await invite('Not An Account')).answer.status).toBe(400);
    expect((await invite('g.ito')).answer.status).toBe(200);
    expect((await invite('g.ito')).answer.json).toMatchObject({ code: 'conflict' });
    const { invitations } = (await server.send('GET', `${A}/invitations`, { token: admin })).json;
    for (let number = invitations.length; number < INVITATIONS_MAX; number += 1) await invite(`bulk-${number}`);
    expect((await invite('one-more')).answer.json).toMatchObject({ code: 'overloaded' });
  });

  it('is the own administrator’s business', async () => {
    const doctor = await server.logIn('a.rossi');
    const foreign = await server.logIn('hospital-b.admin');
    const body = { ref: hashTuple('invitation', 'x'), account: 'h.berg', roles: ['clinician'] };
    for (const token of [doctor, foreign]) {
      expect((await server.send('POST', `${A}/invitations`, { token, body })).status).toBe(403);
      expect((await server.send('GET', `${A}/invitations`, { token })).status).toBe(403);
      expect((await server.send('GET', `${A}/staff`, { token })).status).toBe(403);
    }
  });
});
