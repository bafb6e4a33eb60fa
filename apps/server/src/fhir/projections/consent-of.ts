import type { GrantFact, Terms } from '@salus/contracts';
import type { FhirTree } from '@salus/fhir';
import type { StoredRequest } from '@salus/records';

export const CATEGORY_SYSTEM = 'urn:salus:category';
export const ORGANISATION_SYSTEM = 'urn:salus:organisation';
export const MEMBER_SYSTEM = 'urn:salus:member';
export const PURPOSE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const ROLE_SYSTEM = 'urn:salus:role';
const STUDY_SYSTEM = 'urn:salus:study';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const EXTENSION = 'urn:salus:consent';

/** Whom a Consent is about: the FHIR id of the Patient, and where the records lie. */
export interface ConsentPlace {
  readonly fhirId: string;
  readonly organisation: string;
}

/** Status on the ledger as FHIR has it: what was taken back, used up or has ended is inactive. */
export function consentStatus(fact: Pick<GrantFact, 'status'> | undefined, terms: Terms, nowMs: number): string {
  return fact?.status === 'active' && nowMs <= terms.notAfterMs ? 'active' : 'inactive';
}

/** A grant as R4 Consent: what its terms allow is the provision (docs/fhir-operations.md has the table). */
export function consentOfGrant(
  { terms, status, madeMs }: { readonly terms: Terms; readonly status: string; readonly madeMs: number },
  place: ConsentPlace,
): FhirTree {
  const { grantee } = terms;
  const data = terms.records ?? [];
  const extension = [
    ...(terms.maxUses === null ? [] : [{ url: `${EXTENSION}:max-uses`, valueInteger: terms.maxUses }]),
    { url: `${EXTENSION}:may-keep`, valueBoolean: terms.mayKeep },
    ...(terms.delegationDepth === 0
      ? []
      : [{ url: `${EXTENSION}:delegation-depth`, valueInteger: terms.delegationDepth }]),
    // Which records are meant is known to who holds the grant; here only that it is not all.
    ...(data.length === 0 ? [] : [{ url: `${EXTENSION}:records`, valueInteger: data.length }]),
  ];
  return {
    resourceType: 'Consent',
    id: idOf('grant', terms.grant),
    extension,
    status,
    ...frame(grantee.kind === 'study', place),
    dateTime: new Date(madeMs).toISOString(),
    performer: [{ reference: `Patient/${place.fhirId}` }],
    provision: {
      type: 'permit',
      period: { start: timeOf(terms.notBeforeMs), end: timeOf(terms.notAfterMs) },
      actor: [actorOf(grantee)],
      ...labelsOf(terms.labelClasses),
      purpose: terms.purposes.map((code) => ({ system: PURPOSE_SYSTEM, code })),
      ...(terms.resourceTypes === null
        ? {}
        : { class: terms.resourceTypes.map((code) => ({ system: 'http://hl7.org/fhir/resource-types', code })) }),
      ...categoriesOf(terms.categories),
      ...dataPeriodOf(terms),
      ...(terms.exceptActors.length === 0
        ? {}
        : { provision: [{ type: 'deny', actor: terms.exceptActors.map((id) => actorNamed(MEMBER_SYSTEM, id)) }] }),
    },
  };
}

/** A request to the patient: proposed until it is answered; what was granted is a Consent of its own. */
export function consentOfRequest({ asked, createdMs, status }: StoredRequest, place: ConsentPlace): FhirTree {
  return {
    resourceType: 'Consent',
    id: idOf('request', asked.request),
    status: REQUEST_STATUS[status],
    ...frame(asked.grantee.kind === 'study', place),
    dateTime: new Date(createdMs).toISOString(),
    provision: {
      type: 'permit',
      ...(asked.notAfterMs === null ? {} : { period: { end: timeOf(asked.notAfterMs) } }),
      actor: [actorOf(asked.grantee)],
      purpose: asked.purposes.map((code) => ({ system: PURPOSE_SYSTEM, code })),
      ...categoriesOf(asked.categories),
    },
  };
}

const REQUEST_STATUS: { readonly [status in StoredRequest['status']]: string } = {
  open: 'proposed',
  granted: 'inactive',
  partly: 'inactive',
  declined: 'rejected',
};

/** Ids of the ledger have "_", which no id of FHIR may: the same 128 bits in base 16. */
export function idOf(kind: 'grant' | 'request', id: string): string {
  return `${kind}-${Buffer.from(id, 'base64url').toString('hex')}`;
}

function frame(isStudy: boolean, { fhirId, organisation }: ConsentPlace): FhirTree {
  const scope = isStudy ? 'research' : 'patient-privacy';
  return {
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: scope }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: { reference: `Patient/${fhirId}` },
    organization: [{ identifier: { system: ORGANISATION_SYSTEM, value: organisation } }],
    policyRule: { coding: [{ system: ACT_CODE, code: 'OPTIN' }] },
  };
}

function actorOf(grantee: Terms['grantee']): FhirTree {
  switch (grantee.kind) {
    case 'organisation':
      return actorNamed(ORGANISATION_SYSTEM, grantee.organisation);
    case 'role':
      return actorNamed(ROLE_SYSTEM, `${grantee.organisation}/${grantee.role}`);
    case 'person':
    case 'client':
      return actorNamed(MEMBER_SYSTEM, grantee.id);
    case 'study':
      return actorNamed(STUDY_SYSTEM, `${grantee.organisation}/${grantee.study}`);
    case 'card':
      return { role: RECIPIENT, reference: { display: 'whoever holds the emergency card' } };
  }
}

const RECIPIENT = {
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }],
};

function actorNamed(system: string, value: string): FhirTree {
  return { role: RECIPIENT, reference: { identifier: { system, value } } };
}

/** `N` is of HL7's confidentiality codes, as is `R`; the rest are sensitivities. */
function labelsOf(labelClasses: readonly string[]): FhirTree {
  if (labelClasses.length === 0) return {};
  const isLevel = (code: string): boolean => code === 'N' || code === 'R';
  return { securityLabel: labelClasses.map((code) => ({ system: isLevel(code) ? CONFIDENTIALITY : ACT_CODE, code })) };
}

function categoriesOf(categories: readonly string[]): FhirTree {
  if (categories.length === 0) return {};
  return { code: categories.map((code) => ({ coding: [{ system: CATEGORY_SYSTEM, code }] })) };
}

function dataPeriodOf({ dataFromMs, dataToMs }: Terms): FhirTree {
  if (dataFromMs === null && dataToMs === null) return {};
  return {
    dataPeriod: {
      ...(dataFromMs === null ? {} : { start: timeOf(dataFromMs) }),
      ...(dataToMs === null ? {} : { end: timeOf(dataToMs) }),
    },
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
