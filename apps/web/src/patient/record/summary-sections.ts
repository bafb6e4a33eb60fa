import { type FhirTree, stringOf } from '@salus/fhir/parse';
import { hasCode } from '../../fhir/concept.ts';
import { nameOfResource } from '../../fhir/reference.ts';
import { isEnteredInError, isOver, statusOf } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { valuesOf } from '../../fhir/value.ts';
import { whenOf, whenText } from '../../fhir/when.ts';
import { dosageText } from './medication.ts';
import { newestFirst, type RecordEntry } from './record-entry.ts';

const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
/** A summary is to be read: of results and vital signs the newest of each kind, and no more than these. */
const RESULTS_MAX = 50;

/** What a section is called: by LOINC in the summary, by these names in the catalogue `record` (`pdf.sections`). */
type SectionName =
  | 'allergies'
  | 'medication'
  | 'problems'
  | 'immunizations'
  | 'procedures'
  | 'results'
  | 'vitalSigns'
  | 'past';

export interface Section {
  readonly name: SectionName;
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

export const SECTIONS: readonly Section[] = [
  {
    name: 'allergies',
    code: '48765-2',
    display: 'Allergies and adverse reactions Document',
    title: 'Allergies and intolerances',
    absent: { type: 'AllergyIntolerance', code: 'no-allergy-info', display: 'No information about allergies' },
    choose: ofType('AllergyIntolerance'),
  },
  {
    name: 'medication',
    code: '10160-0',
    display: 'History of Medication use Narrative',
    title: 'Medicines',
    absent: { type: 'MedicationStatement', code: 'no-medication-info', display: 'No information about medications' },
    choose: (entries) =>
      ofType('MedicationRequest', 'MedicationStatement')(entries).filter(({ resource }) => !isOver(resource)),
  },
  {
    name: 'problems',
    code: '11450-4',
    display: 'Problem list - Reported',
    title: 'Problems',
    absent: { type: 'Condition', code: 'no-problem-info', display: 'No information about problems' },
    choose: (entries) => ofType('Condition')(entries).filter(({ resource }) => !isOver(resource)),
  },
  {
    name: 'immunizations',
    code: '11369-6',
    display: 'History of Immunization note',
    title: 'Vaccinations',
    absent: undefined,
    choose: ofType('Immunization'),
  },
  {
    name: 'procedures',
    code: '47519-4',
    display: 'History of Procedures Document',
    title: 'Procedures',
    absent: undefined,
    choose: ofType('Procedure'),
  },
  {
    name: 'results',
    code: '30954-2',
    display: 'Relevant diagnostic tests/laboratory data note',
    title: 'Results',
    absent: undefined,
    choose: (entries) => newestOfEach(entries.filter((entry) => isResult(entry.resource))),
  },
  {
    name: 'vitalSigns',
    code: '8716-3',
    display: 'Vital signs note',
    title: 'Vital signs',
    absent: undefined,
    choose: (entries) => newestOfEach(entries.filter(({ resource }) => isVitalSign(resource))),
  },
  {
    name: 'past',
    code: '11348-0',
    display: 'History of Past illness note',
    title: 'Past problems',
    absent: undefined,
    choose: (entries) => ofType('Condition')(entries).filter(({ resource }) => isOver(resource)),
  },
];

/** The sections of a summary for a reader, each with a line for each entry, in the reader's language; without empty ones. */
export function summaryLines(
  entries: readonly RecordEntry[],
  locale: string,
): readonly { readonly name: SectionName; readonly lines: readonly string[] }[] {
  const current = currentOf(entries);
  return SECTIONS.flatMap(({ name, choose }) => {
    const lines = choose(current).map(({ resource }) => lineOf(resource, locale));
    return lines.length === 0 ? [] : [{ name, lines }];
  });
}

/** Who the summary is about: the Patient that was written down last; undefined where nobody did. */
export function subjectOf(entries: readonly RecordEntry[]): RecordEntry | undefined {
  return [...ofType('Patient')(entries)].sort((left, right) => right.lastUpdatedMs - left.lastUpdatedMs)[0];
}

export function currentOf(entries: readonly RecordEntry[]): readonly RecordEntry[] {
  return newestFirst(entries).filter(({ resource }) => !isEnteredInError(resource));
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

/** One line of a section: what, what was found, since or when, and whether it is over. */
export function lineOf(resource: FhirTree, locale: string): string {
  const values = valuesOf(resource, locale).map(({ name, text }) => (name === undefined ? text : `${name} ${text}`));
  const when = whenOf(resource);
  const parts = [
    titleOf(resource) ?? stringOf(resource.resourceType) ?? '',
    values.join(', '),
    dosageText(resource) ?? '',
    when === undefined ? '' : whenText(when, locale),
    isOver(resource) ? (statusOf(resource) ?? '') : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
