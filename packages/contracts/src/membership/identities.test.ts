import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../test/host.ts';
import { testId, testKey } from '../../test/keys.ts';
import { createNetwork, type Member, type TestNetwork } from '../../test/network.ts';
import { execute } from '../execute.ts';
import type { RevokedFact } from '../members.ts';
import { ENROL_MAX } from './identities.ts';

const enrolling = (by: Member, members: readonly { readonly chain: readonly string[] }[]) =>
  ({ transaction: 'membership.enrol', args: { certificates: members.map(({ chain }) => ({ chain })) }, by }) as const;
const revoking = (by: Member, id: string, more: object = {}) =>
  ({ transaction: 'membership.revoke', args: { id, reason: 'left', ...more }, by }) as const;
const renewing = (by: Member, { chain }: Member) =>
  ({ transaction: 'membership.renew', args: { certificate: { chain } }, by }) as const;
const revoked = (network: TestNetwork, name: string): RevokedFact =>
  network.state.get(`membership/revoked/${name}`) as unknown as RevokedFact;

describe('membership.enrol', () => {
  it('enrols up to 50 at once, with what their certificates say', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, authority } = network.organisation('hospital-a');
    const members: Member[] = [];
    for (let index = 0; index <= ENROL_MAX; index++) {
      members.push(
        await network.certify(authority, { label: `nurse ${index}`, roles: ['nurse', 'clinician', 'nurse'] }),
      );
    }
    await network.refuse(enrolling(administrator, members), 'args-invalid');
    await network.refuse(enrolling(administrator, []), 'args-invalid');
    await network.commit(enrolling(administrator, members.slice(0, ENROL_MAX)));
    expect(network.state.get(`membership/identity/${members[0]!.id}`)).toMatchObject({
      id: members[0]!.id,
      organisation: 'hospital-a',
      kind: 'staff',
      roles: ['clinician', 'nurse'],
      publicKey: members[0]!.key.publicKey,
      notAfterMs: members[0]!.notAfterMs,
      status: 'active',
      sinceMs: network.nowMs(),
    });
  });

  it('refuses all when one is bad', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, authority } = network.organisation('hospital-a');
    const good = await network.certify(authority, { label: 'good' });
    const expired = await network.certify(authority, { label: 'expired', notAfterMs: network.nowMs() - 1 });
    await network.refuse(enrolling(administrator, [good, expired]), 'certificate-invalid');
    await network.refuse(enrolling(administrator, [good, good]), 'args-invalid');
    expect(network.state.has(`membership/identity/${good.id}`)).toBe(false);
  });

  it('refuses certificates of another authority, another organisation, or of another’s administrator', async () => {
    const network = await createNetwork();
    const [a, b] = ['hospital-a', 'hospital-b'].map((name) => network.organisation(name));
    const own = await network.certify(a!.authority, { label: 'own' });
    const impersonating = await network.certify(b!.authority, { label: 'spy', organisation: 'hospital-a' });
    await network.refuse(enrolling(b!.administrator, [own]), 'certificate-invalid');
    await network.refuse(enrolling(a!.administrator, [impersonating]), 'certificate-invalid');
    await network.refuse(enrolling(b!.administrator, [impersonating]), 'certificate-invalid');
    await network.refuse(enrolling(a!.clinician, [own]), 'role-missing');
  });

  it('refuses an id that any organisation has, so that no one can take another’s name', async () => {
    const network = await createNetwork();
    const [a, b] = ['hospital-a', 'hospital-b'].map((name) => network.organisation(name));
    const thief = await network.certify(b!.authority, { label: 'thief', id: a!.clinician.id });
    await network.refuse(enrolling(b!.administrator, [thief]), 'identity-exists');
    expect(network.state.get(`membership/identity/${a!.clinician.id}`)).toMatchObject({ organisation: 'hospital-a' });
  });

  it('refuses what an authority may certify but the ledger cannot hold', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, authority } = network.organisation('hospital-a');
    const { chain } = await network.certify(authority, { label: 'odd' });
    const { call } = network.sign(enrolling(administrator, [{ chain }]));
    const facts = await network.host.pure.verifyCertificate({
      chain,
      roots: [authority.certificate],
      atMs: network.nowMs(),
    });
    const says = async (subject: object): Promise<unknown> => {
      const verifyCertificate = async (): Promise<never> => ({ ...facts, ...subject }) as never;
      const host = { ...network.host, pure: { ...network.host.pure, verifyCertificate } };
      const outcome = await execute(host, { call, timestampMs: network.nowMs(), mode: 'full' });
      return outcome.kind === 'refused' ? outcome.code : outcome.kind;
    };
    expect(await says({})).toBe('committed');
    const subjects = [
      { id: 'a/b' },
      { id: `${testId('x')}/y` },
      { kind: 'superuser' },
      { roles: ['Administrator'] },
      { roles: ['a b'] },
      { roles: Array.from({ length: 17 }, (_, index) => `role-${index}`) },
      { publicKey: 'x' },
    ];
    for (const subject of subjects) expect(await says(subject), JSON.stringify(subject)).toBe('certificate-invalid');
    expect(await says({ organisation: 'hospital-b' })).toBe('organisation-mismatch');
  });
});

describe('membership.renew', () => {
  it('replaces certificate and key, by the identity itself or its administrator', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, authority, clinician } = network.organisation('hospital-a');
    const subject = { id: clinician.id, roles: ['clinician', 'nurse'], notAfterMs: clinician.notAfterMs + DAY_MS };
    const renewed = await network.certify(authority, { label: 'clinician second key', ...subject });
    await network.commit(renewing(clinician, renewed));
    await network.refuse(renewing(clinician, renewed), 'signature-invalid');
    const third = await network.certify(authority, { label: 'clinician third key', ...subject });
    await network.commit(renewing(administrator, third));
    expect(network.state.get(`membership/identity/${clinician.id}`)).toMatchObject({
      publicKey: testKey('clinician third key').publicKey,
      roles: ['clinician', 'nurse'],
    });
  });

  it('refuses what would take something away, since the old certificate still proves it', async () => {
    const network = await createNetwork();
    const { administrator, authority, clinician } = network.organisation('hospital-a');
    const { id } = clinician;
    const certify = (label: string, subject: object): Promise<Member> =>
      network.certify(authority, { label, id, roles: ['clinician'], notAfterMs: clinician.notAfterMs, ...subject });
    await network.refuse(renewing(administrator, await certify('r', { roles: ['nurse'] })), 'roles-reduced');
    const shorter = await certify('s', { notAfterMs: clinician.notAfterMs - 1 });
    await network.refuse(renewing(administrator, shorter), 'renewal-shortens');
    await network.refuse(renewing(administrator, await certify('k', { kind: 'node' })), 'identity-mismatch');
    await network.refuse(renewing(administrator, await certify('u', { id: testId('new') })), 'identity-unknown');
  });

  it('refuses other staff, other organisations and revoked identities', async () => {
    const network = await createNetwork();
    const [a, b] = ['hospital-a', 'hospital-b'].map((name) => network.organisation(name));
    const subject = { id: a!.clinician.id, roles: ['clinician'], notAfterMs: a!.clinician.notAfterMs };
    const renewed = await network.certify(a!.authority, { label: 'renewed', ...subject });
    await network.refuse(renewing(a!.registrar, renewed), 'administrator-required');
    await network.refuse(renewing(b!.administrator, renewed), 'certificate-invalid');
    const foreign = await network.certify(b!.authority, { label: 'foreign', ...subject });
    await network.refuse(renewing(b!.administrator, foreign), 'identity-foreign');
    await network.commit(revoking(a!.administrator, a!.clinician.id));
    await network.refuse(renewing(a!.administrator, renewed), 'identity-revoked');
  });
});

describe('membership.revoke', () => {
  it('marks the identity and lists its id with the end of its certificate, sorted', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, clinician, registrar, node } = network.organisation('hospital-a');
    for (const { id } of [clinician, registrar, node]) await network.commit(revoking(administrator, id));
    const list = revoked(network, 'hospital-a');
    expect(list.map(([id]) => id)).toEqual([clinician.id, registrar.id, node.id].sort());
    expect(list.every(([, notAfterMs]) => notAfterMs === clinician.notAfterMs)).toBe(true);
    expect(network.state.get(`membership/identity/${node.id}`)).toMatchObject({ status: 'revoked' });
    await network.refuse(revoking(administrator, node.id), 'identity-revoked');
  });

  it('drops entries whose certificates have ended, and they stay unusable', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, clinician } = network.organisation('hospital-a');
    const subject = { label: 'short', roles: ['registrar'], notAfterMs: network.nowMs() + HOUR_MS };
    const short = await network.enrol('hospital-a', subject);
    await network.commit(revoking(administrator, short.id));
    network.advance(HOUR_MS);
    await network.commit(revoking(administrator, testId('x'), { certificateNotAfterMs: network.nowMs() + DAY_MS }));
    expect(revoked(network, 'hospital-a')).toHaveLength(2);
    network.advance(1);
    await network.commit(revoking(administrator, clinician.id));
    expect(revoked(network, 'hospital-a').map(([id]) => id)).toEqual([testId('x'), clinician.id].sort());
    const args = { pid: testId('p'), claimKey: testKey('p').publicKey, claimNotAfterMs: network.nowMs() + HOUR_MS };
    await network.refuse({ transaction: 'patient.register', args, by: short }, 'signer-revoked');
  });

  it('covers a certificate that was never enrolled, and keeps its id from being enrolled', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, authority } = network.organisation('hospital-a');
    const visitor = await network.certify(authority, { label: 'visitor' });
    await network.refuse(revoking(administrator, visitor.id), 'identity-unknown');
    await network.commit(revoking(administrator, visitor.id, { certificateNotAfterMs: visitor.notAfterMs }));
    await network.refuse(enrolling(administrator, [visitor]), 'identity-revoked');
  });

  it('keeps the later of two ends, so that an unenrolled longer certificate does not outlive its revocation', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, clinician } = network.organisation('hospital-a');
    const longer = clinician.notAfterMs + DAY_MS;
    await network.commit(revoking(administrator, clinician.id, { certificateNotAfterMs: longer }));
    expect(revoked(network, 'hospital-a')).toEqual([[clinician.id, longer]]);
  });

  it('never removes the last administrator: nobody revokes themselves', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator } = network.organisation('hospital-a');
    await network.refuse(revoking(administrator, administrator.id), 'self-revocation');
    const second = await network.enrol('hospital-a', { label: 'second', roles: ['administrator'] });
    await network.commit(revoking(second, administrator.id));
    await network.refuse(revoking(administrator, second.id), 'signer-revoked');
    await network.refuse(revoking(second, second.id), 'self-revocation');
  });

  it('refuses to revoke another organisation’s member', async () => {
    const network = await createNetwork();
    const by = network.organisation('hospital-b').administrator;
    await network.refuse(revoking(by, network.organisation('hospital-a').clinician.id), 'identity-foreign');
  });
});
