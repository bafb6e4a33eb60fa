import { type Outcome, type PatientFact, patientKey } from '@salus/contracts';
import {
  fromBase64url,
  generateHpkeKey,
  hashTuple,
  kidOf,
  openHpke,
  parseJson,
  randomBytes,
  sealHpke,
  toBase64url,
  utf8,
  verifyEs256,
} from '@salus/crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MemoryLedger, memoryLedger, NETWORK, register, START_MS } from '../test/memory-ledger.ts';
import { restoreContent } from './backup.ts';
import { withoutPid } from './content.ts';
import { derivedDeviceKeys, nextRecoveryKeyOf } from './device-keys.ts';
import { makeCard } from './emergency-card.ts';
import { sealToken } from './grant-token.ts';
import { answer, grant, narrow, revoke } from './grants.ts';
import type { KeyEnvelope } from './key-envelopes.ts';
import {
  addDevice,
  answerChallenge,
  backUp,
  claim,
  closePid,
  createPatientWallet,
  ownDevice,
  type PatientWallet,
  recover,
  removeDevice,
} from './patient-wallet.ts';
import { parseRecoveryCode } from './recovery-code.ts';
import { claimKeyOf, type Slip } from './slip.ts';

const occasion = { network: NETWORK, nowMs: START_MS };
const DAY_MS = 86_400_000;

interface Setting {
  readonly ledger: MemoryLedger;
  readonly wallet: PatientWallet;
  readonly recoveryCode: string;
  readonly pid: string;
  readonly slip: Slip;
  readonly organisationKey: Awaited<ReturnType<typeof generateHpkeKey>>;
}

let setting: Setting;

beforeEach(async () => {
  const organisationKey = await generateHpkeKey();
  const ledger = memoryLedger({ 'hospital-a': [], 'hospital-b': [organisationKey.publicKey] });
  const { wallet, recoveryCode } = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
  const slip = newSlip(ledger, 'hospital-a');
  const claimed = await claim(wallet, occasion, slip);
  const { kind } = await ledger.submit(claimed);
  if (kind !== 'committed') throw new Error('the claim that every test starts with was refused');
  setting = { ledger, wallet: claimed.wallet, recoveryCode, pid: slip.pid, slip, organisationKey };
});

describe('a claim', () => {
  it('gives the pid this device and a recovery key', () => {
    const fact = patient(setting);
    expect(fact).toMatchObject({ status: 'claimed', sequence: 1, recovery: setting.wallet.content.recoveryKeys[0] });
    expect(fact.devices).toEqual([setting.wallet.content.pids[0]?.kid]);
  });

  it('is refused a second time, from another wallet with the same slip', async () => {
    const { wallet } = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
    const second = await claim(wallet, occasion, setting.slip);
    expect(await setting.ledger.submit(second)).toMatchObject({ kind: 'refused', code: 'patient-claimed' });
  });

  it('is not tried again by the wallet that made it, nor on another network', async () => {
    await expect(claim(setting.wallet, occasion, setting.slip)).rejects.toMatchObject({ code: 'pid-known' });
    const foreign = { ...newSlip(setting.ledger, 'hospital-a'), network: toBase64url(randomBytes(16)) };
    await expect(claim(setting.wallet, occasion, foreign)).rejects.toMatchObject({ code: 'wrong-network' });
  });

  it('names no recovery key again after a refusal, which stands in a block for everybody to compare', async () => {
    const { wallet } = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
    const refused = await claim(wallet, occasion, setting.slip);
    expect(await setting.ledger.submit(refused)).toMatchObject({ kind: 'refused', code: 'patient-claimed' });
    const content = withoutPid(refused.wallet.content, setting.pid);
    expect(content.pids).toEqual([]);
    const later = await claim({ ...wallet, content }, occasion, newSlip(setting.ledger, 'hospital-b'));
    expect(await setting.ledger.submit(later)).toMatchObject({ kind: 'committed' });
    expect(later.call.payload.args.recovery).not.toBe(refused.call.payload.args.recovery);
  });

  it('uses other keys for each pid: nothing on the ledger is common to two pids of a wallet', async () => {
    const slip = newSlip(setting.ledger, 'hospital-b');
    const second = await claim(setting.wallet, occasion, slip);
    expect(await setting.ledger.submit(second)).toMatchObject({ kind: 'committed' });
    const values = (pid: string): string[] =>
      [...setting.ledger.state]
        .filter(([key]) => key.includes(pid))
        .flatMap(([, value]) => JSON.stringify(value).match(/[A-Za-z0-9_-]{22,}/g) ?? []);
    const first = new Set(values(setting.pid));
    expect(first.size).toBeGreaterThan(4);
    expect(values(slip.pid).filter((value) => first.has(value))).toEqual([]);
  });
});

describe('devices', () => {
  it('a second device is added by the first, signs, and signs nothing once removed', async () => {
    const { ledger, pid } = setting;
    const second: PatientWallet = { content: setting.wallet.content, keys: derivedDeviceKeys(randomBytes(32)) };
    const added = await addDevice(setting.wallet, occasion, {
      pid,
      device: await ownDevice(NETWORK, second.keys, pid),
    });
    expect(await ledger.submit(added)).toMatchObject({ kind: 'committed' });
    expect(await ledger.submit(await revoke(second, occasion, { pid, grant: anId() }))).toMatchObject({
      kind: 'committed',
    });
    const kid = kidOf((await second.keys.signer(pid)).publicKey);
    const removed = await removeDevice(added.wallet, occasion, { pid, kid });
    expect(await ledger.submit(removed)).toMatchObject({ kind: 'committed' });
    expect(await ledger.submit(await revoke(second, occasion, { pid, grant: anId() }))).toMatchObject({
      kind: 'refused',
    });
  });

  it('recovery on a new device silences the stolen one, and a recovery key that no device knew takes over', async () => {
    const { ledger, pid, recoveryCode, wallet } = setting;
    const content = await restoreContent(NETWORK, recoveryCode, await backUp(wallet));
    expect(content).toEqual(wallet.content);
    const fresh: PatientWallet = { content, keys: derivedDeviceKeys(randomBytes(32)) };
    const recovered = await recover(fresh, occasion, { pid, recoveryCode });
    expect(await ledger.submit(recovered)).toMatchObject({ kind: 'committed' });
    const next = nextRecoveryKeyOf(parseRecoveryCode(recoveryCode), pid, 1).publicKey;
    expect(patient(setting)).toMatchObject({ recovery: next });
    expect(wallet.content.recoveryKeys).not.toContain(next);
    expect(recovered.wallet.content.recoveryNext).toBe(wallet.content.recoveryNext);
    expect(await ledger.submit(await revoke(wallet, occasion, { pid, grant: anId() }))).toMatchObject({
      kind: 'refused',
    });
    expect(await ledger.submit(await closePid(recovered.wallet, occasion, pid))).toMatchObject({ kind: 'committed' });
  });

  it('a recovery code of another person opens no backup', async () => {
    const other = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
    const backup = await backUp(setting.wallet);
    await expect(restoreContent(NETWORK, other.recoveryCode, backup)).rejects.toMatchObject({ code: 'bad-wallet' });
  });

  it('a log-in is the device key over the node’s challenge', async () => {
    const { wallet, pid } = setting;
    const challenge = toBase64url(randomBytes(32));
    const { kid, signature } = await answerChallenge(wallet, { pid, challenge });
    const statement = hashTuple('login', NETWORK, 'hospital-a', pid, kid, challenge);
    const { publicKey } = await wallet.keys.signer(pid);
    expect(verifyEs256(publicKey, utf8(statement), fromBase64url(signature))).toBe(true);
    await expect(answerChallenge(wallet, { pid: anId(), challenge })).rejects.toMatchObject({ code: 'pid-unknown' });
  });
});

describe('grants', () => {
  it('seals exactly the granted keys, to the grantee’s listed keys', async () => {
    const E = randomBytes(32);
    const envelopes = [await envelope('medication', E), await envelope('laboratory', randomBytes(32))];
    const made = await grant(setting.wallet, occasion, { choice: choice(), envelopes, recipients: recipients() });
    expect(await setting.ledger.submit(made)).toMatchObject({ kind: 'committed' });
    expect(made.seals.map(({ keyId }) => keyId)).toEqual([envelopes[0]?.keyId]);
    const [seal] = made.seals;
    const { publicKey, privateKey } = setting.organisationKey;
    const opened = await openHpke({
      publicKey,
      privateKey,
      info: ['salus:E:v1', NETWORK, `pid:${setting.pid}`, seal!.keyId, 0, kidOf(publicKey), made.terms.grant],
      envelope: seal!.envelope,
    });
    expect(opened).toEqual(E);
  });

  it('refuses a key that was not sealed to this device, and a grantee without listed key', async () => {
    const foreign = { ...(await envelope('medication', randomBytes(32))), epoch: 7 };
    const input = { choice: choice(), envelopes: [foreign], recipients: recipients() };
    await expect(grant(setting.wallet, occasion, input)).rejects.toMatchObject({ code: 'seal-refused' });
    await expect(grant(setting.wallet, occasion, { ...input, recipients: [] })).rejects.toMatchObject({
      code: 'recipient-unlisted',
    });
  });

  it('the contract refuses seals to a key that the ledger does not list for the grantee', async () => {
    const { publicKey } = await generateHpkeKey();
    const envelopes = [await envelope('medication', randomBytes(32))];
    const made = await grant(setting.wallet, occasion, {
      choice: choice(),
      envelopes,
      recipients: [{ kid: kidOf(publicKey), publicKey }],
    });
    expect(await setting.ledger.submit(made)).toMatchObject({ kind: 'refused', code: 'seal-recipient' });
  });

  it('is narrowed, and never widened', async () => {
    const { ledger } = setting;
    const made = await given();
    const narrower = await narrow(made.wallet, occasion, {
      grant: made.terms.grant,
      change: { records: [anId()], maxUses: 1 },
    });
    expect(await ledger.submit(narrower)).toMatchObject({ kind: 'committed' });
    const wider = await narrow(narrower.wallet, occasion, { grant: made.terms.grant, change: { records: null } });
    expect(await ledger.submit(wider)).toMatchObject({ kind: 'refused', code: 'not-narrower' });
  });

  it('a revocation has no end, raises the epoch, and is kept for a grant that arrives later', async () => {
    const { ledger, wallet, pid } = setting;
    const withheld = await grant(wallet, occasion, { choice: choice(), envelopes: [], recipients: recipients() });
    const revoked = await revoke(withheld.wallet, occasion, { pid, grant: withheld.terms.grant });
    expect(revoked.call.payload.notAfter).toBeNull();
    expect(await ledger.submit(revoked, START_MS + 400 * DAY_MS)).toMatchObject({ kind: 'committed' });
    expect(await ledger.submit(withheld)).toMatchObject({ kind: 'refused', code: 'grant-revoked' });
    expect(revoked.wallet.content.grants[0]?.revokedMs).toBe(START_MS);
  });

  it('a token tells the grantee the terms, and opens only with the key it was sealed to', async () => {
    const made = await given();
    const { publicKey, privateKey } = setting.organisationKey;
    const { recipientKid, envelope: sealed } = await sealToken(made.wallet, made.terms.grant, {
      kid: kidOf(publicKey),
      publicKey,
    });
    const info = ['salus:grant-token:v1', NETWORK, recipientKid];
    const token = parseJson(await openHpke({ publicKey, privateKey, info, envelope: sealed }));
    expect(token).toMatchObject({
      authorOrganisation: 'hospital-a',
      pid: setting.pid,
      terms: made.terms,
      salt: made.salt,
    });
    const other = await generateHpkeKey();
    await expect(openHpke({ ...other, info, envelope: sealed })).rejects.toMatchObject({ code: 'decryption-failed' });
  });

  it('a card is a grant with a key of its own', async () => {
    const { ledger, wallet, pid } = setting;
    const made = await makeCard(wallet, occasion, { ...choice(), pid });
    expect(await ledger.submit(made)).toMatchObject({ kind: 'committed' });
    expect(ledger.state.get(`grant/${pid}/${made.card.grant}`)).toMatchObject({ kind: 'card', status: 'active' });
  });

  it('an answer to a request that nobody made is refused', async () => {
    const said = await answer(setting.wallet, occasion, { pid: setting.pid, request: anId(), answer: 'declined' });
    expect(await setting.ledger.submit(said)).toMatchObject({ kind: 'refused', code: 'request-unknown' });
  });
});

function newSlip(ledger: MemoryLedger, organisation: string): Slip {
  const slip = { network: NETWORK, organisation, pid: anId(), seed: randomBytes(16) };
  register(ledger, { pid: slip.pid, organisation, claimKey: claimKeyOf(slip.seed, slip.pid).publicKey });
  return slip;
}

function patient({ ledger, pid }: Setting): PatientFact {
  return ledger.state.get(patientKey(pid)) as unknown as PatientFact;
}

function choice() {
  return {
    pid: setting.pid,
    grantee: { kind: 'organisation', organisation: 'hospital-b' },
    categories: ['medication'],
    labelClasses: ['N'],
    purposes: ['TREAT'],
    notBeforeMs: START_MS,
    notAfterMs: START_MS + DAY_MS,
  } as const;
}

function recipients() {
  const { publicKey } = setting.organisationKey;
  return [{ kid: kidOf(publicKey), publicKey }];
}

async function given() {
  const made = await grant(setting.wallet, occasion, { choice: choice(), envelopes: [], recipients: recipients() });
  const outcome: Outcome = await setting.ledger.submit(made);
  expect(outcome.kind).toBe('committed');
  return made;
}

async function envelope(category: string, E: Uint8Array): Promise<KeyEnvelope> {
  const { publicKey } = await setting.wallet.keys.hpkeKey(setting.pid);
  const keyId = anId();
  const owner = `pid:${setting.pid}`;
  const info = ['salus:E:v1', NETWORK, owner, keyId, 0, kidOf(publicKey), null];
  return {
    keyId,
    owner,
    epoch: 0,
    category,
    labelClass: 'N',
    envelope: await sealHpke({ publicKey, info, plaintext: E }),
  };
}

function anId(): string {
  return toBase64url(randomBytes(16));
}
