import { type FhirTree, type FhirValue, isList, isTree, numberFromLiteral, stringOf } from '../tree.ts';
import {
  medicineConcept,
  type OfferedMedicine,
  type OfferedTest,
  QUESTIONNAIRE_URL,
  QUESTIONS,
  testConcept,
} from './visit-catalogue.ts';
import { PID_SYSTEM } from './visit-task.ts';

/** Identifiers of what a visit writes: `<provider>/<visit>/<name>`; by them nothing is written twice. */
export const VISIT_RESOURCE_SYSTEM = 'urn:salus:visit-resource';
const UCUM = 'http://unitsofmeasure.org';
const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const REPORT_CATEGORY = 'http://terminology.hl7.org/CodeSystem/v2-0074';
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';

export type Answers = { readonly [linkId: string]: string | boolean };

/** The answers as a resource (R4 §12.10); what was left out is left out. */
export function questionnaireResponse({
  answers,
  authoredMs,
}: {
  readonly answers: Answers;
  readonly authoredMs: number;
}): FhirTree {
  const item = QUESTIONS.flatMap(({ linkId, text }): FhirTree[] => {
    const given = answers[linkId];
    if (given === undefined || given === '') return [];
    const answer = typeof given === 'boolean' ? { valueBoolean: given } : { valueString: given };
    return [{ linkId, text, answer: [answer] }];
  });
  return {
    resourceType: 'QuestionnaireResponse',
    questionnaire: QUESTIONNAIRE_URL,
    status: 'completed',
    authored: iso(authoredMs),
    // Who answers nothing has no list of answers: an empty one is no FHIR.
    ...(item.length === 0 ? {} : { item }),
  };
}

/** The answers as a part of the record: whose they are, and in which visit they were given. */
export function filledResponse(
  response: FhirTree,
  { name, patient, encounter }: InVisit & { readonly encounter: string },
): FhirTree {
  return {
    ...response,
    identifier: identifier(name),
    subject: { reference: patient },
    encounter: { reference: encounter },
    source: { reference: patient },
  };
}

/** The answers back from the resource, for whoever reads them. */
export function answersOf(response: FhirTree | undefined): Answers {
  const items = isList(response?.item) ? response.item.filter(isTree) : [];
  return Object.fromEntries(
    items.flatMap((item): [string, string | boolean][] => {
      const [answer] = isList(item.answer) ? item.answer : [];
      const linkId = stringOf(item.linkId);
      if (!isTree(answer) || linkId === undefined) return [];
      if (typeof answer.valueBoolean === 'boolean') return [[linkId, answer.valueBoolean]];
      const text = stringOf(answer.valueString);
      return text === undefined ? [] : [[linkId, text]];
    }),
  );
}

/** What the patient asks for: a reason and a wished time (R4 §12.11 Appointment). */
export function proposedAppointment({
  pid,
  reason,
  wishedMs,
  askedMs,
}: {
  /** The patient's pid at the provider. */
  readonly pid: string;
  readonly reason: string;
  readonly wishedMs: number;
  readonly askedMs: number;
}): FhirTree {
  return {
    resourceType: 'Appointment',
    status: 'proposed',
    reasonCode: [{ text: reason }],
    created: iso(askedMs),
    requestedPeriod: [{ start: iso(wishedMs) }],
    participant: [{ actor: { type: 'Patient', identifier: { system: PID_SYSTEM, value: pid } }, status: 'accepted' }],
  };
}

export function reasonOf(appointment: FhirTree | undefined): string {
  const [reason] = isList(appointment?.reasonCode) ? appointment.reasonCode : [];
  return (isTree(reason) ? stringOf(reason.text) : undefined) ?? '';
}

/** When it begins: as booked, else as wished. */
export function startOf(appointment: FhirTree | undefined): string | undefined {
  const [period] = isList(appointment?.requestedPeriod) ? appointment.requestedPeriod : [];
  return stringOf(appointment?.start) ?? (isTree(period) ? stringOf(period.start) : undefined);
}

/** The proposal, booked: reason and creation as the patient wrote them. */
export function bookedAppointment(
  proposed: FhirTree,
  {
    name,
    patient,
    practitioner,
    startMs,
    minutes,
  }: {
    readonly name: string;
    readonly patient: string;
    readonly practitioner: string;
    readonly startMs: number;
    readonly minutes: number;
  },
): FhirTree {
  const { status: _proposed, resourceType, ...rest } = proposed;
  return {
    resourceType,
    identifier: [identifier(name)],
    status: 'booked',
    ...rest,
    start: iso(startMs),
    end: iso(startMs + minutes * 60_000),
    minutesDuration: minutes,
    participant: [
      { actor: { reference: patient }, status: 'accepted' },
      { actor: { reference: practitioner }, status: 'accepted' },
    ],
  };
}

/** The booking's practitioner, `Practitioner/<id>`. */
export function practitionerOf(appointment: FhirTree | undefined): string | undefined {
  const participants = isList(appointment?.participant) ? appointment.participant.filter(isTree) : [];
  return participants
    .map(({ actor }) => (isTree(actor) ? stringOf(actor.reference) : undefined))
    .find((reference) => reference?.startsWith('Practitioner/'));
}

export interface InVisit {
  /** Value of the resource's identifier. */
  readonly name: string;
  /** `Patient/<id>` of the organisation that writes. */
  readonly patient: string;
}

/** The visit itself (R4 §8.11); it puts the patient into the practitioner's care. */
export function visitEncounter({
  name,
  patient,
  practitioner,
  reason,
  status,
  startMs,
  endMs,
}: InVisit & {
  readonly practitioner: string;
  readonly reason: string;
  readonly status: 'planned' | 'in-progress' | 'finished';
  readonly startMs?: number;
  readonly endMs?: number;
}): FhirTree {
  const period = {
    ...(startMs === undefined ? {} : { start: iso(startMs) }),
    ...(endMs === undefined ? {} : { end: iso(endMs) }),
  };
  return {
    resourceType: 'Encounter',
    identifier: [identifier(name)],
    status,
    class: { system: ACT_CODE, code: 'AMB' },
    subject: { reference: patient },
    participant: [{ individual: { reference: practitioner } }],
    // Planned it has none: whoever prepares the visit opens the record before it begins.
    ...(Object.keys(period).length === 0 ? {} : { period }),
    ...reasonIn(reason),
  };
}

/** R4 §12.13 */
export function serviceRequest(
  { name, patient }: InVisit,
  order: {
    readonly test: OfferedTest;
    readonly requester: string;
    readonly encounter: string;
    readonly reason: string;
    readonly note?: string;
    readonly authoredMs: number;
  },
): FhirTree {
  const { test, requester, encounter, reason, note, authoredMs } = order;
  return {
    resourceType: 'ServiceRequest',
    identifier: [identifier(name)],
    status: 'active',
    intent: 'order',
    category: [{ coding: [{ system: 'http://snomed.info/sct', code: '108252007', display: 'Laboratory procedure' }] }],
    code: testConcept(test),
    subject: { reference: patient },
    encounter: { reference: encounter },
    authoredOn: iso(authoredMs),
    requester: { reference: requester },
    ...reasonIn(reason),
    ...(note === undefined || note === '' ? {} : { note: [{ text: note }] }),
  };
}

/** One measured value (R4 §10.1); `value` is the literal that the laboratory wrote. */
export function resultObservation(
  { name, patient }: InVisit,
  {
    measure,
    value,
    order,
    atMs,
  }: {
    readonly measure: OfferedTest['measures'][number];
    readonly value: string;
    readonly order: string;
    readonly atMs: number;
  },
): FhirTree {
  const { unit } = measure;
  return {
    resourceType: 'Observation',
    identifier: [identifier(name)],
    basedOn: [{ identifier: identifier(order) }],
    status: 'final',
    category: [{ coding: [{ system: OBSERVATION_CATEGORY, code: 'laboratory', display: 'Laboratory' }] }],
    code: testConcept(measure),
    subject: { reference: patient },
    effectiveDateTime: iso(atMs),
    issued: iso(atMs),
    valueQuantity: { value: numberFromLiteral(value), unit, system: UCUM, code: unit },
  };
}

/** R4 §10.3 */
export function resultReport(
  { name, patient }: InVisit,
  {
    test,
    order,
    results,
    conclusion,
    atMs,
  }: {
    readonly test: OfferedTest;
    readonly order: string;
    readonly results: readonly string[];
    readonly conclusion?: string;
    readonly atMs: number;
  },
): FhirTree {
  return {
    resourceType: 'DiagnosticReport',
    identifier: [identifier(name)],
    basedOn: [{ identifier: identifier(order) }],
    status: 'final',
    category: [{ coding: [{ system: REPORT_CATEGORY, code: 'LAB', display: 'Laboratory' }] }],
    code: testConcept(test),
    subject: { reference: patient },
    effectiveDateTime: iso(atMs),
    issued: iso(atMs),
    result: results.map((reference) => ({ reference })),
    ...(conclusion === undefined || conclusion === '' ? {} : { conclusion }),
  };
}

/** R4 §11.1 */
export function medicationRequest(
  { name, patient }: InVisit,
  prescription: {
    readonly medicine: OfferedMedicine;
    readonly directions: string;
    readonly quantity: number;
    readonly requester: string;
    readonly encounter: string;
    readonly reason: string;
    readonly authoredMs: number;
  },
): FhirTree {
  const { medicine, directions, quantity, requester, encounter, reason, authoredMs } = prescription;
  return {
    resourceType: 'MedicationRequest',
    identifier: [identifier(name)],
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: medicineConcept(medicine),
    subject: { reference: patient },
    encounter: { reference: encounter },
    authoredOn: iso(authoredMs),
    requester: { reference: requester },
    ...reasonIn(reason),
    dosageInstruction: [{ text: directions }],
    dispenseRequest: { quantity: { value: quantity } },
  };
}

/** R4 §11.2: medicine, directions and quantity are the prescription's. */
export function medicationDispense(
  { name, patient }: InVisit,
  { prescription, lot, atMs }: { readonly prescription: FhirTree; readonly lot?: string; readonly atMs: number },
): FhirTree {
  const { medicationCodeableConcept, dosageInstruction, dispenseRequest } = prescription;
  const [prescribed] = isList(prescription.identifier) ? prescription.identifier : [];
  const quantity = isTree(dispenseRequest) ? dispenseRequest.quantity : undefined;
  return {
    resourceType: 'MedicationDispense',
    identifier: [identifier(name)],
    status: 'completed',
    ...present({ medicationCodeableConcept }),
    subject: { reference: patient },
    ...(prescribed === undefined ? {} : { authorizingPrescription: [{ identifier: prescribed }] }),
    ...present({ quantity }),
    whenHandedOver: iso(atMs),
    ...(lot === undefined || lot === '' ? {} : { note: [{ text: `Lot ${lot}` }] }),
    ...present({ dosageInstruction }),
  };
}

/** For another organisation: about the patient by the pid that it knows; references to here lead nowhere there. */
export function carried(resource: FhirTree, pid: string): FhirTree {
  const {
    encounter: _encounter,
    requester: _requester,
    participant: _participant,
    result: _result,
    ...rest
  } = resource;
  return { ...rest, subject: { identifier: { system: PID_SYSTEM, value: pid } } };
}

/** Whoever erased the booking has taken the reason along: an empty text is no FHIR. */
function reasonIn(reason: string): FhirTree {
  return reason === '' ? {} : { reasonCode: [{ text: reason }] };
}

function present(elements: { readonly [name: string]: FhirValue | undefined }): FhirTree {
  return Object.fromEntries(Object.entries(elements).filter(([, value]) => value !== undefined));
}

function identifier(value: string): FhirTree {
  return { system: VISIT_RESOURCE_SYSTEM, value };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
