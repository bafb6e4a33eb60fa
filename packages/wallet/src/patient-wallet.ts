import {
  canonicalBytes,
  hashTuple,
  type Json,
  kidOf,
  randomBytes,
  type SealedEnvelope,
  type Signer,
  sealHpke,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { BACKUP_INFO, wrongNetwork } from './backup.ts';
import { deviceEntry, type Occasion, type PreparedCall, pidSigner, prepareCall } from './calls.ts';
import { actingEntry, CONTENT_VERSION, pidEntry, RECOVERY_KEYS_KEPT, type WalletContent, withPid } from './content.ts';
import { backupKeyOf, type DeviceKeys, nextRecoveryKeyOf, recoveryKeyOf } from './device-keys.ts';
import { formatRecoveryCode, parseRecoveryCode } from './recovery-code.ts';
import { claimKeyOf, type Slip } from './slip.ts';
import { WalletError } from './wallet-error.ts';

/** A patient on one device: what the wallet knows, and the keys that never leave the device. */
export interface PatientWallet {
  readonly content: WalletContent;
  readonly keys: DeviceKeys;
}

/** A change of the wallet, to be saved once the ledger has committed the call. */
export interface WalletChange extends PreparedCall {
  readonly wallet: PatientWallet;
}

/** `recoveryCode` is shown to the patient now and exists nowhere else afterwards. */
export interface NewWallet {
  readonly wallet: PatientWallet;
  readonly recoveryCode: string;
}

/** Draws the recovery secret of a person's first claim; of it the wallet keeps public keys only. */
export async function createPatientWallet(network: string, keys: DeviceKeys): Promise<NewWallet> {
  const secret = randomBytes(32);
  return { wallet: { content: await contentOf(network, secret), keys }, recoveryCode: formatRecoveryCode(secret) };
}

/**
 * Claims the pid of a slip: the call is signed by the slip's key and gives the pid this device's keys and the next
 * recovery key. Where the ledger refuses it, keep `withoutPid` of the changed content, never the content before.
 *
 * @throws WalletError `wrong-network`, `pid-known`, `recovery-exhausted`
 */
export async function claim({ content, keys }: PatientWallet, occasion: Occasion, slip: Slip): Promise<WalletChange> {
  if (slip.network !== content.network || occasion.network !== content.network) throw wrongNetwork();
  if (content.pids.some(({ pid }) => pid === slip.pid)) {
    throw new WalletError('pid-known', 'This wallet has claimed this slip already.');
  }
  const { recoveryNext: recoveryIndex } = content;
  const recovery = recoveryKeyAt(content, recoveryIndex);
  const signer = await keys.signer(slip.pid);
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'patient',
      transaction: 'claim',
      args: { sequence: 1, devices: [await ownDevice(content.network, keys, slip.pid)], recovery },
      signer: `claim:${slip.pid}`,
    },
    signerFromPkcs8(claimKeyOf(slip.seed, slip.pid).privateKey),
  );
  const entry = {
    organisation: slip.organisation,
    pid: slip.pid,
    kid: kidOf(signer.publicKey),
    recoveryIndex,
    sequence: 1,
  };
  const used = { ...content, recoveryNext: recoveryIndex + 1 };
  return { ...prepared, wallet: { content: withPid(used, entry), keys } };
}

/** The public keys of this device for one pid, as another device or the recovery key registers them. */
export async function ownDevice(
  network: string,
  keys: DeviceKeys,
  pid: string,
): Promise<{ readonly [key: string]: Json }> {
  return deviceEntry(network, pid, await keys.signer(pid), await keys.hpkeKey(pid));
}

/** Registers another device, whose entry that device made with `ownDevice`. */
export async function addDevice(
  { content, keys }: PatientWallet,
  occasion: Occasion,
  { pid, device }: { readonly pid: string; readonly device: { readonly [key: string]: Json } },
): Promise<WalletChange> {
  return keyChange({ content, keys }, occasion, pid, 'addDevice', { device });
}

/** Removes a device: it signs nothing more, and the epoch rises so that it is sealed nothing new. */
export async function removeDevice(
  wallet: PatientWallet,
  occasion: Occasion,
  { pid, kid }: { readonly pid: string; readonly kid: string },
): Promise<WalletChange> {
  return keyChange(wallet, occasion, pid, 'removeDevice', { kid });
}

/** Closes a pid: nothing is granted, claimed or written for it any more. */
export async function closePid(wallet: PatientWallet, occasion: Occasion, pid: string): Promise<WalletChange> {
  return keyChange(wallet, occasion, pid, 'close', {});
}

/** The content's encrypted backup: only the recovery secret opens it, making it needs no secret. */
export async function backUp({ content }: PatientWallet): Promise<SealedEnvelope> {
  return sealHpke({
    publicKey: content.backupKey,
    info: [BACKUP_INFO, content.network],
    plaintext: canonicalBytes(content as unknown as Json),
  });
}

/**
 * Replaces all devices of one pid by this one, signed by the pid's recovery key, which `content` names as the ledger holds
 * it. The pid's own next key takes its place: at the last one that is looked for, it stays.
 */
export async function recover(
  { content, keys }: PatientWallet,
  occasion: Occasion,
  { pid, recoveryCode }: { readonly pid: string; readonly recoveryCode: string },
): Promise<WalletChange> {
  const secret = parseRecoveryCode(recoveryCode);
  const entry = pidEntry(content, pid);
  const { recoveryIndex, recoveryTurn = 0 } = entry;
  const now = recoveryTurn === 0 ? recoveryKeyOf(secret, recoveryIndex) : nextRecoveryKeyOf(secret, pid, recoveryTurn);
  const turn = Math.min(recoveryTurn + 1, RECOVERY_TURNS_MAX);
  const recovery = turn === recoveryTurn ? null : nextRecoveryKeyOf(secret, pid, turn).publicKey;
  const sequence = entry.sequence + SEQUENCE_STEP_AT_RECOVERY;
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'patient',
      transaction: 'recover',
      args: { sequence, devices: [await ownDevice(content.network, keys, pid)], recovery },
      signer: `recovery:${pid}`,
    },
    signerFromPkcs8(now.privateKey),
  );
  const kid = kidOf((await keys.signer(pid)).publicKey);
  const changed = { ...entry, kid, recoveryTurn: turn, sequence };
  return { ...prepared, wallet: { content: withPid(content, changed), keys } };
}

/** Signs the challenge of a log-in; it opens a session and authorises nothing on the ledger. */
export async function answerChallenge(
  { content, keys }: PatientWallet,
  { pid, challenge }: { readonly pid: string; readonly challenge: string },
): Promise<{ readonly kid: string; readonly signature: string }> {
  const { organisation, kid } = actingEntry(content, pid);
  const statement = hashTuple('login', content.network, organisation, pid, kid, challenge);
  const signature = await (await keys.signer(pid)).sign(utf8(statement));
  return { kid, signature: toBase64url(signature) };
}

/** This device's signing key for a pid, an own or a ward's, and its name on the ledger. */
export async function deviceSigner(
  { content, keys }: PatientWallet,
  pid: string,
): Promise<{ readonly signer: string; readonly key: Signer }> {
  actingEntry(content, pid);
  const key = await keys.signer(pid);
  return { signer: pidSigner(pid, key.publicKey), key };
}

/** A device may change keys while a recovery runs: a step beyond that, below the contract's limit of 1,000. */
const SEQUENCE_STEP_AT_RECOVERY = 100;

/** Recovery keys of one pid's own: so many log-ins find the one that it has, and a node takes 120 in a minute. */
export const RECOVERY_TURNS_MAX = 32;

async function keyChange(
  wallet: PatientWallet,
  occasion: Occasion,
  pid: string,
  transaction: 'addDevice' | 'removeDevice' | 'close',
  args: { readonly [key: string]: Json },
): Promise<WalletChange> {
  const entry = pidEntry(wallet.content, pid);
  const sequence = entry.sequence + 1;
  const { signer, key } = await deviceSigner(wallet, pid);
  const prepared = await prepareCall(
    occasion,
    { contract: 'patient', transaction, args: { sequence, ...args }, signer },
    key,
  );
  return { ...prepared, wallet: { ...wallet, content: withPid(wallet.content, { ...entry, sequence }) } };
}

/** What a wallet knows at its beginning. */
export async function contentOf(network: string, recoverySecret: Uint8Array): Promise<WalletContent> {
  return {
    version: CONTENT_VERSION,
    network,
    pids: [],
    grants: [],
    recoveryKeys: Array.from(
      { length: RECOVERY_KEYS_KEPT },
      (_, index) => recoveryKeyOf(recoverySecret, index).publicKey,
    ),
    recoveryNext: 0,
    backupKey: (await backupKeyOf(recoverySecret)).publicKey,
    checkpoint: null,
  };
}

function recoveryKeyAt(content: WalletContent, index: number): string {
  const key = content.recoveryKeys[index];
  if (key === undefined) {
    throw new WalletError(
      'recovery-exhausted',
      `The ${content.recoveryKeys.length} recovery keys of this wallet are used up: it can claim nothing more until it is recovered.`,
    );
  }
  return key;
}
