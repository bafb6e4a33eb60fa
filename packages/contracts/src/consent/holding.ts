import type { Context, MemberCaller } from '../context.ts';
import { demand } from '../errors.ts';
import type { Link } from './grant-fact.ts';
import { isDelegation } from './narrower.ts';
import { type Grantee, grantCommitment, type OpenedTerms, type Terms } from './terms.ts';

/** The role by which an organisation's certificate says that a person works for a study. */
export const studyRole = (study: string): string => `study-${study}`;

/**
 * Is `reader` a holder of the grant at the head of `lineage`, now? The terms of every link open its commitment and belong to
 * it, each lies inside the one above, and all are within their times and uses; the reader is the grantee and not excepted.
 * Codes, in this order: `commitment-mismatch`, `terms-mismatch`, `not-narrower`, `grant-not-yet`, `grant-expired`, `uses-exhausted`,
 * `organisation-mismatch`, `holder-mismatch`, `actor-excepted`.
 */
export function demandHolder(context: Context, { pid, lineage, opened, reader }: Holding): Terms {
  demand(opened.length === lineage.length, 'commitment-mismatch', 'ancestors');
  lineage.forEach((link, index) => {
    demandOpened(context, pid, link, opened[index]!);
  });
  const chain = opened.map(({ terms }) => terms);
  chain.slice(1).forEach((parent, index) => {
    demand(isDelegation(chain[index]!, parent), 'not-narrower');
  });
  for (const terms of chain) demandInTime(terms, context.timestampMs);
  lineage.forEach(({ fact }, index) => {
    demand(hasUsesLeft(chain[index]!, fact.uses), 'uses-exhausted');
  });
  const terms = chain[0]!;
  demandGrantee(terms.grantee, reader);
  demand(!terms.exceptActors.includes(reader.id), 'actor-excepted');
  return terms;
}

export type Holding = {
  readonly pid: string;
  readonly lineage: readonly Link[];
  /** The terms of each link. */
  readonly opened: readonly OpenedTerms[];
  readonly reader: MemberCaller;
};

/** Do these terms open the grant's commitment (`commitment-mismatch`), and are they this grant's (`terms-mismatch`)? */
export function demandOpened(context: Context, pid: string, { grant, fact }: Link, opened: OpenedTerms): void {
  const { terms } = opened;
  demand(grantCommitment(context.pure, opened) === fact.commitment, 'commitment-mismatch');
  const own =
    terms.network === context.network &&
    terms.pid === pid &&
    terms.grant === grant &&
    terms.kind === fact.kind &&
    terms.parent === (fact.parent ?? null);
  demand(own, 'terms-mismatch');
}

/** Both ends are inclusive. */
export function demandInTime(terms: Terms, atMs: number): void {
  demand(atMs >= terms.notBeforeMs, 'grant-not-yet');
  demand(atMs <= terms.notAfterMs, 'grant-expired');
}

export function hasUsesLeft(terms: Terms, uses: number): boolean {
  return terms.maxUses === null || uses < terms.maxUses;
}

function demandGrantee(grantee: Grantee, reader: MemberCaller): void {
  // A card is used by its key, in consent.emergency.
  demand(grantee.kind !== 'card', 'holder-mismatch');
  demand(reader.organisation === grantee.organisation, 'organisation-mismatch');
  demand(isHolder(grantee, reader), 'holder-mismatch');
}

function isHolder(grantee: Exclude<Grantee, { readonly kind: 'card' }>, reader: MemberCaller): boolean {
  switch (grantee.kind) {
    // A session is one person's or one client's; nodes and devices read nothing under a grant.
    case 'organisation':
      return reader.memberKind === 'staff' || reader.memberKind === 'client';
    case 'role':
      return reader.memberKind === 'staff' && reader.roles.includes(grantee.role);
    case 'person':
      return reader.memberKind === 'staff' && reader.id === grantee.id;
    case 'client':
      return reader.memberKind === 'client' && reader.id === grantee.id;
    case 'study':
      return reader.memberKind === 'staff' && reader.roles.includes(studyRole(grantee.study));
  }
}
