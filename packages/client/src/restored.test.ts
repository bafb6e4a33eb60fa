import { generateSigningKey, kidOf, randomBytes, toBase64url } from '@salus/crypto';
import {
  type GrantEntry,
  grant,
  narrow,
  type PatientWallet,
  pidEntry,
  type SeenCheckpoint,
  type WalletContent,
  type WardEntry,
} from '@salus/wallet';
import { beforeEach, describe, expect, it } from 'vitest';
import { newChain } from '../test/blocks.ts';
import {
  claimAt,
  isOwner,
  joinTablet,
  leaveBackups,
  lostDevice,
  occasion,
  recoverAnew,
  type Try,
} from '../test/lost-device.ts';
import { badGateway, NETWORK, type PatientNode, patientNode } from '../test/patient-node.ts';
import { putBackup } from './consents.ts';
import { compareCheckpoint } from './ledger-proofs.ts';
import type { RecoveryStart } from './restored.ts';
import { asPatient, submitCall } from './session.ts';

const FAR = Number.MAX_SAFE_INTEGER;
const anId = (): string => toBase64url(randomBytes(16));

let node: PatientNode;
let start: RecoveryStart;
/** The phone, with a pid at each of two hospitals. */
let lost: PatientWallet;
/** A second device of the first pid, which a thief holds: what it leaves as its backup, it chooses. */
let stolen: PatientWallet;

beforeEach(async () => {
  node = await patientNode();
  ({ lost, start } = await lostDevice(node, ['hospital-a', 'hospital-b']));
  ({ phone: lost, tablet: stolen } = await joinTablet(node, lost, start.pid));
});

async function recoverBeside(planted: Partial<WalletContent>): Promise<Try> {
  await plant(planted);
  await leaveBackups(node, lost);
  const after = await recoverAnew(node, start);
  expect(after.outcomes.filter((outcome) => 'block' in outcome)).toHaveLength(lost.content.pids.length);
  expect(after.hasBackup).toBe(true);
  const own = (content: WalletContent): readonly string[] => content.pids.map(({ pid }) => pid).sort();
  expect(own(after.wallet.content)).toEqual(own(lost.content));
  for (const { pid } of lost.content.pids) expect(await isOwner(node, after.wallet, pid)).toBe(true);
  return after;
}

/** The session is the stolen device's own, whatever stands in what it leaves. */
async function plant(change: Partial<WalletContent>): Promise<void> {
  const content = { ...stolen.content, ...change };
  await asPatient(node.api, stolen, start.pid, (session) => putBackup(session, { ...stolen, content }));
}

/** The recovered device is the one that is lost next, and the thief has got hold of another that was joined to it. */
async function loseAgain(wallet: PatientWallet): Promise<void> {
  ({ phone: lost, tablet: stolen } = await joinTablet(node, wallet, start.pid));
}

describe('a backup that a thief left keeps no pid from its recovery', () => {
  it('with numbers of key changes far ahead, and another organisation for a pid', async () => {
    const pids = lost.content.pids.map((entry) => ({ ...entry, sequence: FAR, organisation: 'hospital-c' }));
    const { wallet } = await recoverBeside({ pids });
    for (const { pid, sequence, organisation } of wallet.content.pids) {
      expect(node.patient(pid)).toMatchObject({ sequence, organisation });
    }
  });

  it('with recovery keys that are all used up, or more: the next recovery and the next claim find some', async () => {
    for (const recoveryNext of [stolen.content.recoveryKeys.length, 1000, FAR]) {
      const { wallet } = await recoverBeside({ recoveryNext });
      expect(wallet.content.recoveryNext).toBeLessThanOrEqual(stolen.content.recoveryKeys.length);
      await loseAgain(await claimAt(node, wallet, 'hospital-b'));
    }
  });

  it('with recovery keys that are not the code’s: they would take the pids over', async () => {
    const recoveryKeys = await Promise.all([1, 2, 3].map(async () => (await generateSigningKey()).publicKey));
    await recoverBeside({ recoveryKeys, recoveryNext: 0 });
    for (const { pid } of lost.content.pids) expect(recoveryKeys).not.toContain(node.patient(pid).recovery);
  });

  it('with pids of somebody else and of nobody, and with places that no pid has', async () => {
    const entry = pidEntry(stolen.content, start.pid);
    const { lost: stranger } = await lostDevice(node, ['hospital-a']);
    const others = [
      { ...stranger.content.pids[0]!, recoveryTurn: FAR },
      { ...entry, pid: anId() },
    ];
    await recoverBeside({ pids: [...others, { ...entry, recoveryIndex: FAR, recoveryTurn: FAR }] });
    for (const { pid } of stranger.content.pids) expect(await isOwner(node, stranger, pid)).toBe(true);
  });

  it('with what is malformed, or is no pid at all', async () => {
    const entry = pidEntry(stolen.content, start.pid);
    const { wallet } = await recoverBeside({ grants: [{ terms: {} }] as never });
    await loseAgain(wallet);
    const again = await recoverBeside({ pids: [{ ...entry, pid: 'x/../y' }] });
    expect(again.isBackedUp).toBe(true);
  });

  it('with an own pid as a ward: this device would sign with another key', async () => {
    const ward: WardEntry = {
      ...{ organisation: 'hospital-a', pid: start.pid, kid: kidOf((await generateSigningKey()).publicKey) },
      ...{ scope: ['read'], untilMs: FAR, name: 'me' },
    };
    const child = { ...ward, pid: anId(), name: 'my child' };
    const { wallet } = await recoverBeside({ wards: [ward, child] });
    expect(wallet.content.wards).toEqual([child]);
  });

  it('with more than a backup may hold together with the honest one', async () => {
    const wards: readonly WardEntry[] = [
      { organisation: 'hospital-a', pid: anId(), kid: 'k', scope: [], untilMs: 1, name: 'x'.repeat(1_000_000) },
    ];
    const { wallet, isBackedUp } = await recoverBeside({ wards });
    expect(isBackedUp).toBe(true);
    expect(JSON.stringify(wallet.content).length).toBeLessThan(100_000);
  });

  it('in the place of the only honest one: the pid of the sheet comes back, and that no backup was found is said', async () => {
    const recoveryKeys = [(await generateSigningKey()).publicKey];
    await leaveBackups(node, { ...lost, content: { ...lost.content, recoveryKeys } });
    const { wallet, hasBackup, outcomes } = await recoverAnew(node, start);
    expect([hasBackup, outcomes.length]).toEqual([false, 1]);
    expect(await isOwner(node, wallet, start.pid)).toBe(true);
    const named = new Set(lost.content.pids.map(({ pid }) => node.patient(pid).recovery));
    const later = await claimAt(node, wallet, 'hospital-b');
    expect(named).not.toContain(node.patient(later.content.pids.at(-1)!.pid).recovery);
  });
});

describe('what a thief’s backup says of the ledger', () => {
  const seenAt = (number: number): SeenCheckpoint => ({ number, hash: node.blocks[number]!.hash });
  const follow = (wallet: PatientWallet) =>
    asPatient(node.api, wallet, start.pid, (session) => compareCheckpoint(session, wallet.content));

  beforeEach(async () => {
    node.blocks.push(...(await newChain(NETWORK, 6)));
    lost = { ...lost, content: { ...lost.content, checkpoint: seenAt(3) } };
  });

  it('does not count where the node does not show it: the honest device’s point stays, and the person is told', async () => {
    const [, forged] = await newChain(NETWORK, 2);
    const onChannel = true as const;
    for (const checkpoint of [
      { number: FAR, hash: forged!.hash },
      { number: 5, hash: forged!.hash },
      { ...seenAt(0), onChannel },
    ]) {
      const { wallet, isLedgerKnown } = await recoverBeside({ checkpoint });
      expect([wallet.content.checkpoint, isLedgerKnown]).toEqual([seenAt(3), false]);
      expect(await follow(wallet)).toMatchObject({ isAnchored: true, kept: seenAt(5) });
      await loseAgain(wallet);
    }
  });

  it('does not count where a forged ledger fits it and not what the honest device saw: that is said', async () => {
    node.blocks.splice(0, node.blocks.length, ...(await newChain(NETWORK, 6)));
    const { isLedgerKnown } = await recoverBeside({ checkpoint: seenAt(5) });
    expect(isLedgerKnown).toBe(false);
  });

  it('is taken where it is true: it is further on', async () => {
    const { wallet, isLedgerKnown, saved } = await recoverBeside({ checkpoint: seenAt(4) });
    expect([wallet.content.checkpoint, isLedgerKnown]).toEqual([seenAt(4), true]);
    expect(saved.at(-1)!.wallet.content.checkpoint).toEqual(seenAt(4));
  });

  it('is not taken unseen where no node can be asked', async () => {
    for (const _ of [1, 2]) node.disturb('/ledger/checkpoint', { kind: 'refuse', error: badGateway() });
    const { wallet, isLedgerKnown } = await recoverBeside({});
    expect([wallet.content.checkpoint, isLedgerKnown]).toEqual([null, false]);
  });
});

describe('the terms of a grant', () => {
  async function granted(): Promise<GrantEntry> {
    const choice = {
      ...{ pid: start.pid, grantee: { kind: 'organisation', organisation: 'hospital-b' } as const },
      ...{ categories: ['laboratory', 'medication'], labelClasses: ['N'], purposes: ['TREAT'] as const },
      ...{ notBeforeMs: occasion.nowMs, notAfterMs: occasion.nowMs + 1000 },
    };
    const hpke = await lost.keys.hpkeKey(start.pid);
    const recipients = [{ kid: kidOf(hpke.publicKey), publicKey: hpke.publicKey }];
    const prepared = await grant(lost, occasion, { choice, envelopes: [], recipients });
    await submitCall(node.api, 'hospital-a', prepared);
    lost = prepared.wallet;
    return lost.content.grants.at(-1)!;
  }

  it('are those that open what the ledger holds, whatever a backup says and whoever’s clock is fast', async () => {
    const wide = await granted();
    const { grant: id } = wide.terms;
    const early = { ...occasion, nowMs: occasion.nowMs - 600_000 };
    const narrowed = await narrow(lost, early, { grant: id, change: { categories: ['laboratory'] } });
    await submitCall(node.api, 'hospital-a', narrowed);
    lost = narrowed.wallet;
    const held = lost.content.grants.at(-1)!;
    for (const planted of [
      { ...wide, madeMs: FAR },
      { ...wide, terms: { ...wide.terms, mayKeep: false, maxUses: 1, categories: ['laboratory'] }, madeMs: FAR },
      { ...wide, terms: { ...wide.terms, pid: anId() }, madeMs: FAR },
      { ...held, salt: wide.salt, madeMs: FAR },
    ]) {
      const { wallet } = await recoverBeside({ grants: [planted] });
      expect(wallet.content.grants).toEqual([held]);
      await loseAgain(wallet);
    }
  });
});
