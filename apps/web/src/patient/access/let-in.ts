import type { HeldGrant, NodeSession } from '@salus/client';
import type { Grantee, Terms as GrantTerms } from '@salus/contracts';
import type { WalletContent } from '@salus/wallet';
import type { Place } from './acting.ts';
import { stateOf } from './grant-state.ts';
import { signedTerms } from './narrower.ts';

/** What a place knows of the app of one active grant. */
export interface KnownApp {
  readonly grant: string;
  /** null of another organisation's app. */
  readonly name: string | null;
  /** Does the ledger let it act? null of another organisation's app. */
  readonly live: boolean | null;
  /** With which it was let in; null where no log-in of it lasts. */
  readonly scopes: readonly string[] | null;
  readonly lastReadMs: number | null;
}

/** The grants of one pid, and what its place knows of the apps among the grantees. */
export interface LetInAt {
  readonly entry: Place;
  readonly grants: readonly HeldGrant[];
  readonly apps: readonly KnownApp[];
  /** How far back the place looked for an app's last reading; null: to the beginning. */
  readonly lookedBackToMs: number | null;
}

/** A grant that lets an app read at one place. */
export interface AppGrant {
  readonly entry: Place;
  readonly grant: string;
  readonly terms: GrantTerms;
  /** The terms are the place's word: this device signed others. */
  readonly isChanged: boolean;
}

/** An app that a patient has let in, at one place or several. */
export interface LetInApp {
  readonly organisation: string;
  readonly id: string;
  readonly name: string | null;
  readonly isClosed: boolean;
  readonly scopes: readonly string[];
  readonly sinceMs: number | null;
  readonly lastReadMs: number | null;
  /** Where it is not known to have read: since when it has not; null: since ever. */
  readonly noReadingSinceMs: number | null;
  readonly grants: readonly AppGrant[];
}

export async function listKnownApps({
  api,
  organisation,
  token,
}: NodeSession): Promise<Pick<LetInAt, 'apps' | 'lookedBackToMs'>> {
  return api.send({ method: 'GET', path: `/api/v1/orgs/${organisation}/patient/apps`, token });
}

type Client = Extract<Grantee, { kind: 'client' }>;
type Found = AppGrant & { readonly client: Client; readonly held: HeldGrant; readonly at: LetInAt };

/** The apps behind active grants, the one that was let in last first. */
export function letInApps(
  places: readonly LetInAt[],
  content: Pick<WalletContent, 'grants'>,
  nowMs: number,
): readonly LetInApp[] {
  const found = places.flatMap((at) => at.grants.flatMap((held) => appGrantOf(at, { held, content, nowMs })));
  const byApp = Map.groupBy(found, ({ client }) => `${client.organisation} ${client.id}`);
  return [...byApp.values()].map(appOf).sort((left, right) => (right.sinceMs ?? 0) - (left.sinceMs ?? 0));
}

function appGrantOf(
  at: LetInAt,
  {
    held,
    content,
    nowMs,
  }: { readonly held: HeldGrant; readonly content: Pick<WalletContent, 'grants'>; readonly nowMs: number },
): readonly Found[] {
  const signed = signedTerms(content, held);
  const terms = signed ?? held.terms;
  if (terms?.grantee.kind !== 'client' || stateOf(held, nowMs) !== 'active') return [];
  const isChanged = signed === undefined && content.grants.some((known) => known.terms.grant === held.grant);
  return [{ entry: at.entry, grant: held.grant, terms, isChanged, client: terms.grantee, held, at }];
}

function appOf(found: readonly Found[]): LetInApp {
  const [{ client }] = found as readonly [Found, ...Found[]];
  const known = found.flatMap(({ at, grant }) => at.apps.filter((app) => app.grant === grant));
  const firstMs = found.flatMap(({ held }) => held.fact.firstMs ?? []);
  const readMs = known.flatMap(({ lastReadMs }) => lastReadMs ?? []);
  const backMs = found.flatMap(({ at }) => at.lookedBackToMs ?? []);
  return {
    organisation: client.organisation,
    id: client.id,
    name: known.find(({ name }) => name !== null)?.name ?? null,
    isClosed: known.some(({ live }) => live === false),
    scopes: [...new Set(known.flatMap(({ scopes }) => scopes ?? []))],
    sinceMs: firstMs.length === 0 ? null : Math.min(...firstMs),
    lastReadMs: readMs.length === 0 ? null : Math.max(...readMs),
    noReadingSinceMs: backMs.length === 0 ? null : Math.max(...backMs),
    grants: found.map(({ entry, grant, terms, isChanged }) => ({ entry, grant, terms, isChanged })),
  };
}
