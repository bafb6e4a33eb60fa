import type { CallPayload } from '@salus/contracts';
import {
  callId,
  generateHpkeKey,
  generateSigningKeySync,
  hashTuple,
  issueCertificate,
  type Json,
  kidOf,
  type Signer,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { claimKeyOf, delegation, parseSlip } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  addPatient,
  foundConsortium,
  grantMedication,
  revokeGrant,
  type TestConsortium,
  type TestPatient,
} from '../../test/consortium.ts';
import { type Forged, forge, outcomeOf } from '../../test/forged-call.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let consortium: TestConsortium;
let patient: TestPatient;
let pid: string;
const attacker = generateSigningKeySync();
const attackerKey = signerFromPkcs8(attacker.privateKey);

beforeAll(async () => {
  consortium = await foundConsortium(['hospital-a', 'hospital-b'], 'authority');
  patient = await addPatient(consortium, { at: ['hospital-a'], seed: 1 });
  pid = patient.pids.get('hospital-a')!;
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

interface Attempt {
  readonly signer: string;
  readonly key: Signer;
  readonly onBehalfOf?: CallPayload['onBehalfOf'];
}

/** A root grant of everything to hospital B, in all other respects as the contract wants it. */
function rootGrant(target: string, attempt: Attempt, termsPid = target): Promise<Forged> {
  const { node, clock } = consortium;
  const grant = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
  const salt = toBase64url(crypto.getRandomValues(new Uint8Array(32)));
  const terms = {
    ...{ version: 'salus:terms:v1', network: node.network, pid: termsPid, grant, kind: 'access' },
    grantee: { kind: 'organisation', organisation: 'hospital-b' },
    ...{ categories: ['medication', 'laboratory'], labelClasses: ['N'], resourceTypes: null, records: null },
    ...{ dataFromMs: null, dataToMs: null, purposes: ['TREAT'], exceptActors: [], mayKeep: true },
    ...{ notBeforeMs: clock.nowMs(), notAfterMs: clock.nowMs() + 86_400_000, maxUses: null },
    ...{ delegationDepth: 0, parent: null },
  };
  return act(
    'consent.grant',
    { grant, kind: 'access', commitment: hashTuple('grant', salt, terms), cardKey: null },
    attempt,
    {
      terms,
      salt,
      seals: [],
    },
  );
}

function act(
  transaction: ForgedTransaction,
  args: { readonly [name: string]: Json },
  attempt: Attempt,
  values?: { readonly [name: string]: Json },
): Promise<Forged> {
  const { node, clock } = consortium;
  const private_ = values === undefined ? {} : { values };
  return forge({ network: node.network, transaction, args, nowMs: clock.nowMs(), ...attempt, ...private_ });
}
type ForgedTransaction = Parameters<typeof forge>[0]['transaction'];

/** What the ledger says of a pid and its consent: nobody else than the patient may change any of it. */
async function stateOf(target: string): Promise<string> {
  const { ledger } = consortium.node;
  const entries = [
    await ledger.get(`patient/pid/${target}`),
    ...(await ledger.range(`patient/device/${target}/`, `patient/device/${target}0`, 100)),
    ...(await ledger.range(`grant/${target}/`, `grant/${target}0`, 100)),
  ];
  return JSON.stringify(entries);
}

async function expectRefused(
  target: string,
  attempts: readonly (readonly [code: string, way: string, Promise<Forged>])[],
): Promise<void> {
  const before = await stateOf(target);
  const outcomes: string[] = [];
  for (const [, way, forged] of attempts)
    outcomes.push(`${way}: ${await outcomeOf(consortium.node.ledger, await forged)}`);
  expect(outcomes).toEqual(attempts.map(([code, way]) => `${way}: ${code}`));
  expect(await stateOf(target)).toBe(before);
}

/** Every key of every organisation, as the operator of the server holds them. */
function* organisationKeys(): Generator<readonly [way: string, Attempt]> {
  for (const { slug, authority, node, members } of consortium.organisations) {
    yield [`${slug} node`, { signer: `id:${node.id}`, key: signerFromPkcs8(node.key.privateKey) }];
    yield [`${slug} CA as node`, { signer: `id:${node.id}`, key: signerFromPkcs8(authority.privateKey) }];
    for (const { account, id, key } of members) {
      yield [account, { signer: `id:${id}`, key: signerFromPkcs8(key.privateKey) }];
    }
  }
}

async function deviceOf(target: string): Promise<{ readonly [name: string]: Json }> {
  const hpke = await generateHpkeKey();
  const statement = hashTuple('device', consortium.node.network, target, attacker.publicKey, hpke.publicKey);
  return {
    publicKey: attacker.publicKey,
    hpke: hpke.publicKey,
    proof: toBase64url(attackerKey.signSync(utf8(statement))),
  };
}

/** A delegation that names consent among what the node may do for a person of staff. */
async function consentDelegation(account: string): Promise<Attempt> {
  const { cast, organisations } = consortium;
  const wallet = cast.staff(account);
  const { node } = organisations.find(({ slug }) => slug === wallet.organisation)!;
  const scope = ['consent.grant', 'patient.addDevice', 'patient.register', 'patient.reissueClaim', 'record.commit'];
  const onBehalfOf = await delegation(wallet, cast.occasion(), { delegate: node.id, scope });
  return { signer: `id:${node.id}`, key: signerFromPkcs8(node.key.privateKey), onBehalfOf };
}

describe('an administrator with the server, the database and every organisation key', () => {
  it('signs no root grant for a claimed pid with any of these keys', async () => {
    const own = kidOf((await patient.wallet.keys.signer(pid)).publicKey);
    const slip = parseSlip(patient.slips[0]!);
    const slipKey = signerFromPkcs8(claimKeyOf(slip.seed, pid).privateKey);
    const other = await addPatient(consortium, { at: ['hospital-a'], seed: 2 });
    const otherPid = other.pids.get('hospital-a')!;
    const otherDevice = await other.wallet.keys.signer(otherPid);
    const ways: (readonly [code: string, way: string, Promise<Forged>])[] = [];
    for (const [way, attempt] of organisationKeys()) {
      ways.push(['signer-not-allowed', way, rootGrant(pid, attempt)]);
    }
    ways.push(
      ['signer-not-allowed', 'delegation', rootGrant(pid, await consentDelegation('a.rossi'))],
      [
        'signer-unknown',
        'a new device key',
        rootGrant(pid, { signer: `pid:${pid}/${kidOf(attacker.publicKey)}`, key: attackerKey }),
      ],
      [
        'signature-invalid',
        'under the name of the phone',
        rootGrant(pid, { signer: `pid:${pid}/${own}`, key: attackerKey }),
      ],
      ['signer-not-allowed', 'the slip', rootGrant(pid, { signer: `claim:${pid}`, key: slipKey })],
      [
        'signer-unknown',
        'the slip as a device',
        rootGrant(pid, { signer: `pid:${pid}/${kidOf(slipKey.publicKey)}`, key: slipKey }),
      ],
      ['signer-not-allowed', 'a recovery key', rootGrant(pid, { signer: `recovery:${pid}`, key: attackerKey })],
      [
        'signer-unknown',
        'another patient’s phone',
        rootGrant(pid, { signer: `pid:${pid}/${kidOf(otherDevice.publicKey)}`, key: otherDevice }),
      ],
      [
        'terms-mismatch',
        'terms of this pid in another patient’s grant',
        rootGrant(otherPid, { signer: `pid:${otherPid}/${kidOf(otherDevice.publicKey)}`, key: otherDevice }, pid),
      ],
      ['call-malformed', 'a name with a path', rootGrant(pid, { signer: `pid:${pid}/../${own}`, key: attackerKey })],
    );
    await expectRefused(pid, ways);
    expect(ways.length).toBeGreaterThan(15);
  });

  it('puts no key of its own in the place of the patient’s', async () => {
    const slip = parseSlip(patient.slips[0]!);
    const slipKey = signerFromPkcs8(claimKeyOf(slip.seed, pid).privateKey);
    const device = await deviceOf(pid);
    const admin = [...organisationKeys()].find(([way]) => way === 'hospital-a.admin')![1];
    const desk = await consentDelegation('a.rossi');
    const claimNotAfterMs = consortium.clock.nowMs() + 86_400_000;
    const registration = { pid, claimKey: attacker.publicKey, claimNotAfterMs };
    const recovery = generateSigningKeySync().publicKey;
    await expectRefused(pid, [
      [
        'patient-claimed',
        'claim again',
        act('patient.claim', { sequence: 2, devices: [device], recovery }, { signer: `claim:${pid}`, key: slipKey }),
      ],
      ['patient-claimed', 'reissue the slip', act('patient.reissueClaim', registration, desk)],
      ['patient-exists', 'register again', act('patient.register', registration, desk)],
      [
        'patient-exists',
        'register in a batch',
        act('record.commit', { batches: [], keys: [], tables: [], registrations: [registration] }, desk),
      ],
      ['signer-not-allowed', 'add a device as administrator', act('patient.addDevice', { sequence: 2, device }, admin)],
      ['signer-not-allowed', 'add a device by delegation', act('patient.addDevice', { sequence: 2, device }, desk)],
      [
        'signer-not-allowed',
        'add a device with the slip',
        act('patient.addDevice', { sequence: 2, device }, { signer: `claim:${pid}`, key: slipKey }),
      ],
      [
        'signature-invalid',
        'recover with a key of its own',
        act(
          'patient.recover',
          { sequence: 2, devices: [device], recovery: null },
          { signer: `recovery:${pid}`, key: attackerKey },
        ),
      ],
      [
        'signer-not-allowed',
        'recover as administrator',
        act('patient.recover', { sequence: 2, devices: [device], recovery: null }, admin),
      ],
      ['signer-not-allowed', 'close as administrator', act('patient.close', { sequence: 2 }, admin)],
    ]);
  });

  it('certifies a member whose opaque id is the pid, and still grants nothing', async () => {
    const [{ authority }] = consortium.organisations as [TestConsortium['organisations'][number]];
    const admin = [...organisationKeys()].find(([way]) => way === 'hospital-a.admin')![1];
    const nowMs = consortium.clock.nowMs();
    const certificate = await issueCertificate({
      ...{ ca: authority, id: pid, organisation: 'hospital-a', kind: 'staff', roles: ['administrator'] },
      ...{ publicKey: attacker.publicKey, notBeforeMs: nowMs - 1000, notAfterMs: nowMs + 86_400_000 },
    });
    const enrol = await act('membership.enrol', { certificates: [{ chain: [certificate] }] }, admin);
    expect(await outcomeOf(consortium.node.ledger, enrol)).toBe('committed');
    await expectRefused(pid, [
      ['signer-not-allowed', 'as that member', rootGrant(pid, { signer: `id:${pid}`, key: attackerKey })],
      [
        'signer-unknown',
        'as a device',
        rootGrant(pid, { signer: `pid:${pid}/${kidOf(attacker.publicKey)}`, key: attackerKey }),
      ],
    ]);
  });

  it('neither revives a revoked grant nor widens nor delegates one', async () => {
    const { ledger } = consortium.node;
    const grant = await grantMedication(consortium, patient, { author: 'hospital-a', reader: 'hospital-b' });
    const [made] = await ledger.history(`grant/${pid}/${grant}`, { limit: 1 });
    const { call } = (await ledger.transaction(made!.callId))!;
    const entry = patient.wallet.content.grants.find(({ terms }) => terms.grant === grant)!;
    const node = [...organisationKeys()].find(([way]) => way === 'hospital-a node')![1];
    const reader = consortium.cast.staff('b.novak');
    const holder: Attempt = { signer: `id:${reader.id}`, key: reader.signer };
    const held = { terms: entry.terms as unknown as Json, salt: entry.salt };
    const categories = ['medication', 'laboratory'];
    const salt = toBase64url(crypto.getRandomValues(new Uint8Array(32)));
    const wide = { ...entry.terms, categories } as unknown as Json;
    const commitment = hashTuple('grant', salt, wide);
    const narrowRequest = await act('consent.narrowRequest', { pid, grant, commitment }, holder);
    const childId = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
    const child = { ...entry.terms, grant: childId, parent: grant, categories } as unknown as Json;
    const named = { pid, parent: grant, grant: childId, commitment: hashTuple('grant', salt, child) };
    const delegateRequest = await act('consent.delegateRequest', named, holder);
    const signed = ({ call }: Forged) => ({ request: call as unknown as Json, chain: reader.chain });
    await expectRefused(pid, [
      [
        'not-narrower',
        'widen with a reader of its own',
        act('consent.narrow', { pid, grant, commitment, request: callId(narrowRequest.call.payload) }, node, {
          ...{ previous: held, next: { terms: wide, salt } },
          holder: { ...signed(narrowRequest), ancestors: [] },
        }),
      ],
      [
        'delegation-depth',
        'delegate more than was given',
        act('consent.delegate', { ...named, request: callId(delegateRequest.call.payload) }, node, {
          ...{ ...signed(delegateRequest), ...held, ancestors: [], child: { terms: child, salt }, seals: [] },
        }),
      ],
    ]);
    await revokeGrant(consortium, patient, { author: 'hospital-a', grant });
    // The patient's own committed call, sent again: never with other private arguments, else the first result, and no second effect.
    const values = { terms: entry.terms as unknown as Json, salt: entry.salt, seals: [] };
    const other = await ledger.submit(call, { salt: entry.salt, values });
    expect(other).toMatchObject({ kind: 'refused', code: 'private-mismatch' });
    const again = await ledger.submit(call);
    expect(again).toMatchObject({ kind: 'committed', callId: made!.callId });
    expect(await ledger.get(`grant/${pid}/${grant}`)).toMatchObject({ status: 'revoked' });
  });
});

describe('an unclaimed pid', () => {
  it('grants nothing, whoever asks: custodians are no patients', async () => {
    const unclaimed = await addPatient(consortium, { at: ['hospital-a'], seed: 3, claimed: false });
    const target = unclaimed.pids.get('hospital-a')!;
    const slipKey = signerFromPkcs8(claimKeyOf(parseSlip(unclaimed.slips[0]!).seed, target).privateKey);
    const ways: (readonly [code: string, way: string, Promise<Forged>])[] = [];
    for (const [way, attempt] of organisationKeys()) ways.push(['signer-not-allowed', way, rootGrant(target, attempt)]);
    ways.push(
      ['signer-not-allowed', 'the slip', rootGrant(target, { signer: `claim:${target}`, key: slipKey })],
      [
        'signer-unknown',
        'the slip as a device',
        rootGrant(target, { signer: `pid:${target}/${kidOf(slipKey.publicKey)}`, key: slipKey }),
      ],
      ['signer-not-allowed', 'delegation', rootGrant(target, await consentDelegation('a.rossi'))],
    );
    await expectRefused(target, ways);
    expect(await consortium.node.ledger.range(`grant/${target}/`, `grant/${target}0`, 10)).toEqual([]);
  });
});
