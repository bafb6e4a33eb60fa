import type { UnansweredCall } from '@salus/client';
import type { Terms } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import type { PreparedGrant } from '@salus/wallet';

/** Decisions that were begun and not brought to their end; the oldest make room. */
const GRANTS_KEPT_MAX = 64;

/** A grant that a decision has made, or is making; the same decision, tried again, goes on with it. */
export interface UnfinishedGrant {
  /** What the patient decides: the answer to one request, say. */
  readonly decision: string;
  readonly pid: string;
  /** SHA-256 of what is opened to whom: another choice is another grant. */
  readonly choice: string;
  /** Its end, and the period of what it opens. */
  readonly times: readonly (number | null)[];
  readonly grant: string;
  /** What is sent, until the ledger's answer is known; null once it is committed. */
  readonly sent: (Pick<PreparedGrant, 'call' | 'privateArgs' | 'seals'> & { readonly places?: Json }) | null;
}

/** Narrower terms of a running grant, on their way to the ledger and to the grantee. */
export interface UnfinishedNarrowing {
  readonly grant: string;
  readonly terms: Terms;
  readonly salt: string;
  readonly madeMs: number;
  /** What is sent, until the ledger's answer is known; null once it is committed and the grantee is to be told. */
  readonly sent: Pick<PreparedGrant, 'call' | 'privateArgs'> | null;
  /** The code of the refusal: nothing was narrowed, and the patient has yet to read so. Absent before. */
  readonly refused?: string;
}

/** The recovery sheet of a first claim: it exists nowhere else until its patient has it on paper. */
export interface UnconfirmedSheet {
  readonly organisation: string;
  readonly pid: string;
  readonly recoveryCode: string;
}

/** What a patient's device has begun and must not forget; it stays on the device, sealed, and is in no backup. */
export interface Unfinished {
  readonly calls: readonly UnansweredCall[];
  readonly grants: readonly UnfinishedGrant[];
  /** At most one of each grant; absent where there never was one. */
  readonly narrowings?: readonly UnfinishedNarrowing[];
  readonly sheet: UnconfirmedSheet | null;
  /** Whether some node has not the newest backup yet. */
  readonly owesBackup: boolean;
}

export const NOTHING_UNFINISHED: Unfinished = { calls: [], grants: [], sheet: null, owesBackup: false };

export function withUnfinishedGrant(unfinished: Unfinished, grant: UnfinishedGrant): Unfinished {
  const others = unfinished.grants.filter((known) => known.grant !== grant.grant);
  return { ...unfinished, grants: [...others, grant].slice(-GRANTS_KEPT_MAX) };
}

export function withoutUnfinishedGrant(unfinished: Unfinished, grant: string): Unfinished {
  return { ...unfinished, grants: unfinished.grants.filter((known) => known.grant !== grant) };
}

/**
 * Each narrowing is known by its salt: two tabs may narrow one grant, and the salt of a call that is on its way must not get
 * lost.
 *
 * @returns undefined where another narrowing of the grant is under way
 */
export function beginNarrowing(unfinished: Unfinished, begun: UnfinishedNarrowing): Unfinished | undefined {
  const { narrowings = [] } = unfinished;
  if (narrowings.some(({ grant, refused }) => grant === begun.grant && refused === undefined)) return undefined;
  const others = narrowings.filter(({ grant }) => grant !== begun.grant);
  return { ...unfinished, narrowings: [...others, begun].slice(-GRANTS_KEPT_MAX) };
}

/** Has nobody brought this very narrowing to its end meanwhile? */
export function keepsNarrowing({ narrowings = [] }: Unfinished, { salt }: Pick<UnfinishedNarrowing, 'salt'>): boolean {
  return narrowings.some((known) => known.salt === salt);
}

/** The narrowing as it stands now; where it was brought to its end meanwhile, nothing. */
export function withNarrowing(unfinished: Unfinished, now: UnfinishedNarrowing): Unfinished {
  const { narrowings = [] } = unfinished;
  return { ...unfinished, narrowings: narrowings.map((known) => (known.salt === now.salt ? now : known)) };
}

export function withoutNarrowing(unfinished: Unfinished, { salt }: Pick<UnfinishedNarrowing, 'salt'>): Unfinished {
  const { narrowings = [] } = unfinished;
  return { ...unfinished, narrowings: narrowings.filter((known) => known.salt !== salt) };
}
