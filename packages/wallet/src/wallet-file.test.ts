import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalBytes, generateSigningKey, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NETWORK } from '../test/memory-ledger.ts';
import { parseContent, withCheckpoint } from './content.ts';
import { derivedDeviceKeys } from './device-keys.ts';
import { createPatientWallet } from './patient-wallet.ts';
import { patientWalletOf, type StoredWallet, staffWalletOf } from './stored-wallet.ts';
import { openWalletFile, saveWalletFile } from './wallet-file.ts';

const PASSPHRASE = 'correct horse battery staple';
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-wallet-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a wallet file', () => {
  it('gives a patient’s wallet back, with the same keys for the same pid', async () => {
    const stored = await patientStored();
    const file = join(directory, 'deep', 'patient.wallet');
    await saveWalletFile(file, PASSPHRASE, stored);
    const opened = await openWalletFile(file, PASSPHRASE);
    expect(opened).toEqual(stored);
    if (opened.kind !== 'patient') throw new Error('kind');
    const signer = await patientWalletOf(opened).keys.signer('p');
    expect(signer.publicKey).toBe((await patientWalletOf(stored).keys.signer('p')).publicKey);
  });

  it('gives a member of staff’s wallet back', async () => {
    const { privateKey, publicKey } = await generateSigningKey();
    const stored: StoredWallet = {
      kind: 'staff',
      network: NETWORK,
      organisation: 'hospital-a',
      id: toBase64url(randomBytes(16)),
      roles: ['clinician'],
      privateKey,
      chain: ['MIIB'],
      demonstration: true,
    };
    const file = join(directory, 'staff.wallet');
    await saveWalletFile(file, PASSPHRASE, stored);
    const opened = await openWalletFile(file, PASSPHRASE);
    expect(opened).toEqual(stored);
    if (opened.kind !== 'staff') throw new Error('kind');
    expect(staffWalletOf(opened).signer.publicKey).toBe(publicKey);
  });

  it('holds no secret in plain and only its owner may read it', async () => {
    const stored = await patientStored();
    const file = join(directory, 'patient.wallet');
    await saveWalletFile(file, PASSPHRASE, stored);
    const bytes = readFileSync(file);
    expect(bytes.includes(Buffer.from(stored.rootSecret))).toBe(false);
    expect(bytes.includes(toBase64url(stored.rootSecret))).toBe(false);
    expect(bytes.includes('rootSecret')).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is refused with another passphrase, when others may read it, when it is damaged and when it is absent', async () => {
    const file = join(directory, 'patient.wallet');
    await saveWalletFile(file, PASSPHRASE, await patientStored());
    await expect(openWalletFile(file, 'another')).rejects.toMatchObject({ code: 'wrong-passphrase' });
    chmodSync(file, 0o644);
    await expect(openWalletFile(file, PASSPHRASE)).rejects.toMatchObject({ code: 'wallet-readable-by-others' });
    chmodSync(file, 0o600);
    writeFileSync(file, 'not a wallet');
    await expect(openWalletFile(file, PASSPHRASE)).rejects.toMatchObject({ code: 'bad-wallet' });
    await expect(openWalletFile(join(directory, 'none'), PASSPHRASE)).rejects.toMatchObject({ code: 'wallet-missing' });
  });
});

describe('checkpoints', () => {
  it('never go back, and never change at one number', async () => {
    const { content } = await patientStored();
    const seen = withCheckpoint(content, { number: 7, hash: 'a' });
    expect(withCheckpoint(seen, { number: 9, hash: 'b' }).checkpoint).toEqual({ number: 9, hash: 'b' });
    for (const bad of [
      { number: 6, hash: 'z' },
      { number: 7, hash: 'b' },
    ]) {
      expect(() => withCheckpoint(seen, bad)).toThrow(expect.objectContaining({ code: 'checkpoint-went-back' }));
    }
  });
});

describe('the content of a wallet', () => {
  it('keeps that a checkpoint is of the channel to which the ledger moved, and takes no other mark', async () => {
    const { content } = await patientStored();
    const onChannel = withCheckpoint(content, { number: 7, hash: 'a', onChannel: true });
    for (const kept of [onChannel, withCheckpoint(content, { number: 7, hash: 'a' })]) {
      expect(parseContent(canonicalBytes(kept as unknown as Json)).checkpoint).toEqual(kept.checkpoint);
    }
    const wrong = { ...content, checkpoint: { number: 7, hash: 'a', onChannel: false } };
    expect(() => parseContent(canonicalBytes(wrong as unknown as Json))).toThrow(
      expect.objectContaining({ code: 'bad-wallet' }),
    );
  });
});

async function patientStored(): Promise<Extract<StoredWallet, { kind: 'patient' }>> {
  const rootSecret = randomBytes(32);
  const { wallet } = await createPatientWallet(NETWORK, derivedDeviceKeys(rootSecret));
  return { kind: 'patient', rootSecret, content: wallet.content, demonstration: false };
}
