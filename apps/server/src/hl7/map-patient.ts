import type { FhirTree } from '@salus/fhir';
import {
  addressOf,
  assignerOf,
  coded,
  conceptOf,
  contactOf,
  dateOf,
  element,
  identifierOf,
  nameOf,
  present,
  type Reading,
  timeOf,
} from './data-types.ts';
import { type Draft, newUrl, queriesOf } from './draft.ts';
import { refuseMessage } from './fault.ts';
import type { Repetition, Segment } from './message.ts';
import { codingSystem, GENDER, MARITAL_STATUS } from './tables.ts';

/** Fields of PID that an update may delete, and the element that each stands for. */
const DELETABLE: readonly (readonly [field: number, element: string])[] = [
  [5, 'name'],
  [7, 'birthDate'],
  [8, 'gender'],
  [11, 'address'],
  [13, 'telecom'],
  [16, 'maritalStatus'],
  [30, 'deceasedBoolean'],
];

/** PID and NK1 → Patient (v2-to-FHIR 1.0.0, segment maps PID-to-Patient and NK1-to-Patient). */
export function mapPatient(pid: Segment, kin: readonly Segment[], reading: Reading): Draft {
  const identifiers = patientIdentifiers(pid, 3, reading);
  if (identifiers.length === 0) {
    throw refuseMessage('101', 'the message names its patient by no identifier', { location: place(pid, 3) });
  }
  const marital = pid.text(16);
  const resource = element({
    resourceType: 'Patient',
    identifier: identifiers,
    name: present(pid.repetitions(5).map(nameOf)),
    telecom: present([...pid.repetitions(13), ...pid.repetitions(14)].map(contactOf)),
    gender: coded(GENDER, pid.text(8), place(pid, 8)),
    birthDate: dateOf(pid, 7, reading),
    ...deceased(pid, reading),
    address: present(pid.repetitions(11).map(addressOf)),
    maritalStatus: maritalStatus(marital, pid),
    ...multipleBirth(pid),
    contact: present(kin.map((segment) => contactPersonOf(segment))),
  });
  return {
    type: 'Patient',
    fullUrl: newUrl(),
    resource: resource ?? {},
    identity: queriesOf(identifiers),
    known: 'restate',
    yielding: [],
    deleted: DELETABLE.filter(([field]) => pid.isDeleted(field)).map(([, name]) => name),
  };
}

/**
 * CX repetitions of PID-3 or MRG-1. One without an assigner is its sender's own: a number alone names several people.
 */
export function patientIdentifiers(segment: Segment, field: number, reading: Reading): readonly FhirTree[] {
  return present(segment.repetitions(field).map((repetition) => patientIdentifier(repetition, reading)));
}

function patientIdentifier(repetition: Repetition, reading: Reading): FhirTree | undefined {
  const identifier = identifierOf(repetition, reading);
  if (identifier === undefined || assignerOf(repetition, 4, reading) !== undefined) return identifier;
  return { ...identifier, system: reading.systemOf(reading.sender) };
}

function deceased(pid: Segment, reading: Reading): FhirTree {
  const time = timeOf(pid, 29, reading);
  if (time !== undefined) return { deceasedDateTime: time };
  const indicator = pid.text(30).toUpperCase();
  return indicator === '' ? {} : { deceasedBoolean: indicator === 'Y' };
}

function multipleBirth(pid: Segment): FhirTree {
  const order = pid.text(25);
  if (/^[1-9]\d?$/.test(order)) return { multipleBirthInteger: Number(order) };
  const indicator = pid.text(24).toUpperCase();
  return indicator === '' ? {} : { multipleBirthBoolean: indicator === 'Y' };
}

function maritalStatus(code: string, pid: Segment): FhirTree | undefined {
  if (code === '') return undefined;
  const mapped = coded(MARITAL_STATUS, code);
  const text = conceptOf(pid.repetitions(16)[0])?.text;
  if (mapped === undefined)
    return { coding: [{ system: codingSystem('HL70002') ?? '', code }], ...(text === undefined ? {} : { text }) };
  const system =
    mapped === 'UNK'
      ? 'http://terminology.hl7.org/CodeSystem/v3-NullFlavor'
      : 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus';
  return { coding: [{ system, code: mapped }] };
}

/** NK1: a name, relationship, telecom or address each; a next of kin of nothing is none (R4 pat-1). */
function contactPersonOf(kin: Segment): FhirTree | undefined {
  const [name] = present(kin.repetitions(2).map(nameOf));
  const [address] = present(kin.repetitions(4).map(addressOf));
  const telecom = present(kin.repetitions(5).map(contactOf));
  if (name === undefined && address === undefined && telecom.length === 0) return undefined;
  const relationship = conceptOf(kin.repetitions(3)[0]);
  return element({ relationship: relationship === undefined ? [] : [relationship], name, telecom, address });
}

const place = ({ name, sequence }: Segment, field: number): string => `${name}^${sequence}^${field}`;
