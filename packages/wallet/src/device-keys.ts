import {
  deriveHpkeKey,
  deriveSigningKey,
  type ExtractableHpkeKey,
  type HpkeKey,
  type Signer,
  signerFromPkcs8,
} from '@salus/crypto';

/**
 * The keys of one device, a pair for each pid. A browser draws non-extractable ones and keeps them in its key store;
 * a device with a file derives them from a root secret that never leaves it. No key repeats across pids, so that two
 * pids of a person have nothing in common on the ledger.
 */
export interface DeviceKeys {
  signer(pid: string): Promise<Signer>;
  hpkeKey(pid: string): Promise<HpkeKey>;
}

/** Device keys derived from a root secret of 32 bytes. */
export function derivedDeviceKeys(rootSecret: Uint8Array): DeviceKeys {
  return {
    signer: async (pid) => signerFromPkcs8(signingKeyOf(rootSecret, pid).privateKey),
    hpkeKey: async (pid) => hpkeKeyOf(rootSecret, pid),
  };
}

/** The private keys that `derivedDeviceKeys` uses for one pid, for a device that takes them over. */
export async function derivedKeyPairs(
  rootSecret: Uint8Array,
  pid: string,
): Promise<{ readonly signing: ReturnType<typeof deriveSigningKey>; readonly hpke: ExtractableHpkeKey }> {
  return { signing: signingKeyOf(rootSecret, pid), hpke: await hpkeKeyOf(rootSecret, pid) };
}

function signingKeyOf(rootSecret: Uint8Array, pid: string): ReturnType<typeof deriveSigningKey> {
  return deriveSigningKey(rootSecret, `device-signing/${pid}`);
}

function hpkeKeyOf(rootSecret: Uint8Array, pid: string): Promise<ExtractableHpkeKey> {
  return deriveHpkeKey(rootSecret, `device-hpke/${pid}`);
}

/** The recovery signing key number `index` of a recovery secret, which a claim names: devices know its public half before. */
export function recoveryKeyOf(recoverySecret: Uint8Array, index: number): ReturnType<typeof deriveSigningKey> {
  return deriveSigningKey(recoverySecret, `recovery/${index}`);
}

/**
 * The recovery key that recovery number `turn` of a pid gives it, from 1 on. No two pids share one, whatever a device has
 * counted or a backup says, and no device knew it before.
 */
export function nextRecoveryKeyOf(
  recoverySecret: Uint8Array,
  pid: string,
  turn: number,
): ReturnType<typeof deriveSigningKey> {
  return deriveSigningKey(recoverySecret, `recovery/${pid}/${turn}`);
}

/** The HPKE key under which a wallet's content is backed up: its public half stays in the wallet. */
export async function backupKeyOf(recoverySecret: Uint8Array): Promise<HpkeKey> {
  return deriveHpkeKey(recoverySecret, 'backup');
}
