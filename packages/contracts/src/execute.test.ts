import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, pure, type TestCall } from '../test/host.ts';
import { testHash, testId, testKey } from '../test/keys.ts';
import { createNetwork, patientOf, type TestNetwork } from '../test/network.ts';
import type { Outcome } from './context.ts';
import { execute } from './execute.ts';
import type { Json } from './json.ts';

const network: TestNetwork = await createNetwork();
const { administrator, node, registrar } = network.organisation('hospital-a');
const registration = (label: string): { readonly [key: string]: Json } => {
  const { pid, claimKey } = patientOf('hospital-a', label);
  return { pid, claimKey: claimKey.publicKey, claimNotAfterMs: network.nowMs() + DAY_MS };
};
const registering = (label: string) =>
  ({ transaction: 'patient.register', args: registration(label), by: registrar }) as const;

/** A call whose payload was changed after signing, as a hostile sender would. */
function changed(call: TestCall, changes: object): TestCall {
  return { call: { ...call.call, payload: { ...call.call.payload, ...changes } } };
}

describe('the form of a call', () => {
  const call = network.sign(registering('form'));
  const { payload, signature } = call.call;

  it('refuses everything that is not exactly a signed call, without an id', async () => {
    const withoutNonce = Object.fromEntries(Object.entries(payload).filter(([name]) => name !== 'nonce'));
    const malformed: readonly unknown[] = [
      null,
      [],
      'call',
      42,
      {},
      { payload },
      { payload, signature, extra: 1 },
      { payload: withoutNonce, signature },
      { payload: { ...payload, extra: 1 }, signature },
      { payload: { ...payload, version: 'salus:call:v2' }, signature },
      { payload: { ...payload, alg: 'none' }, signature },
      { payload: { ...payload, contract: 'Patient' }, signature },
      { payload: { ...payload, transaction: 'a.b' }, signature },
      { payload: { ...payload, args: [] }, signature },
      { payload: { ...payload, args: null }, signature },
      { payload: { ...payload, signer: 'admin' }, signature },
      { payload: { ...payload, signer: `id:${testId('a')}/x` }, signature },
      { payload: { ...payload, nonce: 'short' }, signature },
      { payload: { ...payload, notAfter: '1' }, signature },
      { payload: { ...payload, notAfter: 1.5 }, signature },
      { payload: { ...payload, notAfter: undefined }, signature },
      { payload: { ...payload, privateHash: 'x' }, signature },
      { payload: { ...payload, privateHash: undefined }, signature },
      { payload, signature: signature.slice(1) },
      { payload, signature: 7 },
    ];
    for (const value of malformed) {
      const outcome = await network.submit({ call: value as TestCall['call'] });
      expect(outcome, JSON.stringify(value)).toMatchObject({ kind: 'refused', callId: null, code: 'call-malformed' });
    }
  });

  it('refuses arguments that are too large, too deep, or no integers-only JSON', async () => {
    let deep: Json = {};
    for (let level = 0; level < 16; level++) deep = { deep };
    const cases: readonly [Json, string][] = [
      [{ text: 'x'.repeat(256 * 1024) }, 'too-large'],
      [deep, 'too-deep'],
      [{ value: 1.5 }, 'number-invalid'],
      [{ value: '\ud800' }, 'text-invalid'],
      [JSON.parse('{"__proto__":{"x":1}}') as Json, 'json-invalid'],
    ];
    for (const [args, code] of cases) {
      const outcome = await network.submit(changed(call, { args }));
      expect(outcome).toMatchObject({ kind: 'refused', callId: null, code });
    }
  });

  it('never throws, whatever is sent', async () => {
    const anything = fc.anything({ withNullPrototype: true, withDate: true, withBigInt: true, withSparseArray: true });
    await fc.assert(
      fc.asyncProperty(anything, anything, async (left, right) => {
        for (const value of [
          left,
          { payload: left, signature: right },
          { payload: { ...payload, args: left }, signature },
        ]) {
          const outcome = await network.submit({ call: value as TestCall['call'] });
          expect(outcome.kind).toBe('refused');
        }
      }),
    );
  });

  it('never throws when one member of a valid call is replaced by anything', async () => {
    const member = fc.constantFrom(...Object.keys(payload), 'onBehalfOf', 'privateHash');
    await fc.assert(
      fc.asyncProperty(member, fc.jsonValue(), async (name, value) => {
        const outcome = await network.submit(changed(call, { [name]: value }));
        expect(outcome.kind).toBe('refused');
      }),
    );
  });
});

describe('the order of checks', () => {
  it('refuses a call for another network, though its signature is good', async () => {
    await network.refuse({ ...registering('other network'), network: testId('another') }, 'wrong-network');
  });

  it('answers a repeated call with the first result and no second effect, also after its notAfter', async () => {
    const call = network.sign(registering('repeated'));
    const first = await network.submit(call);
    const before = new Map(network.state);
    expect(first.kind).toBe('committed');
    const again = await network.submit(call);
    expect(again).toEqual({
      kind: 'repeated',
      callId: first.callId,
      result: { pid: patientOf('hospital-a', 'repeated').pid },
    });
    const late = await execute(network.host, { call: call.call, timestampMs: network.nowMs() + DAY_MS, mode: 'full' });
    expect(late).toEqual(again);
    expect(network.state).toEqual(before);
  });

  it('answers no repeated call that comes with other private arguments than the committed ones', async () => {
    const { pid } = await network.register('hospital-a', 'asked twice');
    const asked = {
      ...{ version: 'salus:request:v1', network: network.host.network, pid, request: testId('asked') },
      ...{ grantee: { kind: 'organisation', organisation: 'hospital-a' }, categories: ['laboratory'] },
      ...{ purposes: ['TREAT'], notAfterMs: null, text: 'please' },
    };
    const values = { asked, salt: testHash('salt') };
    const args = { pid, request: asked.request, commitment: pure.hashTuple('request', values.salt, asked) };
    const asking = network.sign({ transaction: 'consent.request', args, values, by: registrar });
    const first = await network.submit(asking);
    expect(first.kind).toBe('committed');
    const privateArgs = { ...asking.privateArgs!, values: { ...values, asked: { ...asked, text: 'or else' } } };
    const other = { call: asking.call, timestampMs: network.nowMs(), mode: 'full' } as const;
    const mismatch = { kind: 'refused', callId: first.callId, code: 'private-mismatch' };
    expect(await execute(network.host, { ...other, privateArgs })).toEqual(mismatch);
    expect(await network.submit(asking)).toMatchObject({ kind: 'repeated' });
    expect(await execute(network.host, other)).toMatchObject({ kind: 'repeated' });
  });

  it('parses the arguments before it refuses a known signer, so that no engine records arbitrary text', async () => {
    const args = { patient: 'a name, a date of birth' };
    const unparsed = ['membership.revoke', 'access.root', 'record.commit', 'patient.register'];
    for (const transaction of unparsed) await network.refuse({ transaction, args, by: registrar }, 'args-invalid');
    await network.refuse({ transaction: 'record.commit', args, by: node }, 'args-invalid');
  });

  it('commits what a call with another nonce says again only if the contract allows it', async () => {
    await network.commit(registering('twice'));
    await network.refuse(registering('twice'), 'patient-exists');
  });

  it('refuses a call after its notAfter, without one, or with one more than a day ahead', async () => {
    const nowMs = network.nowMs();
    await network.refuse({ ...registering('t'), notAfter: nowMs - 1 }, 'not-after-passed');
    await network.refuse({ ...registering('t'), notAfter: null }, 'not-after-required');
    await network.refuse({ ...registering('t'), notAfter: nowMs + DAY_MS + 1 }, 'not-after-too-far');
    await network.commit({ ...registering('just now'), notAfter: nowMs });
    await network.commit({ ...registering('a day'), notAfter: nowMs + DAY_MS });
  });

  it('refuses unknown transactions, and names that only a prototype has', async () => {
    const names = ['patient.delete', 'nothing.register', 'constructor.constructor', 'consent.useRequest'];
    for (const transaction of names) await network.refuse({ ...registering('t'), transaction }, 'unknown-transaction');
  });

  it('refuses a signer of a kind that the transaction does not know', async () => {
    const by = { signer: `recovery:${testId('p')}`, key: testKey('p') };
    await network.refuse({ ...registering('t'), by }, 'signer-not-allowed');
    await network.refuse({ transaction: 'patient.claim', args: {}, by: registrar }, 'signer-not-allowed');
  });

  it('refuses an unknown signer, another key, a changed payload and a signature with high S', async () => {
    await network.refuse({ ...registering('t'), by: { ...registrar, signer: `id:${testId('x')}` } }, 'signer-unknown');
    await network.refuse({ ...registering('t'), by: { ...registrar, key: testKey('x') } }, 'signature-invalid');
    const call = network.sign(registering('t'));
    const forged = await network.submit(changed(call, { args: registration('instead') }));
    expect(forged).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
    const stolen = await network.submit(changed(call, { signer: administrator.signer }));
    expect(stolen).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
  });

  it('refuses a member of a kind or role that may not', async () => {
    const root = { log: 'audit', size: 1, root: testHash('r'), proof: [] };
    await network.refuse({ transaction: 'access.root', args: root, by: registrar }, 'member-kind-not-allowed');
    const range = { from: 1, to: 2, hash: testHash('h') };
    await network.refuse({ transaction: 'access.rollback', args: range, by: registrar }, 'role-missing');
    await network.refuse({ transaction: 'access.rollback', args: range, by: node }, 'member-kind-not-allowed');
  });

  it('refuses private arguments where none belong', async () => {
    await network.refuse({ ...registering('t'), values: { name: 'x' } }, 'private-unexpected');
    const { call } = network.sign(registering('t'));
    const outcome = await execute(network.host, {
      call,
      privateArgs: { salt: testHash('s'), values: {} },
      timestampMs: network.nowMs(),
      mode: 'full',
    });
    expect(outcome).toMatchObject({ kind: 'refused', code: 'private-unexpected' });
  });
});

describe('what a call does', () => {
  it('gives the same outcome every time on the same state', async () => {
    const { call } = network.sign(registering('deterministic'));
    const run = (): Promise<Outcome> => execute(network.host, { call, timestampMs: network.nowMs(), mode: 'full' });
    const [first, ...others] = await Promise.all([run(), run(), run()]);
    expect(first?.kind).toBe('committed');
    for (const other of others) expect(other).toEqual(first);
  });

  it('gives the same outcome when the engine reads asynchronously and from a copy of the state', async () => {
    const { call } = network.sign(registering('asynchronous'));
    const copy = new Map(Object.entries(JSON.parse(JSON.stringify(Object.fromEntries(network.state))) as object));
    const slow = {
      ...network.host,
      get: async (key: string) => {
        await new Promise((resolve) => setTimeout(resolve, copy.size % 3));
        return copy.get(key) as Json | undefined;
      },
    };
    const execution = { call, timestampMs: network.nowMs(), mode: 'full' } as const;
    expect(await execute(slow, execution)).toEqual(await execute(network.host, execution));
  });

  it('stores its result under its id and reads roots and revoked of all organisations, whatever it is about', async () => {
    const read: string[] = [];
    const get = (key: string) => {
      read.push(key);
      return network.host.get(key);
    };
    const host = { ...network.host, get };
    const { call } = network.sign(registering('reads'));
    const outcome = await execute(host, { call, timestampMs: network.nowMs(), mode: 'full' });
    expect(outcome.kind === 'committed' && outcome.writes).toContainEqual([
      `call/${outcome.callId}`,
      { transaction: 'patient.register', result: { pid: patientOf('hospital-a', 'reads').pid } },
    ]);
    expect(read.filter((key) => /^membership\/(?:network|roots|revoked)/.test(key))).toEqual([
      'membership/network',
      'membership/roots/hospital-a',
      'membership/revoked/hospital-a',
      'membership/roots/hospital-b',
      'membership/revoked/hospital-b',
    ]);
  });

  it('writes nothing when it refuses, however late', async () => {
    const before = new Map(network.state);
    await network.refuse({ ...registering('t'), notAfter: network.nowMs() - HOUR_MS }, 'not-after-passed');
    const patient = patientOf('hospital-a', 'repeated');
    const { publicKey } = testKey('k');
    const device = { publicKey, hpke: testKey('h').publicKey, proof: 'A'.repeat(86) };
    const args = { sequence: 1, devices: [device], recovery: patient.recovery.publicKey };
    await network.refuse({ transaction: 'patient.claim', args, by: patient.claimBy }, 'device-proof');
    expect(network.state).toEqual(before);
  });

  it('stops, instead of refusing, when the state itself is broken', async () => {
    const broken = {
      ...network.host,
      get: (key: string) => (key.startsWith('membership/roots/') ? undefined : network.host.get(key)),
    };
    const { call } = network.sign(registering('broken'));
    const execution = { call, timestampMs: network.nowMs(), mode: 'full' } as const;
    await expect(execute(broken, execution)).rejects.toThrow('membership of hospital-a is incomplete');
  });
});
