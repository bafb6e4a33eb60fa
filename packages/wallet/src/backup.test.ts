import { type Json, type PatientFact, patientKey } from '@salus/contracts';
import { randomBytes, toBase64url } from '@salus/crypto';
import { beforeEach, expect, it } from 'vitest';
import { type MemoryLedger, memoryLedger, NETWORK, register, START_MS } from '../test/memory-ledger.ts';
import { restoreContent } from './backup.ts';
import { pidEntry, RECOVERY_KEYS_MAX, type WalletContent, withPid } from './content.ts';
import { derivedDeviceKeys, nextRecoveryKeyOf } from './device-keys.ts';
import {
  backUp,
  claim,
  createPatientWallet,
  type PatientWallet,
  RECOVERY_TURNS_MAX,
  recover,
} from './patient-wallet.ts';
import { parseRecoveryCode } from './recovery-code.ts';
import { claimKeyOf } from './slip.ts';

const occasion = { network: NETWORK, nowMs: START_MS };
const pid = toBase64url(randomBytes(16));

let ledger: MemoryLedger;
let wallet: PatientWallet;
let recoveryCode: string;

beforeEach(async () => {
  ledger = memoryLedger({ 'hospital-a': [] });
  const made = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
  const slip = { network: NETWORK, organisation: 'hospital-a', pid, seed: randomBytes(16) };
  register(ledger, { pid, organisation: 'hospital-a', claimKey: claimKeyOf(slip.seed, pid).publicKey });
  const claimed = await claim(made.wallet, occasion, slip);
  const { kind } = await ledger.submit(claimed);
  if (kind !== 'committed') throw new Error('the claim that every test starts with was refused');
  ({ wallet } = claimed);
  ({ recoveryCode } = made);
});

it('a backup with more than any wallet writes is none, and so is one that is malformed', async () => {
  const { content } = wallet;
  const entry = pidEntry(content, pid);
  const many = Array.from({ length: 65 }, () => ({ ...entry, pid: toBase64url(randomBytes(16)) }));
  const planted: readonly Partial<WalletContent>[] = [
    { recoveryNext: content.recoveryKeys.length + 1 },
    { recoveryKeys: Array.from({ length: RECOVERY_KEYS_MAX + 1 }, () => content.recoveryKeys[0]!) },
    { pids: many },
    { pids: [{ ...entry, pid: 'no/pid' }] },
    { pids: [{ ...entry, kid: 'k'.repeat(1000) }] },
    { grants: [{ terms: {}, salt: '', madeMs: 1, revokedMs: null }] as unknown as WalletContent['grants'] },
  ];
  for (const change of planted) {
    const backup = await backUp({ ...wallet, content: { ...content, ...change } });
    await expect(restoreContent(NETWORK, recoveryCode, backup)).rejects.toMatchObject({ code: 'bad-wallet' });
  }
  expect(await restoreContent(NETWORK, recoveryCode, await backUp(wallet))).toEqual(content);
});

it('a pid is recovered for ever: its last recovery key stays', async () => {
  const secret = parseRecoveryCode(recoveryCode);
  const keyOf = (turn: number): string => nextRecoveryKeyOf(secret, pid, turn).publicKey;
  const factOf = (): PatientFact => ledger.state.get(patientKey(pid)) as unknown as PatientFact;
  ledger.state.set(patientKey(pid), { ...factOf(), recovery: keyOf(RECOVERY_TURNS_MAX - 1) } as unknown as Json);
  let content = withPid(wallet.content, { ...pidEntry(wallet.content, pid), recoveryTurn: RECOVERY_TURNS_MAX - 1 });
  for (const recovery of [keyOf(RECOVERY_TURNS_MAX), null, null]) {
    const recovered = await recover({ content, keys: derivedDeviceKeys(randomBytes(32)) }, occasion, {
      pid,
      recoveryCode,
    });
    expect(recovered.call.payload.args.recovery).toBe(recovery);
    expect(await ledger.submit(recovered)).toMatchObject({ kind: 'committed' });
    expect(factOf().recovery).toBe(keyOf(RECOVERY_TURNS_MAX));
    ({ content } = recovered.wallet);
  }
});
