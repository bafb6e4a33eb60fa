import type { FhirTree } from '@salus/fhir';
import {
  carried,
  medicationDispense,
  OFFERED_TESTS,
  type OfferedTest,
  resultObservation,
  resultReport,
  type VisitTask,
} from '@salus/fhir/visit';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { findGrantTo, isOrderStep, MATTERS } from './agreement.ts';
import { type Acting, handOver, readTurn } from './hand-over.ts';
import type { Working } from './provider-acts.ts';
import { readTaskOf, type VisitDocument } from './visit-document.ts';
import { findPart } from './visit-parts.ts';
import { beside, patientReference, resourceName, writeResources } from './visit-records.ts';

/** An order that was taken up keeps the patient in the care of who took it for so long. */
const IN_CARE_MS = 30 * 24 * 60 * 60 * 1000;
const DECIMAL = /^-?\d{1,9}(\.\d{1,6})?$/;

/** Takes up an order or a prescription: from now on the patient is in this person's care. */
export async function accept(acting: Acting, document: VisitDocument, key: string): Promise<VisitDocument> {
  const { organisation, who, nowMs } = acting;
  const task = readTaskOf(document, key);
  const { pid } = document;
  if (pid === null || who.kind !== 'member') throw new ServerError('not-found', 'The patient is not known here.');
  const { step, number } = task;
  const change = { step, number, status: 'accepted' } as const;
  // No turn, no care: an order that a colleague took up, or that is done, is no reason for it.
  readTurn(acting, document, change);
  await demandBehind(organisation, document, task);
  const relationship = await organisation.vault.access.takeUp(who, { pid, untilMs: nowMs + IN_CARE_MS });
  const inCare = { ...document.inCare, [key]: relationship };
  return handOver(acting, { ...document, inCare }, change);
}

/** Sends an order back, with the reason; who had taken it up has the patient in care for it no longer. */
export async function reject(
  acting: Acting,
  document: VisitDocument,
  { task: key, reason }: { readonly task: string; readonly reason: string },
): Promise<VisitDocument> {
  const { step, number } = readTaskOf(document, key);
  const change = { step, number, status: 'rejected', reason } as const;
  readTurn(acting, document, change);
  const { [key]: relationship, ...inCare } = document.inCare ?? {};
  if (relationship !== undefined) await acting.organisation.vault.access.letGo(acting.who, relationship);
  return handOver(acting, { ...document, inCare }, change);
}

export interface Result {
  readonly task: string;
  /** One decimal for each measure of the test, in its order and units. */
  readonly values: readonly string[];
  readonly conclusion?: string | undefined;
}

/** Writes what was measured into the laboratory's own record and tells the provider. */
export async function report(working: Working, document: VisitDocument, given: Result): Promise<VisitDocument> {
  const { organisation, writer, nowMs } = working;
  const task = readTaskOf(document, given.task);
  demandAccepted(task);
  await demandBehind(organisation, document, task);
  const test = orderedTest(await findPart(organisation, document, { task: given.task, part: 'order' }));
  const { values, conclusion } = given;
  if (values.length !== test.measures.length || values.some((value) => !DECIMAL.test(value))) {
    throw new ServerError('bad-request', 'A result has one decimal number for each measure of the test.');
  }
  const patient = await patientReference(organisation, document);
  const { number } = task;
  const order = resourceName(document, `order-${number}`);
  const observations = test.measures.map((measure, at) => {
    const name = `observation-${number}-${at + 1}`;
    const inVisit = { name: resourceName(document, name), patient };
    return { name, resource: resultObservation(inVisit, { measure, value: values[at]!, order, atMs: nowMs }) };
  });
  const reportName = `report-${number}`;
  const reported = resultReport(
    { name: resourceName(document, reportName), patient },
    {
      ...{ test, order, atMs: nowMs, results: observations.map(({ name }) => document.written[name] ?? beside(name)) },
      ...(conclusion === undefined ? {} : { conclusion }),
    },
  );
  const resources = [...observations, { name: reportName, resource: reported }];
  const written = await writeResources(organisation, document, { writer, resources });
  const parts = Object.fromEntries([
    ['report', carried(reported, task.pid ?? '')],
    ...observations.map(({ resource }, at): [string, FhirTree] => [
      `observation-${at + 1}`,
      carried(resource, task.pid ?? ''),
    ]),
  ]);
  return handOver(working, { ...document, written }, { step: task.step, number, status: 'completed', parts });
}

/** Hands the medicine over: what and how much the prescription says; the lot is the pharmacy's own word. */
export async function dispense(
  working: Working,
  document: VisitDocument,
  given: { readonly task: string; readonly lot?: string | undefined },
): Promise<VisitDocument> {
  const { organisation, writer, nowMs } = working;
  const task = readTaskOf(document, given.task);
  demandAccepted(task);
  await demandBehind(organisation, document, task);
  const prescription = await findPart(organisation, document, { task: given.task, part: 'prescription' });
  if (prescription === undefined) throw new ServerError('conflict', 'The task carries no prescription.');
  const { number } = task;
  const name = `dispense-${number}`;
  const patient = await patientReference(organisation, document);
  const dispensed = medicationDispense(
    { name: resourceName(document, name), patient },
    { prescription, atMs: nowMs, ...(given.lot === undefined ? {} : { lot: given.lot }) },
  );
  const resources = [{ name, resource: dispensed }];
  const written = await writeResources(organisation, document, { writer, resources });
  return handOver(
    working,
    { ...document, written },
    {
      ...{ step: task.step, number, status: 'completed', parts: { dispense: carried(dispensed, task.pid ?? '') } },
    },
  );
}

function orderedTest(order: FhirTree | undefined): OfferedTest {
  const { coding = [] } = (order?.code ?? {}) as { readonly coding?: readonly { readonly code?: string }[] };
  const test = OFFERED_TESTS.find(({ code }) => coding.some((given) => given.code === code));
  if (test === undefined) throw new ServerError('conflict', 'The order names no test that this laboratory offers.');
  return test;
}

function demandAccepted({ status }: VisitTask): void {
  if (status !== 'accepted') throw new ServerError('conflict', 'Take the order up first; or it was done already.');
}

/** Until it is done, each act looks again whether the patient still agrees. */
async function demandBehind(
  organisation: HostedOrganisation,
  { pid }: VisitDocument,
  { requester, step, pid: named }: VisitTask,
): Promise<void> {
  const reach = isOrderStep(step) ? { organisation: requester, ...MATTERS[step].tells } : undefined;
  const isOwn = pid !== null && named === pid;
  const given = !isOwn || reach === undefined ? undefined : await findGrantTo(organisation, pid, reach);
  if (given === undefined) throw new ServerError('not-agreed', 'The patient has not agreed to this, or took it back.');
}
