import { type GrantFact, grantKey, type OpenedTerms } from '@salus/contracts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import type { Agreement, VisitDocument } from './visit-document.ts';

const NORMAL = 'N';

/** What is told in a visit: a category, and the types of it that are handed over. */
export interface Matter {
  readonly category: string;
  readonly types: readonly string[];
}

/** For each kind of order: what its receiver sees, and what is told in return. */
export const MATTERS = {
  'laboratory-order': {
    sees: { category: 'orders', types: ['ServiceRequest'] },
    tells: { category: 'laboratory', types: ['Observation', 'DiagnosticReport'] },
  },
  prescription: {
    sees: { category: 'medication', types: ['MedicationRequest'] },
    tells: { category: 'medication', types: ['MedicationDispense'] },
  },
} as const satisfies { readonly [step: string]: { readonly sees: Matter; readonly tells: Matter } };

export type OrderStep = keyof typeof MATTERS;

export function isOrderStep(step: string): step is OrderStep {
  return Object.hasOwn(MATTERS, step);
}

/** Whom a grant must reach, and with what. */
interface Reach extends Matter {
  readonly organisation: string;
}

/** A live grant that the patient of this organisation signed for another one; `grant`: that one and no other. */
export async function findGrantTo(
  { vault }: HostedOrganisation,
  pid: string,
  reach: Reach,
  grant?: string,
): Promise<OpenedTerms | undefined> {
  const active = await vault.grants.listActive(pid);
  return active.find(
    (opened) => (grant === undefined || opened.terms.grant === grant) && reaches(opened, reach, vault.clock()),
  );
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
  { agreement, step }: { readonly agreement: Agreement | null; readonly step: OrderStep },
): Promise<Agreement> {
  if (agreement === null || pid === null) throw notAgreed();
  const { sees, tells } = MATTERS[step];
  const there = { organisation: agreement.organisation, ...sees };
  const here = { organisation: organisation.slug, ...tells };
  const given = await findGrantTo(organisation, pid, there, agreement.grant);
  const back = await organisation.exchange.tokens.find(agreement.pid, agreement.back);
  const isWhole =
    given !== undefined &&
    back?.authorOrganisation === agreement.organisation &&
    reaches(back, here, organisation.vault.clock()) &&
    (await isActive(organisation, back));
  if (!isWhole) throw notAgreed();
  return agreement;
}

async function isActive({ vault }: HostedOrganisation, { terms }: Pick<OpenedTerms, 'terms'>): Promise<boolean> {
  const nowMs = vault.clock();
  const fact = (await vault.ledger.get(grantKey(terms.pid, terms.grant))) as GrantFact | undefined;
  return fact?.status === 'active' && terms.notBeforeMs <= nowMs && nowMs <= terms.notAfterMs;
}

/**
 * A hand-over reaches the whole organisation and tells of now: a grant to one person, of single records or of another time
 * is no agreement to it.
 */
function reaches(
  { terms }: Pick<OpenedTerms, 'terms'>,
  { organisation, category, types }: Reach,
  nowMs: number,
): boolean {
  const { grantee, categories, labelClasses, purposes, resourceTypes, records, dataFromMs, dataToMs } = terms;
  return (
    grantee.kind === 'organisation' &&
    grantee.organisation === organisation &&
    categories.includes(category) &&
    labelClasses.includes(NORMAL) &&
    purposes.includes('TREAT') &&
    (resourceTypes === null || types.every((type) => resourceTypes.includes(type))) &&
    records === null &&
    (dataFromMs ?? nowMs) <= nowMs &&
    nowMs <= (dataToMs ?? nowMs)
  );
}

function notAgreed(): ServerError {
  return new ServerError('not-agreed', 'The patient has not agreed to this hand-over, or took it back.');
}
