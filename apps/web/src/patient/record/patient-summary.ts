import { type FhirTree, type FhirValue, isList, isTree } from '@salus/fhir/parse';
import { nameOfResource } from '../../fhir/reference.ts';
import type { RecordEntry } from './record-entry.ts';
import { currentOf, lineOf, SECTIONS, type Section, subjectOf } from './summary-sections.ts';

const LOINC = 'http://loinc.org';
const IPS = 'http://hl7.org/fhir/uv/ips/StructureDefinition';
const ABSENT = 'http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips';
/** The language of the sections' titles and of the summary's own words. */
const LANGUAGE = 'en';

export interface SummaryOptions {
  /** `https://node.example`: resources keep the addresses that they have there. */
  readonly origin: string;
  readonly nowMs: number;
  /** Draws a random UUID: for the document, and for what it says of nobody's resource. */
  drawId(): string;
  /** Names of the organisations, by slug. */
  readonly organisations: ReadonlyMap<string, string>;
}

/**
 * The International Patient Summary of everything given (HL7 IPS 1.1, FHIR R4 document bundle): a Composition, the patient
 * as the newest of the organisations' Patients has them, and the resources of each section, every one as its author wrote
 * it but for absolute references and the one patient. Entries written in error stay out.
 *
 * Undefined without a Patient: a summary of nobody is none.
 */
export function patientSummaryOf(entries: readonly RecordEntry[], options: SummaryOptions): FhirTree | undefined {
  const current = currentOf(entries);
  const subject = subjectOf(current);
  if (subject === undefined) return undefined;
  const addresses: Addresses = { origin: options.origin, patient: addressOf(subject, options.origin) };
  const sections = SECTIONS.map((section) => ({ section, chosen: section.choose(current) }));
  const authors = [
    ...new Set([subject, ...sections.flatMap(({ chosen }) => chosen)].map(({ organisation }) => organisation)),
  ];
  const resources = new Map<string, FhirTree>();
  resources.set(addresses.patient, absolute(subject, addresses));
  for (const organisation of authors) {
    resources.set(authorAddress(organisation, options.origin), authorOf(organisation, options));
  }
  const { drawId } = options;
  const written = sections.flatMap(({ section, chosen }) =>
    sectionOf({ section, chosen, addresses, resources, drawId }),
  );
  const documentId = drawId();
  const date = new Date(options.nowMs).toISOString();
  const composition: FhirTree = {
    resourceType: 'Composition',
    id: documentId,
    meta: { profile: [`${IPS}/Composition-uv-ips`] },
    language: LANGUAGE,
    status: 'final',
    type: { coding: [{ system: LOINC, code: '60591-5', display: 'Patient summary Document' }] },
    subject: { reference: addresses.patient },
    date,
    author: authors.map((organisation) => ({ reference: authorAddress(organisation, options.origin) })),
    title: 'International Patient Summary',
    confidentiality: 'N',
    section: written,
  };
  const fullUrl = `urn:uuid:${documentId}`;
  const entry = [
    { fullUrl, resource: composition },
    ...[...resources].map(([url, resource]) => ({ fullUrl: url, resource })),
  ];
  return {
    resourceType: 'Bundle',
    meta: { profile: [`${IPS}/Bundle-uv-ips`] },
    identifier: { system: 'urn:ietf:rfc:3986', value: fullUrl },
    type: 'document',
    timestamp: date,
    entry,
  };
}

function sectionOf({
  section: { code, display, title, absent },
  chosen,
  addresses,
  resources,
  drawId,
}: {
  readonly section: Section;
  readonly chosen: readonly RecordEntry[];
  readonly addresses: Addresses;
  readonly resources: Map<string, FhirTree>;
  drawId(): string;
}): readonly FhirTree[] {
  const head = { title, code: { coding: [{ system: LOINC, code, display }] } };
  if (chosen.length > 0) {
    for (const entry of chosen) resources.set(addressOf(entry, addresses.origin), absolute(entry, addresses));
    const entry = chosen.map((one) => ({ reference: addressOf(one, addresses.origin) }));
    return [{ ...head, text: narrativeOf(chosen.map(({ resource }) => lineOf(resource, LANGUAGE))), entry }];
  }
  if (absent === undefined) return [];
  const id = drawId();
  const url = `urn:uuid:${id}`;
  resources.set(url, absentResource(absent, { id, patient: addresses.patient }));
  return [{ ...head, text: narrativeOf([absent.display]), entry: [{ reference: url }] }];
}

/** What IPS writes where nothing is known, instead of leaving a reader to think that there is nothing. */
function absentResource(
  { type, code, display }: NonNullable<Section['absent']>,
  { id, patient }: { readonly id: string; readonly patient: string },
): FhirTree {
  const concept = { coding: [{ system: ABSENT, code, display }] };
  const reference = { reference: patient };
  if (type === 'MedicationStatement') {
    return { resourceType: type, id, status: 'unknown', medicationCodeableConcept: concept, subject: reference };
  }
  const clinicalStatus = (system: string): FhirTree => ({
    coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: 'active' }],
  });
  if (type === 'AllergyIntolerance') {
    return {
      resourceType: type,
      id,
      clinicalStatus: clinicalStatus('allergyintolerance-clinical'),
      code: concept,
      patient: reference,
    };
  }
  return {
    resourceType: type,
    id,
    clinicalStatus: clinicalStatus('condition-clinical'),
    code: concept,
    subject: reference,
  };
}

function narrativeOf(lines: readonly string[]): FhirTree {
  const items = lines.map((line) => `<li>${escapeXml(line)}</li>`).join('');
  return { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml"><ul>${items}</ul></div>` };
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

interface Addresses {
  readonly origin: string;
  /** Of the one patient that the summary is about. */
  readonly patient: string;
}

/** Where a resource stands at its author's node. */
export function addressOf(
  { organisation, resource }: Pick<RecordEntry, 'organisation' | 'resource'>,
  origin: string,
): string {
  return `${origin}/${organisation}/fhir/R4/${nameOfResource(resource)}`;
}

function authorAddress(organisation: string, origin: string): string {
  return `${origin}/${organisation}/fhir/R4/Organization/${organisation}`;
}

function authorOf(organisation: string, { organisations }: SummaryOptions): FhirTree {
  return { resourceType: 'Organization', id: organisation, name: organisations.get(organisation) ?? organisation };
}

/** The resource with references that hold outside its author's node; whichever Patient it names there is the one of the summary. */
function absolute(entry: RecordEntry, addresses: Addresses): FhirTree {
  return rewritten(entry.resource, { organisation: entry.organisation, ...addresses }) as FhirTree;
}

const RELATIVE = /^([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/;

function rewritten(value: FhirValue, place: Addresses & { readonly organisation: string }): FhirValue {
  if (isList(value)) return value.map((one) => rewritten(one, place));
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => {
      if (child === undefined) return [name, child];
      if (name !== 'reference' || typeof child !== 'string') return [name, rewritten(child, place)];
      const [, type] = RELATIVE.exec(child) ?? [];
      if (type === undefined) return [name, child];
      return [name, type === 'Patient' ? place.patient : `${place.origin}/${place.organisation}/fhir/R4/${child}`];
    }),
  );
}
