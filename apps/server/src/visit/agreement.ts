import { type GrantFact, grantKey, type OpenedTerms } from '@salus/contracts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import type { Agreement, VisitDocument } from './visit-document.ts';

const NORMAL = 'N';

/** Whom a grant must reach, and with what. */
export interface Reach {
  readonly organisation: string;
  readonly category: string;
}

/** A live grant that the patient of this organisation signed for another one; `grant`: that one and no other. */
export async function findGrantTo(
  { vault }: HostedOrganisation,
  pid: string,
  reach: Reach,
  grant?: string,
): Promise<OpenedTerms | undefined> {
  const active = await vault.grants.listActive(pid);
  return active.find((opened) => (grant === undefined || opened.terms.grant === grant) && reaches(opened, reach));
}

/**
 * Both halves of what the patient agreed to hold now: what the other organisation may see of this one's record, and what
 * it may tell this one.
 *
 * @throws ServerError `not-agreed`
 */
export async function demandAgreement(
  organisation: HostedOrganisation,
  { pid }: Pick<VisitDocument, 'pid'>,
  { agreement, sees, tells }: { readonly agreement: Agreement | null; readonly sees: string; readonly tells: string },
): Promise<Agreement> {
  if (agreement === null || pid === null) throw notAgreed();
  const there = { organisation: agreement.organisation, category: sees };
  const here = { organisation: organisation.slug, category: tells };
  const given = await findGrantTo(organisation, pid, there, agreement.grant);
  const back = await organisation.exchange.tokens.find(agreement.pid, agreement.back);
  const isWhole =
    given !== undefined &&
    back?.authorOrganisation === agreement.organisation &&
    reaches(back, here) &&
    (await isActive(organisation, back));
  if (!isWhole) throw notAgreed();
  return agreement;
}

async function isActive({ vault }: HostedOrganisation, { terms }: Pick<OpenedTerms, 'terms'>): Promise<boolean> {
  const nowMs = vault.clock();
  const fact = (await vault.ledger.get(grantKey(terms.pid, terms.grant))) as GrantFact | undefined;
  return fact?.status === 'active' && terms.notBeforeMs <= nowMs && nowMs <= terms.notAfterMs;
}

function reaches({ terms }: Pick<OpenedTerms, 'terms'>, { organisation, category }: Reach): boolean {
  const { grantee, categories, labelClasses, purposes } = terms;
  return (
    grantee.kind !== 'card' &&
    grantee.organisation === organisation &&
    categories.includes(category) &&
    labelClasses.includes(NORMAL) &&
    purposes.includes('TREAT')
  );
}

function notAgreed(): ServerError {
  return new ServerError('not-agreed', 'The patient has not agreed to this hand-over, or took it back.');
}
