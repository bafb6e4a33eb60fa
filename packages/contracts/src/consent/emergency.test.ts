import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  createConsentWorld,
  emergencyOf,
  emergencyRequestOf,
  expireOf,
  grantOf,
  makeCard,
  makeGrant,
  openCard,
  revokeOf,
  useOf,
} from '../../test/consent.ts';
import { DAY_MS, HOUR_MS } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import type { Json } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { EMERGENCY_MAX_MS, emergencyKey } from './emergency.ts';
import { grantKey } from './grant-fact.ts';
import { sessionKey } from './reader-request.ts';

let world: ConsentWorld;

beforeEach(async () => {
  world = await createConsentWorld();
});

const requestIn = (options: { args: Json }): string => (options.args as { request: string }).request;

describe('consent.emergency inside the organisation that keeps the records', () => {
  it('opens access for a clinician without a card, and says neither who nor why', async () => {
    const options = emergencyOf(world);
    const untilMs = world.nowMs() + HOUR_MS;
    const outcome = await world.submit(world.sign(options));
    expect(outcome).toMatchObject({ kind: 'committed', result: { untilMs } });
    const request = requestIn(options);
    const { pid } = world.alice;
    expect(world.state.get(emergencyKey(pid, request))).toEqual({ untilMs, status: 'open' });
    expect(world.state.get(sessionKey(request))).toEqual({
      transaction: 'consent.emergencyRequest',
      session: { pid, emergency: request, untilMs },
    });
    const shown = JSON.stringify([options.args, outcome]);
    for (const secret of [world.organisation('hospital-a').clinician.id, 'unconscious', 'clinician', 'found']) {
      expect(shown).not.toContain(secret);
    }
  });

  it('is possible for an unclaimed pid, not for a closed or unknown one', async () => {
    const unclaimed = await world.register('hospital-a', 'bob');
    await world.commit(emergencyOf(world, { pid: unclaimed.pid }));
    await world.refuse(emergencyOf(world, { pid: testId('nobody') }), 'patient-unknown');
    const fact = world.state.get(patientKey(world.alice.pid)) as { [key: string]: string };
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.refuse(emergencyOf(world), 'patient-closed');
  });

  it('lasts at most 8 hours and ends in the future', async () => {
    const now = world.nowMs();
    await world.refuse(emergencyOf(world, { untilMs: now }), 'emergency-too-long');
    await world.refuse(emergencyOf(world, { untilMs: now + EMERGENCY_MAX_MS + 1 }), 'emergency-too-long');
    await world.commit(emergencyOf(world, { untilMs: now + EMERGENCY_MAX_MS }));
  });

  it('needs a clinical role that the certificate names', async () => {
    const { authority, registrar, feed } = world.organisation('hospital-a');
    await world.refuse(emergencyOf(world, { reader: registrar, role: 'registrar' }), 'role-missing');
    await world.refuse(emergencyOf(world, { reader: registrar, role: 'clinician' }), 'role-missing');
    await world.refuse(emergencyOf(world, { role: 'nurse' }), 'role-missing');
    const machine = await world.certify(authority, { label: 'machine', kind: 'client', roles: ['clinician'] });
    await world.refuse(emergencyOf(world, { reader: machine }), 'role-missing');
    await world.refuse(emergencyOf(world, { reader: feed, role: 'feed' }), 'role-missing');
    const nurse = await world.certify(authority, { label: 'nurse', roles: ['nurse'] });
    await world.commit(emergencyOf(world, { reader: nurse, role: 'nurse' }));
  });

  it('needs a reason of the closed list', async () => {
    await world.refuse(emergencyOf(world, { reason: 'curious' }), 'args-invalid');
  });

  it('is submitted by a node of that organisation', async () => {
    const { node } = world.organisation('hospital-b');
    await world.refuse(emergencyOf(world, { by: node }), 'caller-foreign');
    await world.refuse(
      emergencyOf(world, { by: world.organisation('hospital-a').clinician }),
      'member-kind-not-allowed',
    );
  });

  it('opens once for one request, and only for what the clinician signed', async () => {
    const reader = world.organisation('hospital-a').clinician;
    const untilMs = world.nowMs() + HOUR_MS;
    const request = emergencyRequestOf(world, { reader, untilMs, pid: world.alice.pid });
    await world.refuse(emergencyOf(world, { reader, request, untilMs: untilMs + 1 }), 'request-mismatch');
    await world.refuse(emergencyOf(world, { request, untilMs, args: { request: testHash('x') } }), 'request-mismatch');
    const eve = await world.claim('hospital-a', 'eve');
    await world.refuse(emergencyOf(world, { request, untilMs, pid: eve.pid }), 'request-mismatch');
    await world.commit(emergencyOf(world, { reader, request, untilMs }));
    await world.refuse(emergencyOf(world, { reader, request, untilMs }), 'request-used');
  });
});

describe('consent.emergency from elsewhere', () => {
  it('needs a card', async () => {
    await world.refuse(emergencyOf(world, { reader: world.reader }), 'card-required');
  });

  it('opens with a card whose key signed this very request, and counts it', async () => {
    const card = await makeCard(world, 'card');
    const options = emergencyOf(world, { card });
    await world.commit(options);
    const { pid } = world.alice;
    expect(world.state.get(emergencyKey(pid, requestIn(options)))).toMatchObject({ card: card.terms.grant });
    expect(world.state.get(grantKey(pid, card.terms.grant))).toMatchObject({ uses: 1 });
  });

  it('refuses another key, and a showing of the card for another request', async () => {
    const card = await makeCard(world, 'card');
    await world.refuse(emergencyOf(world, { card, cardKey: testKey('card other') }), 'card-invalid');
    const untilMs = world.nowMs() + HOUR_MS;
    const seen = emergencyRequestOf(world, { card, reader: world.reader, untilMs, pid: world.alice.pid });
    const copied = (seen.payload.args as { card: Json }).card;
    const { call } = world.sign({
      transaction: 'consent.emergencyRequest',
      args: { ...(seen.payload.args as object), card: copied },
      by: world.reader,
    });
    await world.refuse(emergencyOf(world, { card, request: call, untilMs }), 'card-invalid');
  });

  it('refuses a card that was revoked, expired, used up, is unknown, early or late', async () => {
    const card = openCard(world, 'card', { maxUses: 1, notBeforeMs: world.nowMs() + HOUR_MS });
    await world.refuse(emergencyOf(world, { card }), 'grant-unknown');
    await world.commit(grantOf(world, card));
    await world.refuse(emergencyOf(world, { card }), 'grant-not-yet');
    world.advance(HOUR_MS);
    await world.commit(emergencyOf(world, { card }));
    world.advance(-1);
    await world.refuse(emergencyOf(world, { card }), 'time-backwards');
    world.advance(1);
    await world.refuse(emergencyOf(world, { card }), 'uses-exhausted');
    await world.commit(expireOf(world, card));
    await world.refuse(emergencyOf(world, { card }), 'grant-expired');
    const stolen = await makeCard(world, 'stolen');
    await world.commit(revokeOf(world, stolen.terms.grant));
    await world.refuse(emergencyOf(world, { card: stolen }), 'grant-revoked');
    const old = await makeCard(world, 'old');
    world.advance(2 * DAY_MS);
    await world.refuse(emergencyOf(world, { card: old }), 'grant-expired');
  });

  it('refuses a grant that is no card, terms that open nothing, and excepted clinicians', async () => {
    const access = await makeGrant(world, 'access');
    await world.refuse(emergencyOf(world, { card: access, cardKey: testKey('card x') }), 'grant-kind');
    const card = await makeCard(world, 'card');
    await world.refuse(emergencyOf(world, { card: { ...card, salt: testHash('x') } }), 'commitment-mismatch');
    const excepting = await makeCard(world, 'excepting', { exceptActors: [world.reader.id] });
    await world.refuse(emergencyOf(world, { card: excepting }), 'actor-excepted');
  });

  it('refuses a node that hides or adds a card', async () => {
    const card = await makeCard(world, 'card');
    const options = emergencyOf(world, { card });
    await world.refuse({ ...options, values: { ...options.values, card: null } }, 'args-invalid');
    await world.refuse(emergencyOf(world, { card, args: { card: null } }), 'request-mismatch');
    const home = emergencyOf(world);
    const added = { ...home, values: { ...home.values, card: { ...card } as never } };
    await world.refuse(added, 'args-invalid');
  });

  it('gives no access outside an emergency', async () => {
    const card = await makeCard(world, 'card');
    await world.refuse(useOf(world, { opened: card, purpose: 'ETREAT' }), 'grant-kind');
  });
});
