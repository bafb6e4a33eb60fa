import { FhirError } from '@salus/fhir';
import { parseDeliveredTask, receiveTask, taskKey, type VisitTask } from '@salus/fhir/visit';
import { LedgerError } from '@salus/ledger';
import { RecordsError } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { findGrantTo, isOrderStep, MATTERS } from './agreement.ts';
import { type Acting, actOnVisit, handOver } from './hand-over.ts';
import { findVisit, keepVisit, newVisit, type VisitDocument } from './visit-document.ts';
import { withoutErased } from './visit-parts.ts';

const PAGE = 200;
/** Pages of the inbox that one look goes through. */
const PAGES_MAX = 50;

/**
 * Sorts what other organisations delivered into the visits that it belongs to; other deliveries stay in the inbox. What one
 * of them sent holds up nobody else's: what has no room waits there, what cannot be kept is refused, and whoever gives no
 * answer to what goes back is left for the next look. Each delivery is an act of its own on the visits, which are free
 * while an answer is waited for.
 */
export async function takeOverAll(organisation: HostedOrganisation, nowMs: number): Promise<void> {
  const { deliveries } = organisation.exchange;
  const silent = new Set<string>();
  let afterMs = -1;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const items = await deliveries.listInbox({ state: 'new', afterMs, limit: PAGE });
    for (const { from, delivery, body, atMs } of items) {
      if (body === null || silent.has(from)) continue;
      const task = readTask(body);
      if (task === 'other') continue;
      if ((await takeOne(organisation, { task, from, delivery, atMs }, nowMs)) === 'silent') silent.add(from);
    }
    if (items.length < PAGE) return;
    afterMs = items.at(-1)!.atMs;
  }
}

/** Takes one delivery out of the inbox, unless there is no room for it now; `silent`: it goes back to a node that gives no answer. */
async function takeOne(
  organisation: HostedOrganisation,
  arrived: Arrived<VisitTask | 'malformed'>,
  nowMs: number,
): Promise<'done' | 'silent'> {
  const { from, delivery } = arrived;
  const { deliveries } = organisation.exchange;
  let back: ReadonlySet<string> = new Set();
  const visit = await actOnVisit(organisation, async (ready) => {
    back = ready;
    // Somebody else's look was faster.
    if (!(await deliveries.isNew(from, delivery))) return undefined;
    const taken = await takeOrLeave(organisation, arrived, { nowMs, ready });
    if (taken === 'left') return undefined;
    await deliveries.settle(from, delivery);
    return taken;
  });
  const isSilent = visit?.sent.some((entry) => entry.state === 'pending' && back.has(entry.delivery));
  return isSilent === true ? 'silent' : 'done';
}

/** The visit that the task went into; undefined: none. */
type Taken = VisitDocument | undefined;
type Taking = Pick<Acting, 'nowMs' | 'ready'>;

/** `left`: it cannot be kept now, and may be later. */
async function takeOrLeave(
  organisation: HostedOrganisation,
  { task, ...arrived }: Arrived<VisitTask | 'malformed'>,
  taking: Taking,
): Promise<Taken | 'left'> {
  const refuse = (): Promise<undefined> => noteRefusal(organisation, null, taking.nowMs);
  if (task === 'malformed') return refuse();
  try {
    return arrived.from === organisation.slug ? undefined : await takeOver(organisation, { task, ...arrived }, taking);
  } catch (error) {
    if (error instanceof ServerError && error.code === 'overloaded') return 'left';
    if (error instanceof LedgerError && error.code === 'distrusted') return 'left';
    const isTheirs = error instanceof ServerError ? error.code === 'conflict' : isTooLarge(error);
    // Of store and ledger, which say nothing of the delivery.
    if (!isTheirs && (error instanceof RecordsError || error instanceof LedgerError)) throw error;
    // Whatever its sender made of it, it stops neither what others sent nor whoever looks.
    if (!isTheirs) organisation.onFailure(error);
    return refuse();
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RecordsError && error.code === 'too-large';
}

function readTask(body: string): VisitTask | 'other' | 'malformed' {
  try {
    return parseDeliveredTask(body) ?? 'other';
  } catch (error) {
    if (!(error instanceof FhirError)) throw error;
    return error.code === 'structure-invalid' ? 'malformed' : 'other';
  }
}

interface Arrived<Task = VisitTask> {
  readonly task: Task;
  readonly from: string;
  readonly delivery: string;
  readonly atMs: number;
}

async function takeOver(organisation: HostedOrganisation, arrived: Arrived, taking: Taking): Promise<Taken> {
  const { nowMs } = taking;
  const { task, from, delivery, atMs } = arrived;
  const document = (await findVisit(organisation, task)) ?? firstHeard(organisation, arrived);
  if (document === undefined) return noteRefusal(organisation, null, nowMs);
  const received = receiveTask(document.course, task, from);
  if (received.kind === 'known') return undefined;
  if (received.kind === 'refused' || !isAddressed(organisation, document, task)) {
    return noteRefusal(organisation, document.pid, nowMs);
  }
  const entry = { task: taskKey(task), version: task.version, from, delivery, atMs };
  const pid = document.pid ?? (await findOwnPid(organisation, task));
  const told = { ...document, pid, course: received.course, received: [...document.received, entry] };
  const { document: taken } = await withoutErased(organisation, told);
  await keepVisit(organisation, taken);
  if (task.status !== 'requested' || (await isAgreed(organisation, task))) return taken;
  return sendBack(organisation, taken, { task, ...taking });
}

/** A visit elsewhere becomes known by an order, of a patient; only its provider can tell of it. */
function firstHeard(organisation: HostedOrganisation, { task, from }: Arrived): VisitDocument | undefined {
  const isFirst = task.provider === from && task.owner === organisation.slug && task.status === 'requested';
  return isFirst && task.pid !== null ? newVisit(task, null) : undefined;
}

/** What is asked here is asked of this organisation, and about whom its visit is; the course has seen to what comes back. */
function isAddressed({ slug }: HostedOrganisation, { provider, pid }: VisitDocument, task: VisitTask): boolean {
  if (provider === slug) return true;
  return task.owner === slug && task.pid !== null && (pid === null || pid === task.pid);
}

async function findOwnPid({ slug, vault }: HostedOrganisation, task: VisitTask): Promise<string | null> {
  if (task.provider === slug || task.pid === null) return null;
  return (await vault.patients.findByPid(task.pid))?.pid ?? null;
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
  { task, ...taking }: Taking & { readonly task: VisitTask },
): Promise<VisitDocument> {
  const { slug, node } = organisation;
  const who = { kind: 'member', id: node.id, organisation: slug, roles: ['node'] } as const;
  const { step, number } = task;
  const change = { step, number, status: 'rejected', reason: 'not-agreed', parts: {} } as const;
  return handOver({ organisation, who, ...taking }, document, change);
}

async function noteRefusal({ vault }: HostedOrganisation, pid: string | null, atMs: number): Promise<undefined> {
  await vault.audit.append({
    ...{ kind: 'refusal', atMs, pid, who: null, purpose: 'TREAT', outcome: 'bad-input' },
    ...{ grant: null, session: null, records: [], request: null },
  });
}
