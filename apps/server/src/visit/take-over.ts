import { FhirError } from '@salus/fhir';
import { courseOf, parseVisitTask, receiveTask, taskKey, type VisitTask } from '@salus/fhir/visit';
import type { HostedOrganisation } from '../organisation.ts';
import { findGrantTo, isOrderStep, MATTERS } from './agreement.ts';
import { handOver } from './hand-over.ts';
import { findVisit, keepVisit, newVisit, type VisitDocument } from './visit-document.ts';

const PAGE = 200;
/** Pages of the inbox that one look goes through. */
const PAGES_MAX = 50;

/** Sorts what other organisations delivered into the visits that it belongs to; other deliveries stay in the inbox. */
export async function takeOverAll(organisation: HostedOrganisation, nowMs: number): Promise<void> {
  const { deliveries } = organisation.exchange;
  let afterMs = -1;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const items = await deliveries.listInbox({ state: 'new', afterMs, limit: PAGE });
    for (const { from, delivery, body, atMs } of items) {
      const task = readTask(body);
      if (task === 'other') continue;
      if (task === 'malformed') await noteRefusal(organisation, null, nowMs);
      else if (from !== organisation.slug) await takeOver(organisation, { task, from, delivery, atMs }, nowMs);
      await deliveries.settle(from, delivery);
    }
    if (items.length < PAGE) return;
    afterMs = items.at(-1)!.atMs;
  }
}

function readTask(body: string): VisitTask | 'other' | 'malformed' {
  try {
    return parseVisitTask(body) ?? 'other';
  } catch (error) {
    if (!(error instanceof FhirError)) throw error;
    return error.code === 'structure-invalid' ? 'malformed' : 'other';
  }
}

interface Arrived {
  readonly task: VisitTask;
  readonly from: string;
  readonly delivery: string;
  readonly atMs: number;
}

async function takeOver(organisation: HostedOrganisation, arrived: Arrived, nowMs: number): Promise<void> {
  const { task, from } = arrived;
  const known = await findVisit(organisation, task);
  const document = known ?? (await firstHeard(organisation, arrived));
  if (document === undefined) return noteRefusal(organisation, null, nowMs);
  const received = receiveTask(document.course, task, from);
  if (received.kind === 'known') return;
  if (received.kind === 'refused') return noteRefusal(organisation, document.pid, nowMs);
  const { delivery, atMs } = arrived;
  const entry = { task: taskKey(task), version: task.version, from, delivery, atMs };
  const taken = { ...document, course: received.course, received: [...document.received, entry] };
  await keepVisit(organisation, taken);
  if (task.status === 'requested' && !(await isAgreed(organisation, task)))
    await sendBack(organisation, taken, { task, nowMs });
}

/** A visit elsewhere becomes known by an order; only its provider can tell of it. */
async function firstHeard(
  organisation: HostedOrganisation,
  { task, from }: Arrived,
): Promise<VisitDocument | undefined> {
  if (task.provider !== from || task.owner !== organisation.slug || task.status !== 'requested') return undefined;
  const patient = task.pid === null ? undefined : await organisation.vault.patients.findByPid(task.pid);
  return { ...newVisit(task, patient?.pid ?? null), course: courseOf([]) };
}

/** Behind each order stands a grant that this organisation's own patient signed for who sends it. */
async function isAgreed(organisation: HostedOrganisation, task: VisitTask): Promise<boolean> {
  if (task.pid === null || !isOrderStep(task.step)) return false;
  const reach = { organisation: task.requester, ...MATTERS[task.step].tells };
  return (await findGrantTo(organisation, task.pid, reach)) !== undefined;
}

/** Its sender reads why, and may ask again once the patient has agreed. */
async function sendBack(
  organisation: HostedOrganisation,
  document: VisitDocument,
  { task, nowMs }: { readonly task: VisitTask; readonly nowMs: number },
): Promise<void> {
  const { slug, node } = organisation;
  const who = { kind: 'member', id: node.id, organisation: slug, roles: ['node'] } as const;
  const { step, number } = task;
  await handOver({ organisation, who, nowMs }, document, {
    step,
    number,
    status: 'rejected',
    reason: 'not-agreed',
    parts: {},
  });
}

async function noteRefusal({ vault }: HostedOrganisation, pid: string | null, atMs: number): Promise<void> {
  await vault.audit.append({
    ...{ kind: 'refusal', atMs, pid, who: null, purpose: 'TREAT', outcome: 'bad-input' },
    ...{ grant: null, session: null, records: [], request: null },
  });
}
