import type { FhirTree } from '@salus/fhir';
import { coded, conceptOf, element, identifierOf, personOf, present, type Reading, timeOf } from './data-types.ts';
import { type Draft, NOTHING_SAID, newUrl, queriesOf } from './draft.ts';
import { refuseMessage } from './fault.ts';
import { componentOf, type Repetition, type Segment } from './message.ts';
import { PATIENT_CLASS } from './tables.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';
/** PV1 fields of people, and as what they take part. */
const PARTICIPANTS: readonly (readonly [field: number, code: string])[] = [
  [7, 'ATND'],
  [8, 'REF'],
  [9, 'CON'],
  [17, 'ADM'],
];

/** PV1 → Encounter and its Practitioners (v2-to-FHIR 1.0.0, segment map PV1-to-Encounter). `opens`: the event begins it. */
export function mapEncounter(
  visit: Segment,
  { patient, opens }: { readonly patient: string; readonly opens: boolean },
  reading: Reading,
): { readonly encounter: Draft; readonly practitioners: readonly Draft[] } | undefined {
  const patientClass = visit.text(2).toUpperCase();
  if (patientClass === '') throw refuseMessage('101', 'a visit has no patient class', { location: place(visit, 2) });
  // Table 0004: not applicable; there is no visit.
  if (patientClass === 'N') return undefined;
  const number = identifierWithSystem(visit.repetitions(19)[0], reading);
  const practitioners: Draft[] = [];
  const participant = PARTICIPANTS.flatMap(([field, code]) =>
    visit.repetitions(field).flatMap((person): FhirTree[] => {
      const { reference, draft } = practitionerOf(person, reading);
      if (draft !== undefined) practitioners.push(draft);
      if (reference === undefined) return [];
      return [{ type: [{ coding: [{ system: PARTICIPATION, code }] }], individual: reference }];
    }),
  );
  const start = timeOf(visit, 44, reading);
  const end = timeOf(visit, 45, reading);
  const place3 = placeOf(visit.repetitions(3)[0]);
  const resource = element({
    resourceType: 'Encounter',
    identifier: present([number]),
    status: statusOf(patientClass, end),
    class: { system: ACT_CODE, code: coded(PATIENT_CLASS, patientClass, place(visit, 2)) ?? 'AMB' },
    serviceType: conceptOf(visit.repetitions(10)[0]),
    subject: { reference: patient },
    participant,
    period: element({ start, end }),
    location: place3 === undefined ? [] : [{ location: { display: place3 } }],
  });
  return {
    encounter: {
      type: 'Encounter',
      fullUrl: newUrl(),
      resource: resource ?? {},
      identity: queriesOf(present([number])),
      known: 'restate',
      deleted: [],
      // An update that names no discharge does not open a visit again.
      yielding: opens || end !== undefined ? [] : ['status'],
    },
    practitioners,
  };
}

/** A visit that the patient is expected for is planned, one with a discharge is over. */
function statusOf(patientClass: string, end: string | undefined): string {
  if (end !== undefined) return 'finished';
  return patientClass === 'P' ? 'planned' : 'in-progress';
}

/**
 * XCN → a reference to a Practitioner: by identifier one of the directory, which the message adds where it is not known;
 * by name alone a display.
 */
export function practitionerOf(
  person: Repetition,
  reading: Reading,
): { readonly reference: FhirTree | undefined; readonly draft: Draft | undefined } {
  const { identifier: given, name } = personOf(person, reading);
  const display = displayOf(name);
  if (given === undefined) return { reference: display === undefined ? undefined : { display }, draft: undefined };
  const identifier = given.system === undefined ? { ...given, system: reading.systemOf(reading.sender) } : given;
  const fullUrl = newUrl();
  const resource = element({ resourceType: 'Practitioner', identifier: [identifier], name: present([name]) });
  const draft: Draft = {
    type: 'Practitioner',
    fullUrl,
    resource: resource ?? {},
    identity: queriesOf([identifier]),
    known: 'keep',
    ...NOTHING_SAID,
  };
  return { reference: { reference: fullUrl, ...(display === undefined ? {} : { display }) }, draft };
}

export function displayOf(name: FhirTree | undefined): string | undefined {
  if (name === undefined) return undefined;
  const parts = [name.prefix, name.given, name.family].flat().filter((part) => typeof part === 'string');
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** CX with the sender's own system where it names none. */
function identifierWithSystem(repetition: Repetition | undefined, reading: Reading): FhirTree | undefined {
  const identifier = repetition === undefined ? undefined : identifierOf(repetition, reading);
  if (identifier === undefined || identifier.system !== undefined) return identifier;
  return { ...identifier, system: reading.systemOf(reading.sender) };
}

/** PL: point of care, room, bed, facility. */
function placeOf(repetition: Repetition | undefined): string | undefined {
  const parts = [4, 1, 2, 3].map((component) => componentOf(repetition, component)).filter((part) => part !== '');
  return parts.length === 0 ? undefined : parts.join(' ');
}

const place = ({ name, sequence }: Segment, field: number): string => `${name}^${sequence}^${field}`;
