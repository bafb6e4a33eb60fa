import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import type { texts } from '../i18n/en/fhir.ts';
import { conceptText } from './concept.ts';
import { nameOf } from './name.ts';
import { quantityText, rangeText } from './quantity.ts';
import { interpretationOf, statusOf } from './status.ts';
import { encounterClassOf } from './title.ts';
import { valuesOf } from './value.ts';
import { dateText, whenOf, whenText } from './when.ts';

/** One line of what a resource says: the name of its label in the catalogue `fhir` (`element`), and the words. */
export interface Fact {
  readonly label: keyof typeof texts.element;
  readonly text: string;
}

/** Words for codes, in the reader's language. */
export interface CodeWords {
  readonly locale: string;
  status(code: string): string;
  interpretation(code: string): string;
  encounterClass(code: string | undefined): string;
  criticality(code: string): string;
  truth(text: string): string;
}

type Teller = (resource: FhirTree, words: CodeWords) => readonly (string | undefined)[];

/** What is told of any resource that has the element, in this order. */
const TELLERS: readonly (readonly [Fact['label'], Teller])[] = [
  ['value', (resource, words) => valueLines(resource, words)],
  ['interpretation', (resource, { interpretation }) => mapped(interpretationOf(resource), interpretation)],
  ['normal', ({ referenceRange }, { locale }) => listOf(referenceRange).map((range) => rangeText(range, locale))],
  ['when', (resource, { locale }) => mapped(whenOf(resource), (when) => whenText(when, locale))],
  [
    'ended',
    ({ abatementDateTime }, { locale }) => mapped(stringOf(abatementDateTime), (date) => dateText(date, locale)),
  ],
  ['status', (resource, { status }) => mapped(statusOf(resource), status)],
  [
    'class',
    (resource, { encounterClass }) =>
      resource.resourceType === 'Encounter' ? [encounterClass(encounterClassOf(resource))] : [],
  ],
  ['severity', ({ severity }) => [conceptText(severity)]],
  ['criticality', ({ criticality }, words) => mapped(stringOf(criticality), words.criticality)],
  [
    'reaction',
    ({ reaction }) =>
      listOf(reaction).flatMap((one) => (isTree(one) ? listOf(one.manifestation).map(conceptText) : [])),
  ],
  ['dosage', ({ dosageInstruction, dosage }) => listOf(dosageInstruction ?? dosage).map(dosageLine)],
  ['quantity', ({ quantity, doseQuantity }, { locale }) => [quantityText(quantity ?? doseQuantity, locale)]],
  ['lot', ({ lotNumber }) => [stringOf(lotNumber)]],
  ['bodySite', ({ bodySite }) => listOf(bodySite).map(conceptText)],
  ['method', ({ method }) => [conceptText(method)]],
  ['reason', ({ reasonCode }) => listOf(reasonCode).map(conceptText)],
  ['conclusion', ({ conclusion }) => [stringOf(conclusion)]],
  ['name', (resource) => (isPerson(resource) ? [nameOf(resource)] : [])],
  ['birthDate', ({ birthDate }, { locale }) => mapped(stringOf(birthDate), (date) => dateText(date, locale))],
  ['telecom', ({ telecom }) => listOf(telecom).map((one) => (isTree(one) ? stringOf(one.value) : undefined))],
  ['address', (resource) => (isPerson(resource) ? listOf(resource.address).map(addressLine) : [])],
  ['note', ({ note }) => listOf(note).map((one) => (isTree(one) ? stringOf(one.text) : stringOf(one)))],
  [
    'written',
    ({ issued, recordedDate, date }, { locale }) =>
      mapped(stringOf(issued ?? recordedDate ?? date), (at) => dateText(at, locale)),
  ],
];

/** Everything about the resource that has a plain name; a line for each, several texts below each other. */
export function factsOf(resource: FhirTree, words: CodeWords): readonly Fact[] {
  return TELLERS.flatMap(([label, tell]) => {
    const lines = tell(resource, words).filter((line): line is string => line !== undefined && line !== '');
    return lines.length === 0 ? [] : [{ label, text: [...new Set(lines)].join('\n') }];
  });
}

function valueLines(resource: FhirTree, words: CodeWords): readonly (string | undefined)[] {
  const values = valuesOf(resource, words.locale).map(({ name, text }) => {
    const said = words.truth(text);
    return name === undefined ? said : `${name}: ${said}`;
  });
  return values.length > 0 ? values : [conceptText(resource.dataAbsentReason)];
}

function mapped<T>(value: T | undefined, map: (value: T) => string): readonly string[] {
  return value === undefined ? [] : [map(value)];
}

function dosageLine(dosage: FhirValue): string | undefined {
  return isTree(dosage) ? (stringOf(dosage.text) ?? stringOf(dosage.patientInstruction)) : undefined;
}

function isPerson({ resourceType }: FhirTree): boolean {
  return ['Patient', 'Practitioner', 'RelatedPerson', 'Organization', 'Location'].includes(
    stringOf(resourceType) ?? '',
  );
}

function addressLine(address: FhirValue): string | undefined {
  if (!isTree(address)) return undefined;
  const text = stringOf(address.text);
  if (text !== undefined) return text;
  const place = [stringOf(address.postalCode), stringOf(address.city)].filter((part) => part !== undefined).join(' ');
  const parts = [...listOf(address.line).map(stringOf), place, stringOf(address.country)];
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}
