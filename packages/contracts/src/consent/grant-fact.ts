import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { DELEGATION_DEPTH_MAX, type GrantKind } from './terms.ts';

/** A grant whose terms are committed. `uses` counts sessions of it and of every grant delegated from it. */
export type KnownGrantFact = {
  readonly kind: GrantKind;
  readonly commitment: string;
  readonly status: 'active' | 'revoked' | 'expired';
  readonly uses: number;
  /** The times of its first and its last call: they never run backwards. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** The grant that it was delegated from. */
  readonly parent?: string;
  /** Public half of the key on an emergency card. */
  readonly cardKey?: string;
};

/** A revocation that came before its grant: should a withheld grant arrive later, it is refused. */
export type ForestalledGrantFact = {
  readonly kind: null;
  readonly commitment: null;
  readonly status: 'revoked';
  readonly uses: 0;
  readonly firstMs: number;
  readonly lastMs: number;
};

/** grant/<pid>/<grant> */
export type GrantFact = KnownGrantFact | ForestalledGrantFact;

export const grantKey = (pid: string, grant: string): string => `grant/${pid}/${grant}`;

/** One grant with its place in the state. */
export type Link = { readonly grant: string; readonly fact: KnownGrantFact };

/** The active grant, or `grant-unknown`, `grant-revoked`, `grant-expired`; `time-backwards` before its last call. */
export async function readActiveGrant(context: Context, pid: string, grant: string): Promise<Link> {
  const fact = await context.get<GrantFact>(grantKey(pid, grant));
  if (fact === undefined) throw new ContractError('grant-unknown');
  if (fact.kind === null || fact.status === 'revoked') throw new ContractError('grant-revoked');
  demand(fact.status === 'active', 'grant-expired');
  demand(context.timestampMs >= fact.lastMs, 'time-backwards');
  return { grant, fact };
}

/**
 * An active grant and everything that it was delegated from, itself first: each must be active (`parent-inactive`) and its
 * times must not run backwards. The way up is public, so that whoever verifies without private arguments walks it too.
 */
export async function readLineage(context: Context, pid: string, grant: string): Promise<readonly Link[]> {
  const lineage = [await readActiveGrant(context, pid, grant)];
  for (let parent = lineage[0]?.fact.parent; parent !== undefined; parent = lineage.at(-1)?.fact.parent) {
    // `delegate` bounds the depth: a longer way up is a broken state.
    if (lineage.length > DELEGATION_DEPTH_MAX) throw new Error('a grant has more ancestors than delegation allows');
    const fact = await context.get<GrantFact>(grantKey(pid, parent));
    if (fact === undefined || fact.kind === null || fact.status !== 'active')
      throw new ContractError('parent-inactive');
    demand(context.timestampMs >= fact.lastMs, 'time-backwards');
    lineage.push({ grant: parent, fact });
  }
  return lineage;
}

/** Refuses a grant id that was used or revoked before: `grant-revoked`, `grant-exists`. */
export async function demandNewGrant(context: Context, pid: string, grant: string): Promise<void> {
  const fact = await context.get<GrantFact>(grantKey(pid, grant));
  demand(fact?.status !== 'revoked', 'grant-revoked');
  demand(fact === undefined, 'grant-exists');
}

/** Writes a new active grant. */
export function putNewGrant(
  context: Context,
  pid: string,
  grant: string,
  made: Pick<KnownGrantFact, 'kind' | 'commitment' | 'parent' | 'cardKey'>,
): void {
  const { timestampMs } = context;
  const fact: KnownGrantFact = { ...made, status: 'active', uses: 0, firstMs: timestampMs, lastMs: timestampMs };
  context.put(grantKey(pid, grant), fact);
}

/** Writes what changed in a grant, and that this call is its last. */
export function putGrant(
  context: Context,
  pid: string,
  { grant, fact }: Link,
  change: Partial<Pick<KnownGrantFact, 'commitment' | 'status' | 'uses'>>,
): void {
  context.put(grantKey(pid, grant), { ...fact, ...change, lastMs: context.timestampMs } satisfies KnownGrantFact);
}

/** A session counts for the grant and for every grant above it: delegating must not multiply `maxUses`. */
export function countUse(context: Context, pid: string, lineage: readonly Link[]): void {
  for (const link of lineage) putGrant(context, pid, link, { uses: link.fact.uses + 1 });
}
