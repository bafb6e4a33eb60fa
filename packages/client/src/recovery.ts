import { hashTuple, kidOf, type SealedEnvelope, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { type Occasion, type PatientWallet, parseRecoveryCode, recover, recoveryKeyOf } from '@salus/wallet';
import type { ApiClient } from './api-client.ts';
import { ClientError, isUnanswered } from './client-error.ts';
import { putBackup } from './consents.ts';
import { asPatient, submitCall } from './session.ts';

/** Recovery keys that a code is tried with: each claim and each recovery takes the next. */
const RECOVERY_KEYS_TRIED = 32;

/** Where a recovery starts: one pid, its organisation, and the code. */
export interface RecoveryStart {
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  readonly recoveryCode: string;
}

/**
 * Logs in with whichever of the code's keys is the pid's recovery key now, and takes the wallet's sealed backup.
 *
 * @throws ClientError `wrong-recovery-code`; WalletError `bad-recovery-code`
 */
export async function fetchBackup(
  api: ApiClient,
  { network, organisation, pid, recoveryCode }: RecoveryStart,
): Promise<SealedEnvelope> {
  const secret = parseRecoveryCode(recoveryCode);
  const path = `/api/v1/orgs/${organisation}/patient`;
  for (let index = 0; index < RECOVERY_KEYS_TRIED; index += 1) {
    const key = recoveryKeyOf(secret, index);
    const kid = kidOf(key.publicKey);
    const { challenge } = await api.send<{ challenge: string }>({
      method: 'POST',
      path: `${path}/challenge`,
      body: { pid, kid },
    });
    const statement = utf8(hashTuple('login', network, organisation, pid, kid, challenge));
    const signature = toBase64url(await signerFromPkcs8(key.privateKey).sign(statement));
    const token = await tryLogIn(api, `${path}/login`, { pid, kid, challenge, signature });
    if (token === undefined) continue;
    const { backup } = await api.send<{ backup: SealedEnvelope }>({ method: 'GET', path: `${path}/backup`, token });
    await api.send({ method: 'POST', path: '/api/v1/logout', token });
    return backup;
  }
  throw new ClientError('wrong-recovery-code', 'This recovery code is not the one of that pid.');
}

async function tryLogIn(api: ApiClient, path: string, body: object): Promise<string | undefined> {
  try {
    return (await api.send<{ token: string }>({ method: 'POST', path, body })).token;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'wrong-credentials') return undefined;
    throw error;
  }
}

/** What became of one pid of a recovered wallet. */
export type RecoveryOutcome =
  | { readonly organisation: string; readonly pid: string; readonly block: number }
  | { readonly organisation: string; readonly pid: string; readonly error: ClientError };

/**
 * Gives every pid of a restored wallet to this device alone. `save` is called before each call goes out, for the keys must
 * be kept before the ledger gives them the pid, and after what failed; one pid that is closed does not keep the others.
 */
export async function recoverPids(
  api: ApiClient,
  restored: PatientWallet,
  {
    recoveryCode,
    nowMs,
    save,
  }: {
    readonly recoveryCode: string;
    nowMs(): number;
    save(wallet: PatientWallet): Promise<void>;
  },
): Promise<{ readonly wallet: PatientWallet; readonly outcomes: readonly RecoveryOutcome[] }> {
  let wallet = restored;
  const outcomes: RecoveryOutcome[] = [];
  for (const { pid, organisation } of restored.content.pids) {
    const before = wallet;
    const occasion: Occasion = { network: wallet.content.network, nowMs: nowMs() };
    const prepared = await recover(wallet, occasion, { pid, recoveryCode });
    wallet = prepared.wallet;
    await save(wallet);
    try {
      const { block } = await submitCall(api, organisation, prepared);
      outcomes.push({ organisation, pid, block });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      outcomes.push({ organisation, pid, error });
      if (!isUnanswered(error)) wallet = before;
      await save(wallet);
    }
  }
  for (const outcome of outcomes) {
    if ('block' in outcome) await asPatient(api, wallet, outcome.pid, (session) => putBackup(session, wallet));
  }
  return { wallet, outcomes };
}
