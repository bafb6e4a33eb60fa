import {
  generateSigningKeySync,
  hashTuple,
  kidOf,
  randomBytes,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import {
  addDevice,
  backUp,
  delegation,
  derivedDeviceKeys,
  ownDevice,
  parseRecoveryCode,
  recoveryKeyOf,
  removeDevice,
  restoreContent,
  staffCall,
} from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import {
  bodyOf,
  chapterAt,
  claimPatient,
  importChapter,
  logInPatient,
  openTestServer,
  PASSWORD,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';
import { CHALLENGE_MS } from '../challenges.ts';

let server: TestServer;
let patient: TestPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
});
afterAll(() => server[Symbol.asyncDispose]());

const A = '/api/v1/orgs/hospital-a';
const code = async (...request: Parameters<TestServer['send']>): Promise<string> => {
  const { status, json } = await server.send(...request);
  return `${status} ${(json as { code?: string } | undefined)?.code ?? ''}`.trim();
};
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));
const POLL = { timeout: 60_000, interval: 20 };

describe('staff log-in', () => {
  it('opens a session for the right password and ends it on request', async () => {
    const token = await server.logIn('a.mehta');
    const { json } = await server.send('GET', '/api/v1/session', { token });
    const { id } = server.wallet('a.mehta');
    expect(json.principal).toEqual({
      kind: 'staff',
      organisation: 'hospital-a',
      id,
      roles: ['clinician'],
      account: 'a.mehta',
    });
    expect(await code('POST', '/api/v1/logout', { token })).toBe('204');
    expect(await code('GET', '/api/v1/session', { token })).toBe('401 not-authenticated');
  });

  it('slows down whoever guesses one account’s password, and nobody else', async () => {
    await server.logIn('a.nurse');
    const guess = () => code('POST', `${A}/login`, { body: { account: 'a.nurse', password: 'wrong wrong wrong' } });
    for (let tried = 0; tried < 10; tried += 1) expect(await guess()).toBe('401 wrong-credentials');
    expect(await guess()).toBe('429 too-many-requests');
    expect(await code('POST', `${A}/login`, { body: { account: 'a.nurse', password: PASSWORD } })).toBe(
      '429 too-many-requests',
    );
    await server.logIn('a.mehta');
    server.clock.offsetMs += 61_000;
    expect(await code('POST', `${A}/login`, { body: { account: 'a.nurse', password: PASSWORD } })).toBe('200');
  });

  it('opens no account at another organisation, and none of an organisation that is not here', async () => {
    const body = { account: 'a.mehta', password: PASSWORD };
    expect(await code('POST', '/api/v1/orgs/hospital-b/login', { body })).toBe('401 wrong-credentials');
    expect(await code('POST', '/api/v1/orgs/elsewhere/login', { body })).toBe('404 not-found');
  });

  it('changes one’s own password, which ends one’s sessions', async () => {
    const token = await server.logIn('a.desk');
    expect(
      await code('POST', `${A}/password`, { token, body: { current: 'wrong wrong wrong', next: 'another good one' } }),
    ).toBe('401 wrong-credentials');
    expect(await code('POST', `${A}/password`, { token, body: { current: PASSWORD, next: 'short' } })).toBe(
      '400 bad-request',
    );
    expect(await code('POST', `${A}/password`, { token, body: { current: PASSWORD, next: 'another good one' } })).toBe(
      '204',
    );
    expect(await code('GET', '/api/v1/session', { token })).toBe('401 not-authenticated');
    expect(await code('POST', `${A}/login`, { body: { account: 'a.desk', password: PASSWORD } })).toBe(
      '401 wrong-credentials',
    );
    expect(await code('POST', `${A}/login`, { body: { account: 'a.desk', password: 'another good one' } })).toBe('200');
  });
});

describe('enrolment', () => {
  it('certifies a key that its owner made, and lets the person in once the administrator’s signed enrolment is committed', async () => {
    const admin = await server.logIn('hospital-a.admin');
    const { publicKey } = generateSigningKeySync();
    const body = { account: 'a.new', password: PASSWORD, publicKey, roles: ['nurse'] };
    const made = await server.send('POST', `${A}/staff`, { token: admin, body });
    expect(made.status, made.text).toBe(200);
    expect(await code('POST', `${A}/staff`, { token: admin, body })).toBe('409 conflict');
    const offCurve = `B${'A'.repeat(86)}`;
    expect(
      await code('POST', `${A}/staff`, { token: admin, body: { ...body, account: 'a.other', publicKey: offCurve } }),
    ).toBe('400 bad-request');
    expect(await code('POST', `${A}/login`, { body: { account: 'a.new', password: PASSWORD } })).toBe(
      '403 not-permitted',
    );
    const args = { certificates: [{ chain: made.json.chain as string[] }] };
    const call = await staffCall(server.wallet('hospital-a.admin'), server.occasion(), {
      contract: 'membership',
      transaction: 'enrol',
      args,
    });
    expect(await code('POST', `${A}/calls`, { body: bodyOf(call) })).toBe('200');
    expect(await code('POST', `${A}/login`, { body: { account: 'a.new', password: PASSWORD } })).toBe('200');
    expect(await code('DELETE', `${A}/staff/a.new`, { token: admin })).toBe('204');
    expect(await code('POST', `${A}/login`, { body: { account: 'a.new', password: PASSWORD } })).toBe(
      '401 wrong-credentials',
    );
  });

  it('is taken back by a revocation, which ends the person’s session at once', async () => {
    const token = await server.logIn('b.novak');
    const call = await staffCall(server.wallet('hospital-b.admin'), server.occasion(), {
      contract: 'membership',
      transaction: 'revoke',
      args: { id: server.wallet('b.novak').id, reason: 'left' },
    });
    expect(await code('GET', '/api/v1/session', { token })).toBe('200');
    expect(await code('POST', '/api/v1/orgs/hospital-b/calls', { body: bodyOf(call) })).toBe('200');
    await expect.poll(() => code('GET', '/api/v1/session', { token }), POLL).toBe('401 not-authenticated');
    expect(
      await code('POST', '/api/v1/orgs/hospital-b/login', { body: { account: 'b.novak', password: PASSWORD } }),
    ).toBe('403 not-permitted');
  });
});

describe('a log-in during which somebody is shut out', () => {
  /** Does something between the check of a log-in and its session. */
  const during = (slug: string, act: () => Promise<void>): void => {
    const { audit } = server.node.organisations.get(slug)!.vault;
    const append = audit.append.bind(audit);
    vi.spyOn(audit, 'append').mockImplementationOnce(async (event) => {
      await act();
      await settled();
      return append(event);
    });
  };

  it('opens no session for staff whom the ledger revoked, or whose account was closed', async () => {
    const sessions = server.node.sessions.size;
    const login = (org: string, account: string) =>
      code('POST', `/api/v1/orgs/${org}/login`, { body: { account, password: PASSWORD } });
    await server.send('POST', '/api/v1/logout', { token: await server.logIn('b.desk') });
    await server.send('POST', '/api/v1/logout', { token: await server.logIn('a.nurse') });
    const content = {
      contract: 'membership',
      transaction: 'revoke',
      args: { id: server.wallet('b.desk').id, reason: 'left' },
    };
    const call = await staffCall(server.wallet('hospital-b.admin'), server.occasion(), content);
    during('hospital-b', async () => {
      expect(await code('POST', '/api/v1/orgs/hospital-b/calls', { body: bodyOf(call) })).toBe('200');
    });
    expect(await login('hospital-b', 'b.desk')).toBe('403 not-permitted');

    const { accounts } = server.node.organisations.get('hospital-a')!;
    during('hospital-a', async () => accounts.put({ ...(await accounts.find('a.nurse'))!, disabledMs: 1 }));
    expect(await login('hospital-a', 'a.nurse')).toBe('401 wrong-credentials');
    expect(server.node.sessions.size).toBe(sessions);
  });

  it('opens no session for a device that was removed', async () => {
    const { fhirId } = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 41));
    const owner = await claimPatient(server, 'hospital-a', fhirId);
    const { pid } = owner;
    const keys = derivedDeviceKeys(randomBytes(32));
    const device = await ownDevice(server.node.network, keys, pid);
    const added = await addDevice(owner.wallet, server.occasion(), { pid, device });
    expect(await code('POST', `${A}/calls`, { body: bodyOf(added) })).toBe('200');
    const key = await keys.signer(pid);
    const kid = kidOf(key.publicKey);
    const { json } = await server.send('POST', `${A}/patient/challenge`, { body: { pid, kid } });
    const statement = hashTuple('login', server.node.network, 'hospital-a', pid, kid, json.challenge as string);
    const signature = toBase64url(await key.sign(utf8(statement)));
    const removed = await removeDevice(added.wallet, server.occasion(), { pid, kid });
    const sessions = server.node.sessions.size;
    during('hospital-a', async () => {
      expect(await code('POST', `${A}/calls`, { body: bodyOf(removed) })).toBe('200');
    });
    const body = { pid, kid, challenge: json.challenge as string, signature };
    expect(await code('POST', `${A}/patient/login`, { body })).toBe('401 wrong-credentials');
    expect(server.node.sessions.size).toBe(sessions);
  });
});

describe('delegation', () => {
  it('is demanded for writing and must be this person’s, for this node, now', async () => {
    const token = await server.logIn('a.mehta');
    const bundle = chapterAt('hospital-a', 99);
    const write = () =>
      server.send('POST', '/hospital-a/fhir/R4', { token, raw: bundle, type: 'application/fhir+json' });
    expect((await write()).json.issue[0].details.coding[0].code).toBe('delegation-missing');
    const wallet = server.wallet('a.mehta');
    const delegate = server.node.organisations.get('hospital-a')!.node.id;
    const hand = async (signed: object) => {
      const { status, json } = await server.send('POST', `${A}/delegations`, { token, body: { delegation: signed } });
      return `${status} ${(json.detail as string | undefined) ?? ''}`.trim();
    };
    const scope = ['record.commit', 'patient.register'];
    const good = await delegation(wallet, server.occasion(), { delegate, scope });
    expect(await hand(await delegation(server.wallet('a.rossi'), server.occasion(), { delegate, scope }))).toMatch(
      /^400 .*another person/,
    );
    const other = server.node.organisations.get('hospital-b')!.node.id;
    expect(await hand(await delegation(wallet, server.occasion(), { delegate: other, scope }))).toMatch(
      /^400 .*another node/,
    );
    const late = { ...server.occasion(), nowMs: server.occasion().nowMs - 13 * 3_600_000 };
    expect(await hand(await delegation(wallet, late, { delegate, scope }))).toMatch(/^400 .*not valid now/);
    expect(await hand({ ...good, signature: `${'A'.repeat(85)}B` })).toMatch(/^400 .*not signed by the key/);
    expect(await hand({ payload: { ...good.payload, scope: ['record.erase'] }, signature: good.signature })).toMatch(
      /^400 .*not signed by the key/,
    );
    expect(await hand(good)).toBe('200');
    const written = await write();
    expect(written.status, written.text).toBe(200);
  });
});

describe('patient log-in', () => {
  const path = `${A}/patient`;
  const challenge = async (kid: string): Promise<string> =>
    (await server.send('POST', `${path}/challenge`, { body: { pid: patient.pid, kid } })).json.challenge as string;
  const sign = async (privateKey: Uint8Array, kid: string, drawn: string, pid = patient.pid): Promise<string> => {
    const statement = hashTuple('login', server.node.network, 'hospital-a', pid, kid, drawn);
    return toBase64url(await signerFromPkcs8(privateKey).sign(utf8(statement)));
  };

  it('takes a signature of a device once, within a minute, over this challenge', async () => {
    const { kid } = patient.wallet.content.pids[0]!;
    const key = await patient.wallet.keys.signer(patient.pid);
    const answer = async (drawn: string, over = drawn) => {
      const statement = hashTuple('login', server.node.network, 'hospital-a', patient.pid, kid, over);
      const signature = toBase64url(await key.sign(utf8(statement)));
      return code('POST', `${path}/login`, { body: { pid: patient.pid, kid, challenge: drawn, signature } });
    };
    const first = await challenge(kid);
    expect(await answer(first)).toBe('200');
    expect(await answer(first)).toBe('401 wrong-credentials');
    expect(await answer(await challenge(kid), first)).toBe('401 wrong-credentials');
    const slow = await challenge(kid);
    server.clock.offsetMs += CHALLENGE_MS;
    expect(await answer(slow)).toBe('401 wrong-credentials');
    const stranger = generateSigningKeySync();
    const drawn = await challenge(kid);
    const body = { pid: patient.pid, kid, challenge: drawn, signature: await sign(stranger.privateKey, kid, drawn) };
    expect(await code('POST', `${path}/login`, { body })).toBe('401 wrong-credentials');
  });

  it('lets the recovery key fetch the backup, and nothing else', async () => {
    patient.token = await logInPatient(server, patient);
    expect(await code('PUT', `${path}/backup`, { token: patient.token, body: { backup: { not: 'sealed' } } })).toMatch(
      /^400 /,
    );
    expect(
      await code('PUT', `${path}/backup`, { token: patient.token, body: { backup: await backUp(patient.wallet) } }),
    ).toBe('200');
    const { privateKey, publicKey } = recoveryKeyOf(parseRecoveryCode(patient.recoveryCode), 0);
    const kid = kidOf(publicKey);
    const drawn = await challenge(kid);
    const body = { pid: patient.pid, kid, challenge: drawn, signature: await sign(privateKey, kid, drawn) };
    const { json } = await server.send('POST', `${path}/login`, { body });
    expect(json.kind).toBe('recovery');
    const token = json.token as string;
    const { json: found } = await server.send('GET', `${path}/backup`, { token });
    const content = await restoreContent(server.node.network, patient.recoveryCode, found.backup);
    expect(content.pids.map(({ pid }) => pid)).toEqual([patient.pid]);
    for (const closed of ['records', 'keys', 'audit', 'grants', 'requests', 'denials']) {
      expect(await code('GET', `${path}/${closed}`, { token }), closed).toBe('403 not-permitted');
    }
    expect(await code('GET', '/api/v1/ledger/checkpoint', { token })).toBe('403 not-permitted');
  });

  it('ends the sessions of a device that is removed, at once, and only those', async () => {
    const keys = derivedDeviceKeys(randomBytes(32));
    const { pid } = patient;
    const device = await ownDevice(server.node.network, keys, pid);
    const added = await addDevice(patient.wallet, server.occasion(), { pid, device });
    expect(await code('POST', `${A}/calls`, { body: bodyOf(added) })).toBe('200');
    const key = await keys.signer(pid);
    const kid = kidOf(key.publicKey);
    const drawn = await challenge(kid);
    const statement = hashTuple('login', server.node.network, 'hospital-a', pid, kid, drawn);
    const signature = toBase64url(await key.sign(utf8(statement)));
    const { json } = await server.send('POST', `${path}/login`, { body: { pid, kid, challenge: drawn, signature } });
    const [first, second] = [await logInPatient(server, patient), json.token as string];
    expect(await code('GET', `${path}/keys`, { token: second })).toBe('200');
    const removed = await removeDevice(added.wallet, server.occasion(), { pid, kid });
    expect(await code('POST', `${A}/calls`, { body: bodyOf(removed) })).toBe('200');
    await expect.poll(() => code('GET', `${path}/keys`, { token: second }), POLL).toBe('401 not-authenticated');
    expect(await code('GET', `${path}/keys`, { token: first })).toBe('200');
  });
});

describe('calls', () => {
  it('are taken only from the organisation’s own people, and refused by the contract’s codes', async () => {
    const wallet = server.wallet('hospital-a.admin');
    const content = { contract: 'membership', transaction: 'revoke', args: { id: wallet.id, reason: 'left' } };
    const own = await staffCall(wallet, server.occasion(), content);
    expect(await code('POST', '/api/v1/orgs/hospital-b/calls', { body: bodyOf(own) })).toBe('403 not-permitted');
    expect(await code('POST', `${A}/calls`, { body: bodyOf(own) })).toBe('403 self-revocation');
    const tampered = { call: { ...own.call, payload: { ...own.call.payload, nonce: 'A'.repeat(22) } } };
    expect(await code('POST', `${A}/calls`, { body: tampered })).toBe('400 signature-invalid');
    const unknown = { call: { ...own.call, payload: { ...own.call.payload, signer: `id:${'A'.repeat(22)}` } } };
    expect(await code('POST', `${A}/calls`, { body: unknown })).toBe('403 not-permitted');
    const malformed = { call: { ...own.call, payload: { ...own.call.payload, signer: `pid:${'A'.repeat(22)}` } } };
    expect(await code('POST', `${A}/calls`, { body: malformed })).toBe('400 call-malformed');
  });
});

describe('log', () => {
  it('holds no query, id, name, token, password or body of all of this', () => {
    const log = server.log.join('');
    expect(server.log.length).toBeGreaterThan(50);
    const { id, chain } = server.wallet('a.mehta');
    for (const secret of [
      patient.pid,
      patient.fhirId,
      patient.token,
      patient.recoveryCode,
      id,
      chain[0]!,
      PASSWORD,
      'a.mehta',
      'hospital-a',
      'Omeprazole',
      '?',
    ]) {
      expect(log).not.toContain(secret);
    }
    for (const line of server.log)
      expect(Object.keys(JSON.parse(line) as object).sort()).toEqual([
        'at',
        'level',
        'message',
        'method',
        'ms',
        'route',
        'status',
      ]);
  });
});
