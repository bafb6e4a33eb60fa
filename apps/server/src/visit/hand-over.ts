import { canonicalBytes, sha256, toBase64url } from '@salus/crypto';
import { findMove, nextVersion, taskKey, type VisitTask, visitTaskResource } from '@salus/fhir/visit';
import { type DeliveryKind, RecordsError, type Who } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import {
  findVisit,
  type HandedOver,
  keepVisit,
  lockVisits,
  readTaskOf,
  type VisitDocument,
  withTask,
} from './visit-document.ts';
import { wholeTask } from './visit-parts.ts';

const DELIVERY_ID_CHARACTERS = 22;
/** Deliveries of one version of a task: each refusal makes the next. */
const ATTEMPTS_MAX = 20;

export type TaskChange = Pick<VisitTask, 'step' | 'number' | 'status'> &
  Partial<Pick<VisitTask, 'requester' | 'owner' | 'pid' | 'parts'>> & { readonly reason?: string };

/** By whom, where and when a task is taken further. */
export interface Acting {
  readonly organisation: HostedOrganisation;
  readonly who: Who;
  readonly nowMs: number;
  /** Ids of the deliveries to others that the act made ready: they leave once the visits are free again (`actOnVisit`). */
  readonly ready: Set<string>;
}

/**
 * One act on the visits of an organisation. What it hands to others is made ready, durably, while nobody else acts, and
 * leaves after that: a node that gives no answer for a minute holds up who acted, and neither everybody's visits nor an
 * erasure.
 */
export async function actOnVisit<Acted extends VisitDocument | undefined>(
  organisation: HostedOrganisation,
  act: (ready: Acting['ready']) => Promise<Acted>,
): Promise<Acted | VisitDocument> {
  const ready = new Set<string>();
  const document = await lockVisits(organisation, () => act(ready));
  if (document === undefined || ready.size === 0) return document;
  const outcomes = new Map<string, Outcome>();
  for (const delivery of ready) {
    outcomes.set(delivery, await outcomeOf(() => organisation.exchange.deliveries.attempt(delivery)));
  }
  return lockVisits(organisation, async () =>
    keepOutcomes(organisation, (await findVisit(organisation, document)) ?? document, outcomes),
  );
}

async function keepOutcomes(
  organisation: HostedOrganisation,
  document: VisitDocument,
  outcomes: ReadonlyMap<string, Outcome>,
): Promise<VisitDocument> {
  const sent = document.sent.map((entry) =>
    entry.state === 'pending' ? { ...entry, ...outcomes.get(entry.delivery) } : entry,
  );
  const kept = { ...document, sent };
  await keepVisit(organisation, kept);
  return kept;
}

/**
 * Takes a task one status further and makes it ready for the other party: kept first, then delivered through the exchange,
 * with its events in both audit logs. In-house tasks go the same way, without what they carry: it stands in the visit already.
 *
 * @throws ServerError `conflict` where it is not this step's turn
 */
export async function handOver(acting: Acting, document: VisitDocument, change: TaskChange): Promise<VisitDocument> {
  const { organisation, nowMs } = acting;
  const { task, to } = readTurn(acting, document, change);
  const entry = entryOf(task, { to, attempt: 0, atMs: nowMs });
  const prepared = withSent(withTask(document, task), entry);
  await keepVisit(organisation, prepared);
  return makeReady(acting, prepared, entry);
}

/**
 * The task as the change makes it, and to whom it goes then; nothing is kept.
 *
 * @throws ServerError `conflict` where it is not this step's turn
 */
export function readTurn(
  { organisation, nowMs }: Acting,
  document: VisitDocument,
  change: TaskChange,
): { readonly task: VisitTask; readonly to: string } {
  const { provider, visit, pid } = document;
  const known = document.course.get(taskKey(change));
  const task = nextVersion(document.course, {
    ...{ provider, visit, requester: provider, owner: provider, pid, changedMs: nowMs },
    ...(known === undefined ? {} : { requester: known.requester, owner: known.owner, pid: known.pid }),
    ...change,
  });
  if (task === undefined) throw new ServerError('conflict', 'It is not the turn of this step, or it was done already.');
  const move = findMove(task.step, known?.status, task.status);
  const [from, to] = move?.by === 'owner' ? [task.owner, task.requester] : [task.requester, task.owner];
  if (from !== organisation.slug) throw new ServerError('conflict', 'It is the turn of another organisation.');
  return { task, to };
}

/**
 * Sends again what did not arrive. The receiver knows a task's version once it has it: nothing is doubled.
 *
 * @throws ServerError `conflict` for what has arrived already
 */
export async function handOverAgain(acting: Acting, document: VisitDocument, key: string): Promise<VisitDocument> {
  const last = document.sent.findLast(({ task }) => task === key);
  if (last === undefined) throw new ServerError('not-found', 'Nothing of this task was handed over from here.');
  if (last.state === 'delivered') throw new ServerError('conflict', 'The receiver has it already.');
  if (last.state === 'pending') return makeReady(acting, document, last);
  if (last.attempt + 1 >= ATTEMPTS_MAX) throw new ServerError('conflict', 'It was refused too often.');
  // A refusal is the receiver's word on that delivery: the task goes as another one.
  const next = entryOf(readTaskOf(document, key), { to: last.to, attempt: last.attempt + 1, atMs: acting.nowMs });
  const prepared = { ...document, sent: document.sent.map((entry) => (entry === last ? next : entry)) };
  await keepVisit(acting.organisation, prepared);
  return makeReady(acting, prepared, next);
}

/** Looks what became of deliveries that were on their way. */
export async function settleSent(organisation: HostedOrganisation, document: VisitDocument): Promise<VisitDocument> {
  if (document.sent.every(({ state }) => state !== 'pending')) return document;
  const sent = await Promise.all(
    document.sent.map(async (entry) => {
      if (entry.state !== 'pending') return entry;
      const found = await organisation.exchange.deliveries.findSent(entry.delivery);
      return found === undefined ? entry : { ...entry, state: found.state, code: found.code };
    }),
  );
  const settled = { ...document, sent };
  if (sent.some((entry, at) => entry.state !== document.sent[at]?.state)) await keepVisit(organisation, settled);
  return settled;
}

async function makeReady(acting: Acting, document: VisitDocument, entry: HandedOver): Promise<VisitDocument> {
  const { organisation, who, ready } = acting;
  const { deliveries } = organisation.exchange;
  const { delivery, to } = entry;
  const known = readTaskOf(document, entry.task);
  const isInHouse = to === organisation.slug;
  const { task, quotes } = isInHouse
    ? { task: { ...known, parts: {}, leaves: {} }, quotes: [] }
    : await wholeTask(organisation, document, known);
  const body = JSON.stringify(visitTaskResource(task));
  const sending = { delivery, to, kind: kindOf(task), body, quotes, who, pid: document.pid };
  // Nobody's answer is waited for in the own house.
  const outcome = await outcomeOf(() => (isInHouse ? deliveries.send(sending) : deliveries.prepare(sending)));
  if (isInHouse && outcome.state === 'delivered') await deliveries.settle(to, delivery);
  if (!isInHouse && outcome.state === 'pending') ready.add(delivery);
  const settled = withSent(document, { ...entry, ...outcome });
  await keepVisit(organisation, settled);
  return settled;
}

type Outcome = Pick<HandedOver, 'state' | 'code'>;

/** What cannot even be prepared is shown to its sender like a refusal, with the code that says why. */
async function outcomeOf(send: () => Promise<Outcome>): Promise<Outcome> {
  try {
    const { state, code } = await send();
    return { state, code };
  } catch (error) {
    if (error instanceof RecordsError) return { state: 'refused', code: error.code };
    throw error;
  }
}

function kindOf({ step, status }: VisitTask): DeliveryKind {
  if (step === 'laboratory-order' && status === 'requested') return 'order';
  if (step === 'laboratory-order' && status === 'completed') return 'result';
  return step === 'prescription' && status === 'requested' ? 'prescription' : 'task';
}

function entryOf(
  task: VisitTask,
  { to, attempt: number, atMs }: { readonly to: string; readonly attempt: number; readonly atMs: number },
): HandedOver {
  const { provider, visit, version } = task;
  const key = taskKey(task);
  // From what it is, so that the same hand-over after a crash is the same delivery.
  const digest = sha256(canonicalBytes(['salus:hand-over:v1', provider, visit, key, version, to, number]));
  const delivery = toBase64url(digest).slice(0, DELIVERY_ID_CHARACTERS);
  return { task: key, version, to, delivery, attempt: number, state: 'pending', code: null, atMs };
}

function withSent(document: VisitDocument, entry: HandedOver): VisitDocument {
  const others = document.sent.filter(({ task, version }) => task !== entry.task || version !== entry.version);
  return { ...document, sent: [...others, entry] };
}
