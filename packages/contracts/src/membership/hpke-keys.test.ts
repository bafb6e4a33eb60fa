import { describe, expect, it } from 'vitest';
import { HOUR_MS, pure } from '../../test/host.ts';
import { sign, testId, testKey } from '../../test/keys.ts';
import { createNetwork, deviceArgs, joinArgs, type Member, prepareOrganisation } from '../../test/network.ts';
import { loadMembers } from '../members.ts';

const adding = (by: Member, label: string, holder: string) =>
  ({ transaction: 'membership.addHpkeKey', args: { publicKey: testKey(label).publicKey, holder }, by }) as const;
const retiring = (by: Member, label: string) =>
  ({ transaction: 'membership.retireHpkeKey', args: { kid: testKey(label).kid }, by }) as const;

describe('HPKE keys of an organisation', () => {
  it('are live from their listing until they retire, and never come back', async () => {
    const network = await createNetwork();
    const { administrator, feed } = network.organisation('hospital-a');
    await network.commit(adding(administrator, 'second', 'organisation'));
    await network.commit(adding(administrator, 'of the client', feed.id));
    network.advance(HOUR_MS);
    await network.commit(retiring(administrator, 'second'));
    const members = await loadMembers((key) => network.state.get(key));
    const find = (label: string, atMs: number, name = 'hospital-a') =>
      members.findHpkeKey(name, testKey(label).kid, atMs);
    const nowMs = network.nowMs();
    expect(find('second', nowMs - 1)).toMatchObject({ holder: 'organisation', untilMs: nowMs });
    expect(find('second', nowMs)).toBeUndefined();
    expect(find('second', nowMs - HOUR_MS - 1)).toBeUndefined();
    expect(find('of the client', nowMs)).toMatchObject({ holder: feed.id });
    expect(find('of the client', nowMs, 'hospital-b')).toBeUndefined();
    await network.refuse(retiring(administrator, 'second'), 'hpke-key-unknown');
    await network.refuse(adding(administrator, 'second', 'organisation'), 'hpke-key-exists');
  });

  it('are points on the curve, so that nobody fails to seal to them', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator } = network.organisation('hospital-a');
    const { publicKey } = testKey('no point');
    const off = `${publicKey.slice(0, 40)}${publicKey[40] === 'A' ? 'B' : 'A'}${publicKey.slice(41)}`;
    const args = { publicKey: off, holder: 'organisation' };
    await network.refuse({ transaction: 'membership.addHpkeKey', args, by: administrator }, 'args-invalid');
    const applicant = await prepareOrganisation(network, 'hospital-b');
    const hpke = { ...applicant.hpke, publicKey: off };
    const joining = { transaction: 'membership.proposeJoin', by: administrator };
    await network.refuse({ ...joining, args: joinArgs(network, { ...applicant, hpke }) }, 'args-invalid');
    const ann = await network.claim('hospital-a', 'ann');
    const phone = deviceArgs(network, ann.pid, 'second phone');
    const message = pure.hashTuple('device', network.host.network, ann.pid, phone.publicKey, off);
    const device = { ...phone, hpke: off, proof: sign(testKey('second phone'), message) };
    const change = { sequence: 2, device };
    await network.refuse({ transaction: 'patient.addDevice', args: change, by: ann.phone }, 'args-invalid');
  });

  it('are held by the organisation or its own active clients only', async () => {
    const network = await createNetwork();
    const { administrator, feed, clinician } = network.organisation('hospital-a');
    const foreign = network.organisation('hospital-b').feed;
    for (const holder of [clinician.id, foreign.id, testId('nobody')]) {
      await network.refuse(adding(administrator, 'x', holder), 'hpke-holder');
    }
    await network.refuse(adding(administrator, 'x', 'somebody'), 'args-invalid');
    const args = { id: feed.id, reason: 'replaced' };
    await network.commit({ transaction: 'membership.revoke', args, by: administrator });
    await network.refuse(adding(administrator, 'x', feed.id), 'hpke-holder');
  });

  it('are the administrator’s business, and another organisation’s key is unknown', async () => {
    const network = await createNetwork();
    const { clinician, node, hpke } = network.organisation('hospital-a');
    await network.refuse(adding(clinician, 'x', 'organisation'), 'role-missing');
    await network.refuse(adding(node, 'x', 'organisation'), 'member-kind-not-allowed');
    const by = network.organisation('hospital-b').administrator;
    const args = { kid: hpke.kid };
    await network.refuse({ transaction: 'membership.retireHpkeKey', args, by }, 'hpke-key-unknown');
  });
});
