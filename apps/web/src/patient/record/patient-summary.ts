import { type FhirTree, type FhirValue, isList, isTree, stringOf } from '@salus/fhir/parse';
import { hasCode } from '../../fhir/concept.ts';
import { nameOfResource } from '../../fhir/reference.ts';
import { isEnteredInError, isOver, statusOf } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { valuesOf } from '../../fhir/value.ts';
import { whenOf, whenText } from '../../fhir/when.ts';
import { dosageText } from './medication.ts';
import { newestFirst, type RecordEntry } from './record-entry.ts';

const LOINC = 'http://loinc.org';
const IPS = 'http://hl7.org/fhir/uv/ips/StructureDefinition';
const ABSENT = 'http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips';
const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
/** A summary is to be read: of results and vital signs the newest of each kind, and no more than these. */
const RESULTS_MAX = 50;
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

interface Section {
  readonly code: string;
  readonly display: string;
  readonly title: string;
  /** What is said where nothing is known: only the three sections that a summary must have (IPS, Composition). */
  readonly absent: { readonly type: string; readonly code: string; readonly display: string } | undefined;
  choose(entries: readonly RecordEntry[]): readonly RecordEntry[];
}

const ofType =
  (...types: readonly string[]) =>
  (entries: readonly RecordEntry[]): readonly RecordEntry[] =>
    entries.filter(({ resource }) => types.includes(stringOf(resource.resourceType) ?? ''));

const SECTIONS: readonly Section[] = [
  {
    code: '48765-2',
    display: 'Allergies and adverse reactions Document',
    title: 'Allergies and intolerances',
    absent: { type: 'AllergyIntolerance', code: 'no-allergy-info', display: 'No information about allergies' },
    choose: ofType('AllergyIntolerance'),
  },
  {
    code: '10160-0',
    display: 'History of Medication use Narrative',
    title: 'Medicines',
    absent: { type: 'MedicationStatement', code: 'no-medication-info', display: 'No information about medications' },
    choose: (entries) =>
      ofType('MedicationRequest', 'MedicationStatement')(entries).filter(({ resource }) => !isOver(resource)),
  },
  {
    code: '11450-4',
    display: 'Problem list - Reported',
    title: 'Problems',
    absent: { type: 'Condition', code: 'no-problem-info', display: 'No information about problems' },
    choose: (entries) => ofType('Condition')(entries).filter(({ resource }) => !isOver(resource)),
  },
  {
    code: '11369-6',
    display: 'History of Immunization note',
    title: 'Vaccinations',
    absent: undefined,
    choose: ofType('Immunization'),
  },
  {
    code: '47519-4',
    display: 'History of Procedures Document',
    title: 'Procedures',
    absent: undefined,
    choose: ofType('Procedure'),
  },
  {
    code: '30954-2',
    display: 'Relevant diagnostic tests/laboratory data note',
    title: 'Results',
    absent: undefined,
    choose: (entries) => newestOfEach(entries.filter((entry) => isResult(entry.resource))),
  },
  {
    code: '8716-3',
    display: 'Vital signs note',
    title: 'Vital signs',
    absent: undefined,
    choose: (entries) => newestOfEach(entries.filter(({ resource }) => isVitalSign(resource))),
  },
  {
    code: '11348-0',
    display: 'History of Past illness note',
    title: 'Past problems',
    absent: undefined,
    choose: (entries) => ofType('Condition')(entries).filter(({ resource }) => isOver(resource)),
  },
];

/**
 * The International Patient Summary of everything given (HL7 IPS 1.1, FHIR R4 document bundle): a Composition, the patient
 * as the newest of the organisations' Patients has them, and the resources of each section, every one as its author wrote
 * it but for absolute references and the one patient. Entries written in error stay out.
 *
 * Undefined without a Patient: a summary of nobody is none.
 */
export function patientSummaryOf(entries: readonly RecordEntry[], options: SummaryOptions): FhirTree | undefined {
  const current = newestFirst(entries).filter(({ resource }) => !isEnteredInError(resource));
  const subject = [...ofType('Patient')(current)].sort((left, right) => right.lastUpdatedMs - left.lastUpdatedMs)[0];
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

function isVitalSign(resource: FhirTree): boolean {
  return resource.resourceType === 'Observation' && hasCode(resource.category, OBSERVATION_CATEGORY, 'vital-signs');
}

function isResult(resource: FhirTree): boolean {
  return (
    resource.resourceType === 'Observation' &&
    hasCode(resource.category, OBSERVATION_CATEGORY, 'laboratory', 'imaging', 'procedure')
  );
}

/** The newest of each code; entries come newest first. */
function newestOfEach(entries: readonly RecordEntry[]): readonly RecordEntry[] {
  const seen = new Set<string>();
  const newest = entries.filter(({ resource }) => {
    const title = titleOf(resource) ?? nameOfResource(resource);
    if (seen.has(title)) return false;
    seen.add(title);
    return true;
  });
  return newest.slice(0, RESULTS_MAX);
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
    return [{ ...head, text: narrativeOf(chosen.map(({ resource }) => lineOf(resource))), entry }];
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

/** One line of a section: what, what was found, since or when, and whether it is over. */
function lineOf(resource: FhirTree): string {
  const values = valuesOf(resource, LANGUAGE).map(({ name, text }) => (name === undefined ? text : `${name} ${text}`));
  const when = whenOf(resource);
  const parts = [
    titleOf(resource) ?? stringOf(resource.resourceType) ?? '',
    values.join(', '),
    dosageText(resource) ?? '',
    when === undefined ? '' : whenText(when, LANGUAGE),
    isOver(resource) ? (statusOf(resource) ?? '') : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
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
