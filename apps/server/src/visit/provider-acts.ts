import {
  bookedAppointment,
  carried,
  filledResponse,
  medicationRequest,
  nextNumber,
  OFFERED_MEDICINES,
  OFFERED_TESTS,
  reasonOf,
  serviceRequest,
  type VisitTask,
  visitEncounter,
} from '@salus/fhir/visit';
import { ServerError } from '../server-error.ts';
import { demandAgreement, isOrderStep } from './agreement.ts';
import { type Acting, handOver } from './hand-over.ts';
import { readTaskOf, type VisitDocument } from './visit-document.ts';
import { findPart } from './visit-parts.ts';
import { patientReference, resourceName, type VisitWriter, writeResources } from './visit-records.ts';

const APPOINTMENT = 'appointment.1';
const BOOKED = { task: APPOINTMENT, part: 'appointment' } as const;

/** Who acts at the provider, with the right to write in their own name. */
export interface Working extends Acting {
  readonly writer: VisitWriter;
}

/** The desk books what the patient wished: reason and time are carried over. */
export async function book(
  working: Working,
  document: VisitDocument,
  booking: { readonly practitioner: string; readonly startMs: number; readonly minutes: number },
): Promise<VisitDocument> {
  const { organisation, writer } = working;
  const proposed = readTaskOf(document, APPOINTMENT).parts.appointment ?? {};
  demandStatus(document, APPOINTMENT, 'requested');
  const patient = await patientReference(organisation, document);
  const appointment = bookedAppointment(proposed, { name: resourceName(document, 'appointment'), patient, ...booking });
  const { practitioner } = booking;
  const encounter = visitEncounter({
    ...{
      name: resourceName(document, 'encounter'),
      patient,
      practitioner,
      reason: reasonOf(proposed),
      status: 'planned',
    },
  });
  const resources = [
    { name: 'appointment', resource: appointment },
    { name: 'encounter', resource: encounter },
  ];
  const written = await writeResources(organisation, document, { writer, resources });
  const booked = await handOver(
    working,
    { ...document, written, practitioner },
    {
      ...{ step: 'appointment', number: 1, status: 'completed', parts: { appointment } },
    },
  );
  const asked = await handOver(working, booked, { step: 'consent', number: 1, status: 'requested' });
  const { response, questionnaire } = readTaskOf(document, APPOINTMENT).parts;
  const parts = { appointment, ...(response && { response }), ...(questionnaire && { questionnaire }) };
  return handOver(working, asked, { step: 'consultation', number: 1, status: 'requested', parts });
}

/** The clinician begins: what the patient answered becomes part of the record. */
export async function begin(working: Working, document: VisitDocument): Promise<VisitDocument> {
  const { organisation, writer, nowMs } = working;
  demandStatus(document, 'consultation.1', 'requested');
  const patient = await patientReference(organisation, document);
  const response = await findPart(organisation, document, { task: 'consultation.1', part: 'response' });
  const encounter = { name: 'encounter', resource: await encounterOf(working, document, 'in-progress') };
  const place = document.written.encounter ?? '';
  const answers =
    response && filledResponse(response, { name: resourceName(document, 'response'), patient, encounter: place });
  const resources = [encounter, ...(answers === undefined ? [] : [{ name: 'response', resource: answers }])];
  const written = await writeResources(organisation, document, { writer, resources });
  const begun = { ...document, written, begunMs: nowMs };
  return handOver(working, begun, { step: 'consultation', number: 1, status: 'in-progress' });
}

export interface TestOrder {
  readonly test: string;
  readonly note?: string | undefined;
}

/** Orders at the laboratory that the patient agreed to; the reason is the patient's own. */
export async function order(working: Working, document: VisitDocument, given: TestOrder): Promise<VisitDocument> {
  const { organisation, writer, nowMs } = working;
  const test = OFFERED_TESTS.find(({ code }) => code === given.test);
  if (test === undefined) throw new ServerError('bad-request', 'No such test is offered.');
  const agreement = await demandAgreement(organisation, document, {
    agreement: document.agreed.laboratory,
    step: 'laboratory-order',
  });
  const number = nextNumber(document.course, 'laboratory-order');
  const name = `order-${number}`;
  const request = serviceRequest(await inVisit(working, document, name), {
    ...(await orderedIn(organisation, document)),
    ...{ test, authoredMs: nowMs },
    ...(given.note === undefined ? {} : { note: given.note }),
  });
  const resources = [{ name, resource: request }];
  const written = await writeResources(organisation, document, { writer, resources });
  return handOver(
    working,
    { ...document, written },
    {
      ...{ step: 'laboratory-order', number, status: 'requested' },
      ...{ owner: agreement.organisation, pid: agreement.pid, parts: { order: carried(request, agreement.pid) } },
    },
  );
}

export interface Prescription {
  readonly medicine: string;
  readonly directions: string;
  readonly quantity: number;
}

/** Prescribes at the pharmacy that the patient agreed to. */
export async function prescribe(
  working: Working,
  document: VisitDocument,
  given: Prescription,
): Promise<VisitDocument> {
  const { organisation, writer, nowMs } = working;
  const medicine = OFFERED_MEDICINES.find(({ code }) => code === given.medicine);
  if (medicine === undefined) throw new ServerError('bad-request', 'No such medicine is offered.');
  const agreement = await demandAgreement(organisation, document, {
    agreement: document.agreed.pharmacy,
    step: 'prescription',
  });
  const number = nextNumber(document.course, 'prescription');
  const name = `prescription-${number}`;
  const { directions, quantity } = given;
  const request = medicationRequest(await inVisit(working, document, name), {
    ...(await orderedIn(organisation, document)),
    ...{ medicine, directions, quantity, authoredMs: nowMs },
  });
  const resources = [{ name, resource: request }];
  const written = await writeResources(organisation, document, { writer, resources });
  return handOver(
    working,
    { ...document, written },
    {
      ...{ step: 'prescription', number, status: 'requested' },
      ...{
        owner: agreement.organisation,
        pid: agreement.pid,
        parts: { prescription: carried(request, agreement.pid) },
      },
    },
  );
}

/** What the other organisation rejected goes to it again, once the reason is gone. */
export async function askAgain(working: Acting, document: VisitDocument, key: string): Promise<VisitDocument> {
  const { step, number } = readTaskOf(document, key);
  demandStatus(document, key, 'rejected');
  if (!isOrderStep(step)) throw new ServerError('conflict', 'It is not the turn of this step.');
  const { laboratory, pharmacy } = document.agreed;
  const agreement = await demandAgreement(working.organisation, document, {
    agreement: step === 'prescription' ? pharmacy : laboratory,
    step,
  });
  return handOver(working, document, { step, number, status: 'requested', pid: agreement.pid });
}

/** The visit is over for the provider; results and medicines may still come. */
export async function close(working: Working, document: VisitDocument): Promise<VisitDocument> {
  const { organisation, writer } = working;
  demandStatus(document, 'consultation.1', 'in-progress');
  const appointment = await findPart(organisation, document, BOOKED);
  const resources = [
    { name: 'encounter', resource: await encounterOf(working, document, 'finished') },
    // What is hidden or erased meanwhile is not written anew.
    ...(appointment === undefined ? [] : [{ name: 'appointment', resource: { ...appointment, status: 'fulfilled' } }]),
  ];
  const written = await writeResources(organisation, document, { writer, resources });
  const { step, number } = readTaskOf(document, 'consultation.1');
  return handOver(
    working,
    { ...document, written },
    {
      ...{ step, number, status: 'completed' },
    },
  );
}

/** `Practitioner/<id>` whom the desk booked. */
export function bookedPractitioner({ practitioner }: VisitDocument): string | undefined {
  return practitioner;
}

async function encounterOf(
  { organisation, nowMs }: Acting,
  document: VisitDocument,
  status: 'in-progress' | 'finished',
): Promise<VisitTask['parts'][string]> {
  const appointment = await findPart(organisation, document, BOOKED);
  const patient = await patientReference(organisation, document);
  return visitEncounter({
    ...{ name: resourceName(document, 'encounter'), patient, status, reason: reasonOf(appointment) },
    practitioner: bookedPractitioner(document) ?? '',
    ...(status === 'finished' ? { startMs: document.begunMs ?? nowMs, endMs: nowMs } : { startMs: nowMs }),
  });
}

async function inVisit({ organisation }: Acting, document: VisitDocument, name: string) {
  return { name: resourceName(document, name), patient: await patientReference(organisation, document) };
}

/** What every order of a visit carries without being asked for it again. */
async function orderedIn(organisation: Acting['organisation'], document: VisitDocument) {
  const appointment = await findPart(organisation, document, BOOKED);
  const { encounter } = document.written;
  const requester = bookedPractitioner(document);
  if (encounter === undefined || requester === undefined) {
    throw new ServerError('conflict', 'Nothing is ordered before the visit has begun.');
  }
  return { requester, encounter, reason: reasonOf(appointment) };
}

function demandStatus(document: VisitDocument, key: string, status: VisitTask['status']): void {
  const task = readTaskOf(document, key);
  if (task.status !== status) {
    throw new ServerError('conflict', `${key} is not ${status}: it was done already, or is not due yet.`);
  }
}
