import type { Reading } from './data-types.ts';
import { type Draft, type MappedMessage, queriesOf } from './draft.ts';
import { refuseMessage } from './fault.ts';
import { mapEncounter } from './map-encounter.ts';
import { mapPatient, patientIdentifiers } from './map-patient.ts';
import { mapResults, orderGroups } from './map-results.ts';
import type { Hl7Message, Segment } from './message.ts';

/** What is taken. */
export const MESSAGE_TYPES = ['ADT^A01', 'ADT^A04', 'ADT^A08', 'ADT^A40', 'ORU^R01'] as const;
type MessageType = (typeof MESSAGE_TYPES)[number];

/**
 * What a message says, as FHIR R4 resources (HL7 v2-to-FHIR 1.0.0).
 *
 * @throws ServerError `message-refused` where it is of a type that is not taken, lacks what its type needs, or holds what
 *   is not of its data type
 */
export function mapMessage(message: Hl7Message, reading: Reading): MappedMessage {
  const type = typeOf(message);
  const pid = onlySegment(message, 'PID');
  const kin = message.segments.filter(({ name }) => name === 'NK1');
  const isResult = type === 'ORU^R01';
  const named = mapPatient(pid, kin, reading);
  // A laboratory's copy of the demographics is no news about the patient.
  const patient: Draft = isResult ? { ...named, known: 'keep' } : named;
  return {
    patient,
    others: isResult ? resultsOf(message, patient, reading) : visitOf(message, type, patient, reading),
    registers: type !== 'ORU^R01' && type !== 'ADT^A40',
    merged: mergedOf(message, type, reading),
  };
}

/** The visit of an ADT; results name one too, but it is the ADT's to tell. */
function visitOf(message: Hl7Message, type: MessageType, patient: Draft, reading: Reading): readonly Draft[] {
  const opens = type === 'ADT^A01' || type === 'ADT^A04';
  const visit = message.segments.find(({ name }) => name === 'PV1');
  if (visit === undefined && opens) throw refuseMessage('100', 'an admission has no visit', { location: 'PV1' });
  if (visit === undefined || type === 'ADT^A40') return [];
  const mapped = mapEncounter(visit, { patient: patient.fullUrl, opens }, reading);
  // A visit without a number cannot be found again: only the event that opens it writes it down.
  if (mapped === undefined || (!opens && mapped.encounter.identity.length === 0)) return [];
  return [...mapped.practitioners, mapped.encounter];
}

function resultsOf(message: Hl7Message, patient: Draft, reading: Reading): readonly Draft[] {
  const groups = orderGroups(message.segments);
  if (groups.length === 0) throw refuseMessage('100', 'a result message has no request', { location: 'OBR' });
  return groups.flatMap((group) => mapResults(group, patient.fullUrl, reading));
}

function typeOf({ type, header }: Hl7Message): MessageType {
  const known = MESSAGE_TYPES.find((candidate) => candidate === type);
  if (known !== undefined) return known;
  const isKind = MESSAGE_TYPES.some((candidate) => candidate.startsWith(`${header.text(9, 1)}^`));
  throw refuseMessage(isKind ? '201' : '200', 'the message is of no type that this node takes', {
    location: 'MSH^1^9',
    acknowledgement: 'AR',
  });
}

/** One message is about one patient: two would be committed together and could not be told apart in time. */
function onlySegment({ segments }: Hl7Message, name: string): Segment {
  const [segment, ...more] = segments.filter((candidate) => candidate.name === name);
  if (segment === undefined || more.length > 0) {
    throw refuseMessage('100', 'the message has not one patient', { location: name });
  }
  return segment;
}

function mergedOf(message: Hl7Message, type: MessageType, reading: Reading): MappedMessage['merged'] {
  if (type !== 'ADT^A40') return [];
  const merge = onlySegment(message, 'MRG');
  const identifiers = queriesOf(patientIdentifiers(merge, 1, reading));
  if (identifiers.length === 0) {
    throw refuseMessage('101', 'a merge names no patient to be merged', { location: `MRG^${merge.sequence}^1` });
  }
  return identifiers;
}
