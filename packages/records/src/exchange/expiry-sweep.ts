import {
  type DeviceFact,
  deviceKey,
  type GrantFact,
  grantKey,
  type Json,
  type OpenedTerms,
  type PatientFact,
  patientKey,
} from '@salus/contracts';
import { isDistrusted } from '../distrusted.ts';
import { documentNames } from '../documents.ts';
import { knownTerms } from '../known-grants.ts';
import type { LedgerView } from '../ledger-view.ts';
import type { MasterKey } from '../master-key.ts';
import { type NodeCall, type NodeIdentity, signNodeCall } from '../node-call.ts';
import type { Store } from '../store/index.ts';
import type { SubmittingLedger } from './gateway-open.ts';
import type { GatewaySessions } from './gateway-session.ts';

/** How often the node looks for grants and guardianships that are over. */
export const EXPIRY_INTERVAL_MS = 60_000;
/** The longest session: a grant whose last use was spent ends only when that session has. */
const LAST_SESSION_MS = 15 * 60_000;

export interface ExpiryParts extends NodeIdentity {
  readonly sessions: Pick<GatewaySessions, 'sweep'>;
  readonly ledger: LedgerView & SubmittingLedger;
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly onFailure: (error: unknown) => void;
  readonly intervalMs?: number;
}

/**
 * Sends `consent.expire` for grants whose time is over or whose uses are spent, and `patient.expireGuardian` for guardians
 * whose time is over. Both raise the owner's epoch: records written from then on are sealed under keys that the former
 * grantee or guardian cannot open (DESIGN §5). Removes rows of sessions that are over, too.
 */
export class ExpirySweep implements AsyncDisposable {
  readonly #parts: ExpiryParts;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<number> | undefined;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => {
      this.sweep().catch(parts.onFailure);
    }, parts.intervalMs ?? EXPIRY_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Looks at every session, known grant and guardian once; returns how many grants and guardianships it ended. */
  sweep(): Promise<number> {
    this.#running ??= this.#sweepAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running?.catch(this.#parts.onFailure);
  }

  async #sweepAll(): Promise<number> {
    const { sessions, clock } = this.#parts;
    await sessions.sweep(clock());
    let ended = await this.#endGuardians();
    for await (const opened of knownTerms(this.#parts)) {
      if (await this.#try(() => this.#expire(opened))) ended += 1;
    }
    return ended;
  }

  async #endGuardians(): Promise<number> {
    let ended = 0;
    for await (const name of documentNames(this.#parts, 'guardian')) {
      const [pid = '', kid = ''] = name.split('/');
      if (await this.#try(() => this.#expireGuardian(pid, kid))) ended += 1;
    }
    return ended;
  }

  /** A distrusted fact is told: it must not keep those behind it alive. */
  async #try(act: () => Promise<boolean>): Promise<boolean> {
    try {
      return await act();
    } catch (error) {
      if (!isDistrusted(error)) throw error;
      this.#parts.onFailure(error);
      return false;
    }
  }

  async #expire(opened: OpenedTerms): Promise<boolean> {
    const { pid, grant } = opened.terms;
    const fact = (await this.#parts.ledger.get(grantKey(pid, grant))) as GrantFact | undefined;
    if (fact?.status !== 'active' || !this.#isOver(opened, fact)) return false;
    return this.#submit({
      transaction: 'consent.expire',
      args: { pid, grant },
      values: opened as unknown as { readonly [key: string]: Json },
    });
  }

  async #expireGuardian(pid: string, kid: string): Promise<boolean> {
    const { ledger, clock } = this.#parts;
    const device = (await ledger.get(deviceKey(pid, kid))) as DeviceFact | undefined;
    if (device?.status !== 'active' || device.guardian === undefined || clock() < device.guardian.untilMs) return false;
    const patient = (await ledger.get(patientKey(pid))) as PatientFact | undefined;
    // Closing has ended the epoch already.
    if (patient === undefined || patient.status === 'closed') return false;
    return this.#submit({ transaction: 'patient.expireGuardian', args: { pid, kid } });
  }

  async #submit(content: NodeCall): Promise<boolean> {
    const signed = await signNodeCall(this.#parts, content);
    const outcome = await this.#parts.ledger.submit(signed.call, signed.privateArgs);
    // Refused: revoked, narrowed or ended in between; the next sweep looks again.
    return outcome.kind === 'committed';
  }

  #isOver({ terms }: OpenedTerms, fact: GrantFact): boolean {
    const nowMs = this.#parts.clock();
    if (nowMs > terms.notAfterMs) return true;
    return terms.maxUses !== null && fact.uses >= terms.maxUses && nowMs > fact.lastMs + LAST_SESSION_MS;
  }
}
