import { GUARDIAN_SCOPES, type GuardianScope, parseTerms, type Terms } from '@salus/contracts';
import { type Json, parseJson } from '@salus/crypto';
import { WalletError } from './wallet-error.ts';

export const CONTENT_VERSION = 'salus:wallet:v1';
/** Recovery keys whose public halves a wallet keeps for later pids; the secret itself is on paper. */
export const RECOVERY_KEYS_KEPT = 32;
/** The code's recovery keys for claims, over all recoveries. */
export const RECOVERY_KEYS_MAX = 256;
const CONTENT_BYTES_MAX = 4 * 1024 * 1024;

export interface PidEntry {
  readonly organisation: string;
  readonly pid: string;
  /** The kid of this device's signing key for the pid. */
  readonly kid: string;
  /** The recovery key that the claim named: which of `recoveryKeys`. */
  readonly recoveryIndex: number;
  /** How often a recovery has replaced that key, by keys that are this pid's alone; absent before the first. */
  readonly recoveryTurn?: number;
  /** The last sequence number that this wallet used for a key change. */
  readonly sequence: number;
}

/** Somebody for whom this wallet acts as guardian. */
export interface WardEntry {
  readonly organisation: string;
  readonly pid: string;
  /** The kid of this device's key for the ward. */
  readonly kid: string;
  readonly scope: readonly GuardianScope[];
  readonly untilMs: number;
  /** What the guardian calls the ward; it stays in the wallet. */
  readonly name: string;
}

export interface GrantEntry {
  readonly terms: Terms;
  readonly salt: string;
  /** When these terms were signed: a narrowing makes them anew. */
  readonly madeMs: number;
  readonly revokedMs: number | null;
}

export interface SeenCheckpoint {
  readonly number: number;
  readonly hash: string;
  /** Of the channel that has taken the ledger over, whose blocks are numbered anew; absent before. */
  readonly onChannel?: true;
}

/** What a wallet knows; it holds no key. Backed up whole, under a key that only the recovery secret opens. */
export interface WalletContent {
  readonly version: typeof CONTENT_VERSION;
  readonly network: string;
  readonly pids: readonly PidEntry[];
  readonly grants: readonly GrantEntry[];
  readonly recoveryKeys: readonly string[];
  /** The first recovery key that no call named yet: one that a refused claim named stands in a block, and must not link two pids. */
  readonly recoveryNext: number;
  readonly backupKey: string;
  readonly checkpoint: SeenCheckpoint | null;
  /** Absent where there never was one. */
  readonly wards?: readonly WardEntry[];
}

/** @throws WalletError `bad-wallet` where bytes are not the content of a wallet of this version. */
export function parseContent(bytes: Uint8Array): WalletContent {
  const value = parseJson(bytes, { sizeMax: CONTENT_BYTES_MAX, depthMax: 16 });
  const { version, network, pids, grants, recoveryKeys, recoveryNext, backupKey, checkpoint, wards } = asObject(value);
  if (version !== CONTENT_VERSION)
    throw new WalletError('bad-wallet', `The wallet is not of version ${CONTENT_VERSION}.`);
  return {
    version,
    network: asText(network),
    pids: asList(pids).map(parsePidEntry),
    grants: asList(grants).map(parseGrantEntry),
    recoveryKeys: asList(recoveryKeys).map(asText),
    recoveryNext: asCount(recoveryNext),
    backupKey: asText(backupKey),
    checkpoint: checkpoint === null ? null : parseCheckpoint(checkpoint),
    ...(wards === undefined ? {} : { wards: asList(wards).map(parseWard) }),
  };
}

/** @throws WalletError `pid-unknown` */
export function pidEntry(content: WalletContent, pid: string): PidEntry {
  const entry = content.pids.find((candidate) => candidate.pid === pid);
  if (entry === undefined) throw new WalletError('pid-unknown', 'The wallet holds no such pid: claim it first.');
  return entry;
}

/**
 * Where a pid is and by which key this wallet signs for it: an own one, or a ward's.
 *
 * @throws WalletError `pid-unknown`
 */
export function actingEntry(content: WalletContent, pid: string): Pick<PidEntry, 'organisation' | 'pid' | 'kid'> {
  return (content.wards ?? []).find((ward) => ward.pid === pid) ?? pidEntry(content, pid);
}

/** @throws WalletError `grant-unknown` */
export function grantEntry(content: WalletContent, grant: string): GrantEntry {
  const entry = content.grants.find((candidate) => candidate.terms.grant === grant);
  if (entry === undefined) throw new WalletError('grant-unknown', 'The wallet holds no such grant.');
  return entry;
}

export function withPid(content: WalletContent, entry: PidEntry): WalletContent {
  return { ...content, pids: [...content.pids.filter(({ pid }) => pid !== entry.pid), entry] };
}

/** Forgets a pid whose claim was refused; the recovery key that the claim named stays used. */
export function withoutPid(content: WalletContent, pid: string): WalletContent {
  return { ...content, pids: content.pids.filter((entry) => entry.pid !== pid) };
}

export function withWard(content: WalletContent, ward: WardEntry): WalletContent {
  return { ...content, wards: [...(content.wards ?? []).filter(({ pid }) => pid !== ward.pid), ward] };
}

export function withoutWard(content: WalletContent, pid: string): WalletContent {
  return { ...content, wards: (content.wards ?? []).filter((ward) => ward.pid !== pid) };
}

export function withGrant(content: WalletContent, entry: GrantEntry): WalletContent {
  return { ...content, grants: [...content.grants.filter(({ terms }) => terms.grant !== entry.terms.grant), entry] };
}

/** Forgets a grant that the ledger refused. */
export function withoutGrant(content: WalletContent, grant: string): WalletContent {
  return { ...content, grants: content.grants.filter(({ terms }) => terms.grant !== grant) };
}

/** A grant that another wallet made is not here, and stays so. */
export function withRevoked(content: WalletContent, grant: string, revokedMs: number): WalletContent {
  const grants = content.grants.map((entry) => (entry.terms.grant === grant ? { ...entry, revokedMs } : entry));
  return { ...content, grants };
}

/**
 * Keeps the newest checkpoint seen. A lower one, or another hash at the same number, means that a node shows this
 * person another history than before.
 *
 * @throws WalletError `checkpoint-went-back`
 */
export function withCheckpoint<Content extends Pick<WalletContent, 'checkpoint'>>(
  content: Content,
  seen: SeenCheckpoint,
): Content {
  const last = content.checkpoint;
  if (last !== null && (seen.number < last.number || (seen.number === last.number && seen.hash !== last.hash))) {
    throw new WalletError(
      'checkpoint-went-back',
      `The node shows block ${seen.number}, this wallet has seen block ${last.number}: the ledger was cut or replaced.`,
    );
  }
  return { ...content, checkpoint: seen };
}

function parsePidEntry(value: Json): PidEntry {
  const { organisation, pid, kid, recoveryIndex, recoveryTurn, sequence } = asObject(value);
  return {
    organisation: asText(organisation),
    pid: asText(pid),
    kid: asText(kid),
    recoveryIndex: asCount(recoveryIndex),
    ...(recoveryTurn === undefined ? {} : { recoveryTurn: asCount(recoveryTurn) }),
    sequence: asCount(sequence),
  };
}

function parseWard(value: Json): WardEntry {
  const { organisation, pid, kid, scope, untilMs, name } = asObject(value);
  return {
    organisation: asText(organisation),
    pid: asText(pid),
    kid: asText(kid),
    scope: asList(scope).map(parseScope),
    untilMs: asCount(untilMs),
    name: asText(name),
  };
}

function parseScope(value: Json): GuardianScope {
  const scope = GUARDIAN_SCOPES.find((word) => word === value);
  if (scope === undefined) throw malformed();
  return scope;
}

function parseGrantEntry(value: Json): GrantEntry {
  const { terms, salt, madeMs, revokedMs } = asObject(value);
  return {
    terms: parseTerms(terms, 'terms'),
    salt: asText(salt),
    madeMs: asCount(madeMs),
    revokedMs: revokedMs === null ? null : asCount(revokedMs),
  };
}

function parseCheckpoint(value: Json | undefined): SeenCheckpoint {
  const { number, hash, onChannel } = asObject(value ?? null);
  if (onChannel !== undefined && onChannel !== true) throw malformed();
  return { number: asCount(number), hash: asText(hash), ...(onChannel === true ? { onChannel } : {}) };
}

function asObject(value: Json): { readonly [key: string]: Json | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  return value as { readonly [key: string]: Json };
}

function asList(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw malformed();
  return value as readonly Json[];
}

function asText(value: Json | undefined): string {
  if (typeof value !== 'string') throw malformed();
  return value;
}

function asCount(value: Json | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed();
  return value;
}

function malformed(): WalletError {
  return new WalletError('bad-wallet', 'The content of the wallet is malformed.');
}
