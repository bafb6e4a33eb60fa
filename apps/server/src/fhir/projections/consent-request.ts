import { PURPOSES, type Purpose, REQUEST_VERSION, type RequestTerms } from '@salus/contracts';
import { hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import {
  type FhirTree,
  type FhirValue,
  isCategory,
  isResourceType,
  isTree,
  parsePeriod,
  type ResourceType,
  rowOf,
} from '@salus/fhir';
import { signNodeCall } from '@salus/records';
import { takeRequest } from '../../consent.ts';
import type { HostedOrganisation } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { CATEGORY_SYSTEM, MEMBER_SYSTEM, PURPOSE_SYSTEM } from './consent-of.ts';

const RESOURCE_TYPE_SYSTEM = 'http://hl7.org/fhir/resource-types';
const ID_BYTES = 16;
const SALT_BYTES = 32;

type Wanted = Pick<RequestTerms, 'categories' | 'purposes' | 'notAfterMs' | 'text'> & {
  readonly person: string | null;
};

/**
 * What a posted Consent asks for: categories (or types, taken for theirs), purposes, until when, and for which person of the
 * own organisation. All else that it says is not asked, since a request cannot say it.
 *
 * @throws ServerError `bad-request` when it names no category or purpose that this network knows
 */
export function wantedOf(consent: FhirTree): Wanted {
  const provision = isTree(consent.provision) ? consent.provision : {};
  const categories = new Set([
    ...codesOf(conceptsOf(provision.code), CATEGORY_SYSTEM).filter(isCategory),
    ...codesOf(treesIn(provision.class), RESOURCE_TYPE_SYSTEM).flatMap(categoryOfType),
  ]);
  const purposes = codesOf(treesIn(provision.purpose), PURPOSE_SYSTEM).filter(isPurpose);
  if (categories.size === 0 || purposes.length === 0) {
    throw new ServerError(
      'bad-request',
      `The provision names categories (code of ${CATEGORY_SYSTEM}, or class) and purposes (${PURPOSE_SYSTEM}).`,
    );
  }
  const period = isTree(provision.period) ? provision.period.end : undefined;
  const end = typeof period === 'string' ? parsePeriod(period) : undefined;
  const attachment = isTree(consent.sourceAttachment) ? consent.sourceAttachment.title : undefined;
  return {
    categories: [...categories],
    purposes: [...new Set(purposes)],
    notAfterMs: end === undefined ? null : end.endMs - 1,
    text: typeof attachment === 'string' ? attachment : '',
    person: personIn(provision),
  };
}

/** Sends the request to the patient, signed by the organisation's node; @returns its id on the ledger. */
export async function requestConsent(
  organisation: HostedOrganisation,
  { pid, requester, wanted }: { readonly pid: string; readonly requester: string; readonly wanted: Wanted },
): Promise<string> {
  const { slug, node, vault } = organisation;
  const { network } = vault.ledger;
  const { person, ...words } = wanted;
  const request = toBase64url(randomBytes(ID_BYTES));
  const salt = toBase64url(randomBytes(SALT_BYTES));
  const grantee =
    person === null
      ? ({ kind: 'organisation', organisation: slug } as const)
      : ({ kind: 'person', organisation: slug, id: person } as const);
  const asked: RequestTerms = { version: REQUEST_VERSION, network, pid, request, grantee, ...words };
  const values = { asked: asked as unknown as Json, salt };
  const args = { pid, request, commitment: hashTuple('request', salt, values.asked) };
  const identity = { network, node, clock: vault.clock };
  const { call, privateArgs } = await signNodeCall(identity, { transaction: 'consent.request', args, values });
  await takeRequest(organisation, { call, ...(privateArgs === undefined ? {} : { privateArgs }) }, requester);
  return request;
}

function personIn(provision: FhirTree): string | null {
  for (const actor of treesIn(provision.actor)) {
    const identifier = isTree(actor.reference) ? actor.reference.identifier : undefined;
    if (isTree(identifier) && identifier.system === MEMBER_SYSTEM && typeof identifier.value === 'string') {
      return identifier.value;
    }
  }
  return null;
}

function categoryOfType(code: string): readonly string[] {
  if (!isResourceType(code)) return [];
  const { category } = rowOf(code satisfies ResourceType);
  return typeof category === 'string' ? [category] : [category.otherwise];
}

function isPurpose(code: string): code is Purpose {
  return (PURPOSES as readonly string[]).includes(code);
}

function codesOf(codings: readonly FhirTree[], system: string): readonly string[] {
  return codings.flatMap((coding) =>
    coding.system === system && typeof coding.code === 'string' ? [coding.code] : [],
  );
}

function conceptsOf(value: FhirValue | undefined): readonly FhirTree[] {
  return treesIn(value).flatMap((concept) => treesIn(concept.coding));
}

function treesIn(value: FhirValue | undefined): readonly FhirTree[] {
  return Array.isArray(value) ? (value as readonly FhirValue[]).filter(isTree) : [];
}
