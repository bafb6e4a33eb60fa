import {
  type EmergencyFact,
  emergencyKey,
  type GrantFact,
  grantCommitment,
  grantKey,
  type OpenedTerms,
  type PatientFact,
  patientKey,
  type RevokedFact,
  type RootsFact,
  revokedKey,
  rootsKey,
  type SessionFact,
  type SignedCall,
  sessionKey,
} from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import { BoundedCache } from '../bounded-cache.ts';
import type { LedgerView } from '../ledger-view.ts';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import { rowsLog } from '../rows-log.ts';
import type { Store } from '../store/index.ts';
import type { Clock, Denial } from '../vault-types.ts';
import { isShutOut } from './release-rules.ts';

/** A reader as the certificate says, whose chain the contract has verified. */
export interface Reader {
  readonly id: string;
  readonly organisation: string;
  readonly roles: readonly string[];
}

/** What the author's node knows of one session; sealed at rest, since it names the grantee. */
export interface GatewaySession {
  /** Id of the reader's request. */
  readonly session: string;
  readonly pid: string;
  readonly reader: Reader;
  /** null for an emergency without card. */
  readonly grant: string | null;
  readonly emergency: boolean;
  /** Of the grant and its ancestors, itself first; empty for an emergency without card. */
  readonly opened: readonly OpenedTerms[];
  /** null: every category. */
  readonly categories: readonly string[] | null;
  readonly purpose: string;
  readonly recipient: { readonly kid: string; readonly publicKey: string };
  readonly request: SignedCall;
  readonly untilMs: number;
}

/** Sessions kept opened in memory; others are read from the store again. */
export const SESSIONS_CACHE_MAX = 10_000;
/** Rows of ended sessions that one sweep removes. */
const SWEEP_MAX = 1_000;

/** Sessions that survive a restart, so that a reader's one request is not lost with the process. */
export class GatewaySessions {
  readonly #store: Store;
  readonly #masterKey: MasterKey;
  readonly #cache = new BoundedCache<GatewaySession>(SESSIONS_CACHE_MAX);

  constructor(store: Store, masterKey: MasterKey) {
    this.#store = store;
    this.#masterKey = masterKey;
  }

  async find(session: string): Promise<GatewaySession | undefined> {
    const cached = this.#cache.find(session);
    if (cached !== undefined) return cached;
    const sessionToken = this.#tokenOf(session);
    const row = await this.#store.read
      .selectFrom('session')
      .select('sealed')
      .where('sessionToken', '=', sessionToken)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const found = this.#masterKey.openJson('session', sessionToken, row.sealed) as unknown as GatewaySession;
    this.#cache.put(session, found);
    return found;
  }

  /** Durable before the request is spent on the ledger: without the ledger's word it opens nothing. */
  async put(session: GatewaySession): Promise<void> {
    const sessionToken = this.#tokenOf(session.session);
    const sealed = this.#masterKey.sealJson('session', sessionToken, session as unknown as Json);
    const row = { sessionToken, untilMs: session.untilMs, sealed };
    await this.#store.write(async (trx) => {
      await trx
        .insertInto('session')
        .values(row)
        .onConflict((conflict) => conflict.column('sessionToken').doUpdateSet(row))
        .execute();
      await rowsLog.cover(trx, 'session', sessionToken, row);
    });
    this.#cache.put(session.session, session);
  }

  async remove(session: string): Promise<void> {
    this.#cache.delete(session);
    await this.#removeRows([this.#tokenOf(session)]);
  }

  /** Removes rows of sessions that ended before `atMs`. */
  async sweep(atMs: number): Promise<number> {
    const rows = await this.#store.read
      .selectFrom('session')
      .select('sessionToken')
      .where('untilMs', '<', atMs)
      .limit(SWEEP_MAX)
      .execute();
    await this.#removeRows(rows.map((row) => row.sessionToken));
    return rows.length;
  }

  async #removeRows(tokens: readonly string[]): Promise<void> {
    if (tokens.length === 0) return;
    await this.#store.write(async (trx) => {
      const gone = await trx
        .deleteFrom('session')
        .where('sessionToken', 'in', tokens)
        .returning('sessionToken')
        .execute();
      await rowsLog.coverAll(
        trx,
        gone.map(({ sessionToken }) => ({ kind: 'session', rowKey: sessionToken, row: null })),
      );
    });
  }

  #tokenOf(session: string): string {
    return this.#masterKey.token('request', 'session', session);
  }
}

export interface DoorView {
  readonly ledger: LedgerView;
  readonly clock: Clock;
  listDenials(pid: string): Promise<readonly Denial[]>;
}

/**
 * The door's own decision, taken anew for every object at the moment of its release, whatever was decided before: the
 * ledger holds the session, it has not ended, the reader and their organisation are still members, the patient has not
 * denied them, and the grant with all that it was delegated from is active, unchanged and within its times.
 * Throws `session-ended` with the reason as detail.
 */
export async function demandLiveSession(view: DoorView, session: GatewaySession): Promise<void> {
  const { ledger, clock } = view;
  const { pid, reader, opened } = session;
  const [call, roots, revoked, patient, denials, ...grants] = await Promise.all([
    ledger.get(sessionKey(session.session)) as Promise<SessionFact | undefined>,
    ledger.get(rootsKey(reader.organisation)) as Promise<RootsFact | undefined>,
    ledger.get(revokedKey(reader.organisation)) as Promise<RevokedFact | undefined>,
    ledger.get(patientKey(pid)) as Promise<PatientFact | undefined>,
    view.listDenials(pid),
    ...opened.map(({ terms }) => ledger.get(grantKey(pid, terms.grant)) as Promise<GrantFact | undefined>),
  ]);
  const nowMs = clock();
  const fact = call?.session;
  if (fact === undefined || fact.pid !== pid || (fact.grant ?? null) !== grantOfFact(session))
    throw ended('session-unknown');
  if (nowMs >= fact.untilMs) throw ended('session-over');
  if (roots?.status !== 'active') throw ended('organisation-removed');
  if (revoked === undefined || revoked.some(([id]) => id === reader.id)) throw ended('signer-revoked');
  if (patient === undefined || patient.status === 'closed') throw ended('patient-closed');
  // A session that was open when the pid was merged releases nothing more of it.
  if (patient.merged !== undefined) throw ended('patient-merged');
  opened.forEach((link, index) => {
    demandLiveGrant(link, grants[index], { nowMs, isParent: index > 0 });
  });
  // In an emergency a life may hang on what was denied in calmer times; the patient sees it at once.
  if (session.emergency) await demandOpenEmergency(ledger, session);
  else if (isShutOut(denials, reader.id, opened[0]?.terms ?? null)) throw ended('actor-excepted');
}

function demandLiveGrant(
  opened: OpenedTerms,
  fact: GrantFact | undefined,
  { nowMs, isParent }: { readonly nowMs: number; readonly isParent: boolean },
): void {
  if (fact === undefined) throw ended('grant-unknown');
  if (fact.status !== 'active') throw ended(isParent ? 'parent-inactive' : `grant-${fact.status}`);
  if (fact.commitment !== commitmentOf(opened)) throw ended('commitment-mismatch');
  if (nowMs < opened.terms.notBeforeMs) throw ended('grant-not-yet');
  if (nowMs > opened.terms.notAfterMs) throw ended('grant-expired');
}

/** Of terms that never change: hashed once, although they are compared with the ledger at every release. */
const commitments = new WeakMap<OpenedTerms, string>();

export function commitmentOf(opened: OpenedTerms): string {
  const known = commitments.get(opened);
  if (known !== undefined) return known;
  const commitment = grantCommitment({ hashTuple }, opened);
  commitments.set(opened, commitment);
  return commitment;
}

async function demandOpenEmergency(ledger: LedgerView, session: GatewaySession): Promise<void> {
  const fact = (await ledger.get(emergencyKey(session.pid, session.session))) as EmergencyFact | undefined;
  if (fact === undefined) throw ended('session-unknown');
  if (fact.status === 'reviewed') throw ended('emergency-reviewed');
}

/** The ledger's session names the grant of a use; an emergency's card stands in its own fact. */
function grantOfFact(session: GatewaySession): string | null {
  return session.emergency ? null : session.grant;
}

function ended(detail: string): RecordsError {
  return new RecordsError('session-ended', `the session is over: ${detail}`, { detail });
}
