import { beforeEach, describe, expect, it } from 'vitest';
import { type ConsentWorld, createConsentWorld } from '../../test/consent.ts';
import { type CallOptions, pure } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import type { Member, Patient } from '../../test/network.ts';
import type { JsonObject } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { type RequestTerms, requestKey } from './request.ts';

let world: ConsentWorld;
let atB: Patient;

beforeEach(async () => {
  world = await createConsentWorld();
  atB = await world.claim('hospital-b', 'alice at b');
});

function requestOf({
  by = world.reader,
  pid = atB.pid,
  label = 'r',
  asked = {},
  args = {},
}: {
  by?: Member;
  pid?: string;
  label?: string;
  asked?: Partial<RequestTerms>;
  args?: JsonObject;
} = {}): CallOptions {
  const terms: RequestTerms = {
    version: 'salus:request:v1',
    network: world.host.network,
    pid,
    request: testId(label),
    grantee: { kind: 'organisation', organisation: 'hospital-b' },
    categories: ['laboratory', 'medication'],
    purposes: ['TREAT'],
    notAfterMs: null,
    text: 'Für Ihre Behandlung bei uns',
    ...asked,
  };
  const salt = testHash(`salt of ${label}`);
  return {
    transaction: 'consent.request',
    args: { pid, request: testId(label), commitment: pure.hashTuple('request', salt, terms), ...args },
    values: { asked: terms, salt },
    by,
  };
}

const answerOf = (answer: string, by = atB.phone, label = 'r'): CallOptions => ({
  transaction: 'consent.answer',
  args: { request: testId(label), answer },
  by,
});

describe('consent.request', () => {
  it("stores a commitment under the requester's own pid and tells nothing of what is asked", async () => {
    const options = requestOf();
    await world.commit(options);
    expect(world.state.get(requestKey(atB.pid, testId('r')))).toEqual({
      commitment: (options.args as JsonObject).commitment,
      status: 'open',
      ms: world.nowMs(),
    });
    await world.refuse(requestOf(), 'request-exists');
  });

  it('is possible before the claim, by staff, client and node', async () => {
    const { clinician, feed, node } = world.organisation('hospital-b');
    const unclaimed = await world.register('hospital-b', 'bob');
    for (const by of [clinician, feed, node]) await world.commit(requestOf({ by, pid: unclaimed.pid, label: by.id }));
  });

  it("refuses another organisation's pid, an unknown and a closed one", async () => {
    await world.refuse(requestOf({ pid: world.alice.pid }), 'caller-foreign');
    await world.refuse(requestOf({ pid: testId('nobody') }), 'patient-unknown');
    const fact = world.state.get(patientKey(atB.pid)) as { [key: string]: string };
    world.state.set(patientKey(atB.pid), { ...fact, status: 'closed' });
    await world.refuse(requestOf(), 'patient-closed');
  });

  it('refuses a question that does not open the commitment or is for another request, pid or network', async () => {
    await world.refuse(requestOf({ args: { commitment: testHash('x') } }), 'commitment-mismatch');
    await world.refuse(requestOf({ asked: { network: testId('elsewhere') } }), 'terms-mismatch');
    await world.refuse(requestOf({ asked: { pid: world.alice.pid } }), 'terms-mismatch');
    await world.refuse(requestOf({ asked: { request: testId('other') } }), 'terms-mismatch');
  });

  it('refuses to ask on behalf of another organisation, and empty or endless questions', async () => {
    const foreign = { kind: 'organisation', organisation: 'hospital-c' } as const;
    await world.refuse(requestOf({ asked: { grantee: foreign } }), 'organisation-mismatch');
    await world.refuse(requestOf({ asked: { categories: [] } }), 'args-invalid');
    await world.refuse(requestOf({ asked: { purposes: [] } }), 'args-invalid');
    await world.refuse(requestOf({ asked: { text: 'x'.repeat(2001) } }), 'args-invalid');
    await world.refuse(requestOf({ asked: { text: 'line\u0000' } }), 'args-invalid');
  });
});

describe('consent.answer', () => {
  it('marks the request, names no other pid, and is given once', async () => {
    for (const answer of ['granted', 'partly', 'declined']) {
      await world.commit(requestOf({ label: answer }));
      const outcome = await world.submit(world.sign(answerOf(answer, atB.phone, answer)));
      expect(outcome).toMatchObject({ kind: 'committed', result: { request: testId(answer), answer } });
      expect(world.state.get(requestKey(atB.pid, testId(answer)))).toMatchObject({ status: answer });
      expect(JSON.stringify(outcome)).not.toContain(world.alice.pid);
      await world.refuse(answerOf('granted', atB.phone, answer), 'request-answered');
    }
  });

  it("refuses an unknown request, another pid's request and an answer that is none", async () => {
    await world.refuse(answerOf('granted'), 'request-unknown');
    await world.commit(requestOf());
    await world.refuse(answerOf('granted', world.alice.phone), 'request-unknown');
    await world.refuse(answerOf('open'), 'args-invalid');
    await world.refuse(answerOf('granted', atB.claimBy), 'signer-not-allowed');
    await world.refuse(answerOf('granted', world.reader), 'signer-not-allowed');
  });
});
