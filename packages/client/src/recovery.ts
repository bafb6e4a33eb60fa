import { type PatientFact, patientKey } from '@salus/contracts';
import { hashTuple, kidOf, type SealedEnvelope, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import {
  mergeContents,
  type Occasion,
  type PatientWallet,
  type PidEntry,
  type PreparedCall,
  parseRecoveryCode,
  recover,
  recoveryKeyOf,
  restoreContent,
  type WalletContent,
  WalletError,
  withPid,
} from '@salus/wallet';
import type { ApiClient } from './api-client.ts';
import { ClientError, isCallRefused } from './client-error.ts';
import { putBackup } from './consents.ts';
import { asPatient, type NodeSession, readState, submitCall, whileLoggedIn } from './session.ts';

/** Recovery keys that a code is tried with: each claim and each recovery takes the next. */
const RECOVERY_KEYS_TRIED = 32;

/** Backups of one wallet that are looked through; a node keeps fewer. */
const BACKUPS_MAX = 16;

/** Where a recovery starts: one pid, its organisation, and the code. */
export interface RecoveryStart {
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  readonly recoveryCode: string;
}

/**
 * Logs in with whichever of the code's keys is the pid's recovery key now, and opens the backups that the wallet's devices
 * left: what all of them knew, as one content. A backup that is not of this code is passed over where another is.
 *
 * @throws ClientError `wrong-recovery-code`; WalletError `bad-recovery-code`, `bad-wallet` where none is of this code
 */
export async function restoreBackups(api: ApiClient, start: RecoveryStart): Promise<WalletContent> {
  const backups = await fetchBackups(await logInToRecover(api, start, 0));
  const opened: WalletContent[] = [];
  let refusal: WalletError | undefined;
  for (const backup of backups) {
    try {
      opened.push(await restoreContent(start.network, start.recoveryCode, backup));
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      refusal = error;
    }
  }
  const [newest, ...others] = opened;
  if (newest === undefined) throw refusal ?? new WalletError('bad-wallet', 'No backup of this wallet was found.');
  return mergeContents(newest, ...others);
}

/** Each device's own, the newest first. */
async function fetchBackups(session: NodeSession): Promise<readonly SealedEnvelope[]> {
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/patient/backup`;
  return whileLoggedIn(session, async () => {
    const backups: SealedEnvelope[] = [];
    for (let place: number | null = 0; place !== null && backups.length < BACKUPS_MAX; ) {
      const found: { readonly backup: SealedEnvelope; readonly next?: number | null } = await api.send({
        ...{ method: 'GET', path, token, query: { place } },
      });
      backups.push(found.backup);
      // A node of before keeps one for all devices.
      place = found.next ?? null;
    }
    return backups;
  });
}

/** @param likely the key that is tried first: of an old backup it is not the pid's any more */
async function logInToRecover(
  api: ApiClient,
  { network, organisation, pid, recoveryCode }: RecoveryStart,
  likely: number,
): Promise<NodeSession> {
  const secret = parseRecoveryCode(recoveryCode);
  const path = `/api/v1/orgs/${organisation}/patient`;
  const all = Array.from({ length: RECOVERY_KEYS_TRIED }, (_, index) => index);
  for (const index of [likely, ...all.filter((other) => other !== likely)]) {
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
    if (token !== undefined) return { api: api.at(organisation), organisation, token };
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
  | {
      readonly organisation: string;
      readonly pid: string;
      readonly error: ClientError | WalletError;
      /** Whether the call ended nothing; else it may have been done, and the keys that it names must be kept. */
      readonly isRefused: boolean;
    };

/** A key change that went out, of whose end nothing is known: sent again as it is, it says its end. */
export interface UnansweredCall extends PreparedCall {
  readonly organisation: string;
  readonly pid: string;
  /** The pid in the wallet before this call, to which a refusal goes back; null where there was none. */
  readonly before: PidEntry | null;
}

export interface Recovery {
  readonly wallet: PatientWallet;
  readonly outcomes: readonly RecoveryOutcome[];
  readonly unanswered: readonly UnansweredCall[];
  /** Whether each node that gave its pid back has the wallet's new backup. */
  readonly isBackedUp: boolean;
}

/**
 * Gives every pid of a restored wallet to this device alone, by the recovery key and number that the ledger holds now: the
 * backup may be older. `save` is called before each call goes out, for the keys must be kept before the ledger gives them
 * the pid, and after its end; one pid that is closed does not keep the others.
 *
 * @throws ClientError `wrong-recovery-code`, or what the node refuses before the first call goes out
 */
export async function recoverPids(
  api: ApiClient,
  restored: PatientWallet,
  {
    start,
    nowMs,
    save,
  }: {
    readonly start: RecoveryStart;
    nowMs(): number;
    save(wallet: PatientWallet, unanswered: readonly UnansweredCall[]): Promise<void>;
  },
): Promise<Recovery> {
  const { recoveryCode } = start;
  let wallet: PatientWallet = { ...restored, content: await asOnLedger(api, restored.content, start) };
  const outcomes: RecoveryOutcome[] = [];
  let unanswered: readonly UnansweredCall[] = [];
  for (const before of wallet.content.pids) {
    const { pid, organisation } = before;
    const occasion: Occasion = { network: wallet.content.network, nowMs: nowMs() };
    try {
      const { call, privateArgs, wallet: changed } = await recover(wallet, occasion, { pid, recoveryCode });
      const sent: UnansweredCall = { organisation, pid, before, call, privateArgs };
      // What a call named stands in a block even where it was refused: no other pid gets that recovery key.
      const { recoveryNext } = changed.content;
      const refused: WalletContent = { ...wallet.content, recoveryNext };
      await save(changed, [...unanswered, sent]);
      const outcome = await submitRecovery(api, sent);
      outcomes.push(outcome);
      const isRefused = 'error' in outcome && outcome.isRefused;
      if ('error' in outcome && !isRefused) unanswered = [...unanswered, sent];
      wallet = { ...wallet, content: isRefused ? refused : changed.content };
      await save(wallet, unanswered);
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      outcomes.push({ organisation, pid, error, isRefused: true });
    }
  }
  return { wallet, outcomes, unanswered, isBackedUp: await backUpAt(api, wallet, outcomes) };
}

async function submitRecovery(api: ApiClient, sent: UnansweredCall): Promise<RecoveryOutcome> {
  const { organisation, pid } = sent;
  try {
    const { block } = await submitCall(api, organisation, sent);
    return { organisation, pid, block };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { organisation, pid, error, isRefused: isCallRefused(error) };
  }
}

/** The pids are this device's whether this succeeds or not. */
async function backUpAt(api: ApiClient, wallet: PatientWallet, outcomes: readonly RecoveryOutcome[]): Promise<boolean> {
  let isBackedUp = true;
  for (const outcome of outcomes) {
    if ('error' in outcome) continue;
    try {
      await asPatient(api, wallet, outcome.pid, (session) => putBackup(session, wallet));
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      isBackedUp = false;
    }
  }
  return isBackedUp;
}

/** Each pid with the recovery key and number of its last key change, and a next key above all that any of them ever had. */
async function asOnLedger(api: ApiClient, content: WalletContent, start: RecoveryStart): Promise<WalletContent> {
  const likely = content.pids.find(({ pid }) => pid === start.pid)?.recoveryIndex ?? 0;
  const session = await logInToRecover(api, start, likely);
  const facts = await whileLoggedIn(session, () =>
    Promise.all(content.pids.map(({ pid }) => readState<PatientFact>(session, patientKey(pid)))),
  );
  const secret = parseRecoveryCode(start.recoveryCode);
  const keys = Array.from({ length: RECOVERY_KEYS_TRIED }, (_, index) => recoveryKeyOf(secret, index).publicKey);
  let newest = content;
  for (const [at, entry] of content.pids.entries()) {
    const { recovery, sequence = 0 } = facts[at] ?? {};
    const found = recovery === undefined ? -1 : keys.indexOf(recovery);
    const recoveryIndex = found < 0 ? entry.recoveryIndex : found;
    newest = withPid(newest, { ...entry, recoveryIndex, sequence: Math.max(entry.sequence, sequence) });
    newest = { ...newest, recoveryNext: Math.max(newest.recoveryNext, recoveryIndex + 1) };
  }
  // Keys that were given to a device that is about to be silenced: without them this pid could not be recovered again.
  const isShort = newest.recoveryNext >= newest.recoveryKeys.length;
  return isShort ? { ...newest, recoveryKeys: keys } : newest;
}
