import { type GrantFact, grantKey, type PatientFact, patientKey } from '@salus/contracts';
import {
  canonicalBytes,
  HPKE_PLAINTEXT_BYTES_MAX,
  hashTuple,
  type Json,
  kidOf,
  type SealedEnvelope,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import {
  type ContestedGrant,
  contentOf,
  contestedGrants,
  mergeContents,
  type PidEntry,
  parseRecoveryCode,
  RECOVERY_KEYS_KEPT,
  RECOVERY_KEYS_MAX,
  recoveryKeyOf,
  restoreContent,
  type SeenCheckpoint,
  type WalletContent,
  WalletError,
} from '@salus/wallet';
import type { ApiClient } from './api-client.ts';
import { ClientError } from './client-error.ts';
import { recoveryKeysOf, recoveryPlaces } from './recovery-keys.ts';
import { type NodeSession, readState, whileLoggedIn } from './session.ts';

/** Backups of one wallet that are looked through; a node keeps fewer. */
const BACKUPS_MAX = 16;
/** Grants of which devices differ and the ledger is asked. */
const CONTESTED_MAX = 256;
/** Of a wallet that is larger than an envelope there is no backup: what is joined leaves room for what comes. */
const JOINED_BYTES_MAX = (HPKE_PLAINTEXT_BYTES_MAX * 3) / 4;

/** Where a recovery starts: one pid, its organisation, and the code. */
export interface RecoveryStart {
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  readonly recoveryCode: string;
}

/** What the backups of a patient's devices knew, as far as code and ledger bear it out. */
export interface Restored {
  /** The checkpoint is null: see `seen`. */
  readonly content: WalletContent;
  /** What the devices had seen of the ledger. Whoever left a backup chose it: a node must show those blocks first. */
  readonly seen: readonly SeenCheckpoint[];
  /** Whether there was a backup of this code; else nothing is known but the pid that the recovery starts with. */
  readonly hasBackup: boolean;
}

/**
 * Logs in with whichever of the code's keys is the pid's recovery key now, and joins what the backups of the wallet's devices
 * knew. One that is not of this code is passed over. Of the others nothing is believed that the ledger knows better: pids that
 * the code recovers, with their organisation, key and number, and of a grant the terms that open its commitment.
 *
 * @throws ClientError `wrong-recovery-code`; WalletError `bad-recovery-code`
 */
export async function restoreBackups(api: ApiClient, start: RecoveryStart): Promise<Restored> {
  const secret = parseRecoveryCode(start.recoveryCode);
  const session = await logInToRecover(api, secret, start);
  return whileLoggedIn(session, async () => {
    const opened = await openBackups(await fetchBackups(session), start);
    const joined = await join(session, opened);
    // Without a backup nobody knows which keys other claims have named: none that a new wallet has is named again.
    const known = joined ?? { ...(await contentOf(start.network, secret)), recoveryNext: RECOVERY_KEYS_KEPT };
    return {
      content: await asOnLedger(session, known, start),
      seen: distinct(opened.flatMap(({ checkpoint }) => checkpoint ?? [])),
      hasBackup: joined !== undefined,
    };
  });
}

async function logInToRecover(
  api: ApiClient,
  secret: Uint8Array,
  { network, organisation, pid }: RecoveryStart,
): Promise<NodeSession> {
  const path = `/api/v1/orgs/${organisation}/patient`;
  for (const key of recoveryKeysOf(secret, pid)) {
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

/** Each device's own, in no order that says anything. */
async function fetchBackups({ api, organisation, token }: NodeSession): Promise<readonly SealedEnvelope[]> {
  const path = `/api/v1/orgs/${organisation}/patient/backup`;
  const backups: SealedEnvelope[] = [];
  try {
    for (let after: string | null = ''; after !== null && backups.length < BACKUPS_MAX; ) {
      const found: { readonly backup: SealedEnvelope; readonly next?: string | null } = await api.send({
        ...{ method: 'GET', path, token, query: { after } },
      });
      backups.push(found.backup);
      // A node of before keeps one for all devices.
      after = found.next ?? null;
    }
  } catch (error) {
    if (!(error instanceof ClientError && error.code === 'not-found')) throw error;
  }
  return backups;
}

async function openBackups(
  backups: readonly SealedEnvelope[],
  { network, recoveryCode }: RecoveryStart,
): Promise<readonly WalletContent[]> {
  const opened: WalletContent[] = [];
  for (const backup of backups) {
    try {
      opened.push(await restoreContent(network, recoveryCode, backup));
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
    }
  }
  return opened;
}

/** The smallest first: of one that swells the whole beyond what can be backed up, grants and wards stay out. */
async function join(session: NodeSession, opened: readonly WalletContent[]): Promise<WalletContent | undefined> {
  const [first, ...others] = opened.toSorted((one, other) => sizeOf(one) - sizeOf(other));
  if (first === undefined) return undefined;
  const commitments = await readCommitments(session, contestedGrants(opened));
  let joined = first;
  for (const other of others) {
    const whole = mergeContents(joined, [other], commitments);
    joined = sizeOf(whole) <= JOINED_BYTES_MAX ? whole : mergeContents(joined, [{ ...other, grants: [], wards: [] }]);
  }
  return joined;
}

const sizeOf = (content: WalletContent): number => canonicalBytes(content as unknown as Json).length;

async function readCommitments(
  session: NodeSession,
  contested: readonly ContestedGrant[],
): Promise<ReadonlyMap<string, string>> {
  const commitments = new Map<string, string>();
  for (const { pid, grant } of contested.slice(0, CONTESTED_MAX)) {
    const key = grantKey(pid, grant);
    const fact = await readState<GrantFact>(session, key);
    if (typeof fact?.commitment === 'string') commitments.set(key, fact.commitment);
  }
  return commitments;
}

function distinct(seen: readonly SeenCheckpoint[]): readonly SeenCheckpoint[] {
  return [...new Map(seen.map((one) => [JSON.stringify([one.number, one.hash, one.onChannel]), one])).values()];
}

/** The pids whose recovery key is one of the code's, as the ledger has them, and keys for claims that none of them has. */
async function asOnLedger(session: NodeSession, content: WalletContent, start: RecoveryStart): Promise<WalletContent> {
  const secret = parseRecoveryCode(start.recoveryCode);
  const placeOf = recoveryPlaces(secret);
  const isKnown = content.pids.some(({ pid }) => pid === start.pid);
  const named = isKnown ? content.pids : [{ pid: start.pid, kid: '' }, ...content.pids];
  const pids: PidEntry[] = [];
  for (const { pid, kid } of named) {
    const fact = await readState<PatientFact>(session, patientKey(pid));
    const place = fact?.recovery === undefined ? undefined : placeOf(pid, fact.recovery);
    if (fact === null || place === undefined) continue;
    pids.push({ organisation: fact.organisation, pid, kid, sequence: fact.sequence, ...place });
  }
  const own = new Set(pids.map(({ pid }) => pid));
  const { wards, ...rest } = content;
  // A ward that is an own pid would have this device sign with the ward's key.
  const others = wards?.filter(({ pid }) => !own.has(pid));
  const recoveryNext = Math.max(content.recoveryNext, ...pids.map(({ recoveryIndex }) => recoveryIndex + 1));
  return {
    ...rest,
    pids,
    ...keysForClaims(secret, { ...content, recoveryNext }),
    checkpoint: null,
    ...(others === undefined ? {} : { wards: others }),
  };
}

/** Where half of what a wallet begins with is gone, or was given to devices that are about to be silenced, others follow. */
function keysForClaims(
  secret: Uint8Array,
  { recoveryKeys, recoveryNext }: Pick<WalletContent, 'recoveryKeys' | 'recoveryNext'>,
): Pick<WalletContent, 'recoveryKeys' | 'recoveryNext'> {
  if (recoveryKeys.length - recoveryNext >= RECOVERY_KEYS_KEPT / 2) return { recoveryKeys, recoveryNext };
  const length = Math.min(recoveryNext + RECOVERY_KEYS_KEPT, RECOVERY_KEYS_MAX);
  const keys = Array.from({ length }, (_, index) => recoveryKeys[index] ?? recoveryKeyOf(secret, index).publicKey);
  return { recoveryKeys: keys, recoveryNext };
}
