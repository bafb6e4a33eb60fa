import { createHash, randomBytes } from 'node:crypto';
import type { GuardianScope, SignedDelegation } from '@salus/contracts';

export const SESSION_MS = 12 * 3_600_000;
export const SESSION_IDLE_MS = 30 * 60_000;
export const SESSIONS_MAX = 10_000;
export const SESSIONS_PER_PERSON_MAX = 20;
const TOKEN_BYTES = 32;

/** Who logged in; which of the two decides what the routes allow. */
export type Principal =
  | {
      readonly kind: 'staff';
      readonly organisation: string;
      readonly id: string;
      readonly roles: readonly string[];
      /** Name of the account that the person logged in with. */
      readonly account: string;
    }
  | {
      readonly kind: 'patient';
      readonly organisation: string;
      readonly pid: string;
      readonly kid: string;
      /** Set where somebody acts for the patient. */
      readonly guardian?: { readonly scope: readonly GuardianScope[]; readonly untilMs: number };
    }
  /** Holds the recovery key of a pid and no device any more. */
  | { readonly kind: 'recovery'; readonly organisation: string; readonly pid: string; readonly kid: string };

export interface Session {
  readonly principal: Principal;
  readonly expiresMs: number;
  /** The person's signed permission for this node to write under the person's name. */
  readonly delegation: SignedDelegation | null;
}

interface Entry {
  session: Session;
  usedMs: number;
}

/**
 * Who is logged in to this node. Sessions live in memory: a restart ends them all, and nothing at rest opens one.
 * Only a hash of the token is kept, so that a memory dump of the table opens none either.
 */
export class Sessions {
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @returns the bearer token, 43 characters; it exists nowhere else. `notAfterMs`: when the person's certificate ends. */
  open(
    principal: Principal,
    notAfterMs = Number.MAX_SAFE_INTEGER,
  ): { readonly token: string; readonly expiresMs: number } {
    this.#forgetExpired();
    const own = [...this.#entries].filter(([, { session }]) => isSame(session.principal, principal));
    if (own.length >= SESSIONS_PER_PERSON_MAX) this.#entries.delete(own[0]![0]);
    if (this.#entries.size >= SESSIONS_MAX) this.#entries.delete(this.#entries.keys().next().value!);
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const expiresMs = Math.min(this.#nowMs() + SESSION_MS, notAfterMs);
    this.#entries.set(hash(token), { session: { principal, expiresMs, delegation: null }, usedMs: this.#nowMs() });
    return { token, expiresMs };
  }

  find(token: string): Session | undefined {
    const entry = this.#entries.get(hash(token));
    if (entry === undefined) return undefined;
    if (this.#isOver(entry)) {
      this.#entries.delete(hash(token));
      return undefined;
    }
    entry.usedMs = this.#nowMs();
    return entry.session;
  }

  /** Does the session still count? Asking is no use of it: an open page does not keep it alive. */
  isOpen(token: string): boolean {
    const entry = this.#entries.get(hash(token));
    return entry !== undefined && !this.#isOver(entry);
  }

  /** Replaces the delegation of one session. */
  delegate(token: string, delegation: SignedDelegation): void {
    const entry = this.#entries.get(hash(token));
    if (entry !== undefined) entry.session = { ...entry.session, delegation };
  }

  close(token: string): void {
    this.#entries.delete(hash(token));
  }

  /** Ends every session of those whom `isOut` names: a revoked identity, a removed device. */
  closeWhere(isOut: (principal: Principal) => boolean): number {
    const out = [...this.#entries].filter(([, { session }]) => isOut(session.principal));
    for (const [key] of out) this.#entries.delete(key);
    return out.length;
  }

  get size(): number {
    return this.#entries.size;
  }

  #isOver({ session, usedMs }: Entry): boolean {
    const now = this.#nowMs();
    return now >= session.expiresMs || now - usedMs >= SESSION_IDLE_MS;
  }

  #forgetExpired(): void {
    for (const [key, entry] of this.#entries) if (this.#isOver(entry)) this.#entries.delete(key);
  }
}

function isSame(a: Principal, b: Principal): boolean {
  if (a.organisation !== b.organisation) return false;
  if (a.kind === 'staff' || b.kind === 'staff') return a.kind === 'staff' && b.kind === 'staff' && a.id === b.id;
  return a.kind === b.kind && a.pid === b.pid && a.kid === b.kid;
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
