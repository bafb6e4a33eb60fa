import { type LeafFact, leafKey } from '@salus/contracts';
import { type FhirTree, parseFhirJson } from '@salus/fhir/parse';
import { carried, leafOf, partOf, taskKey, type VisitTask } from '@salus/fhir/visit';
import { LedgerError } from '@salus/ledger';
import type { StoredRecord } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { isOrderStep } from './agreement.ts';
import type { VisitDocument } from './visit-document.ts';

type Parts = VisitTask['parts'];

/** Names of what a task carries: what the visit holds itself, and what stands in the record here. */
export function partNames({ recorded }: VisitDocument, task: VisitTask): readonly string[] {
  return [...new Set([...Object.keys(task.parts), ...(recorded?.[taskKey(task)] ?? [])])];
}

/** `<type>/<id>` of a part that was written into the record here. */
export function placeOf({ written }: VisitDocument, task: VisitTask, part: string): string | undefined {
  const name = writtenName(task, part);
  // A sender names parts: `constructor`, which every object has, was written by nobody.
  return Object.hasOwn(written, name) ? written[name] : undefined;
}

/** Under which name of the visit a part was written into the record: orders and what comes of them have numbers. */
function writtenName({ step, number }: VisitTask, part: string): string {
  if (!isOrderStep(step)) return part;
  const [, kind = part, at] = /^(observation)-(\d+)$/.exec(part) ?? [];
  return at === undefined ? `${kind}-${number}` : `${kind}-${number}-${at}`;
}

/**
 * What may be kept of a visit. A part that stands in the record here is named only and read from there: what is erased or
 * hidden there is gone or hidden here as well. Of a visit that is over nothing else is kept: what came from elsewhere stands
 * in the record of who wrote it, and what was never booked nowhere.
 */
export function withoutCopies(document: VisitDocument, isOver: boolean): VisitDocument {
  const recorded: { [task: string]: readonly string[] } = {};
  const tasks = [...document.course.values()].map((task): [string, VisitTask] => {
    const key = taskKey(task);
    const names = partNames(document, task);
    const own = names.filter((name) => placeOf(document, task, name) !== undefined);
    if (own.length > 0) recorded[key] = own;
    return [key, withParts(task, isOver ? [] : names.filter((name) => !own.includes(name)))];
  });
  return { ...document, course: new Map(tasks), recorded };
}

/** The record in which a part stands here, as long as it is there and not hidden. */
export async function findPartRecord({ vault }: HostedOrganisation, place: string): Promise<StoredRecord | undefined> {
  const [type = '', id = ''] = place.split('/');
  const record = await vault.rows.findResource(type, id);
  return record?.status === 'current' ? record : undefined;
}

/** The part as the record has it now, in the form in which the task carries it. */
export async function readPartOf(
  { vault }: HostedOrganisation,
  { step, pid }: VisitTask,
  record: StoredRecord,
): Promise<FhirTree> {
  vault.guard.demandReleasing();
  const { id: _id, meta: _meta, ...resource } = parseFhirJson(await vault.ciphertext.readPlaintext(record));
  return isOrderStep(step) ? carried(resource, pid ?? '') : resource;
}

/** One part of a task, from the visit or from the record here; undefined also for what is hidden or erased. */
export async function findPart(
  organisation: HostedOrganisation,
  document: VisitDocument,
  { task: key, part }: { readonly task: string; readonly part: string },
): Promise<FhirTree | undefined> {
  const task = document.course.get(key);
  if (task === undefined) return undefined;
  const place = placeOf(document, task, part);
  if (place === undefined) return partOf(task, part);
  const record = await findPartRecord(organisation, place);
  return record === undefined ? undefined : readPartOf(organisation, task, record);
}

/** The task with all that it carries, as it goes to another organisation, and the leaves of what it quotes of the record here. */
export async function wholeTask(
  organisation: HostedOrganisation,
  document: VisitDocument,
  task: VisitTask,
): Promise<{ readonly task: VisitTask; readonly quotes: readonly string[] }> {
  const parts: { [name: string]: FhirTree } = {};
  const leaves: { [name: string]: string } = {};
  const quotes: string[] = [];
  for (const name of partNames(document, task)) {
    const place = placeOf(document, task, name);
    const record = place === undefined ? undefined : await findPartRecord(organisation, place);
    const delivered = partOf(task, name);
    if (record !== undefined) {
      parts[name] = await readPartOf(organisation, task, record);
      leaves[name] = `${record.keyId}/${record.leafHash}`;
      quotes.push(record.leafHash);
    } else if (place === undefined && delivered !== undefined) {
      parts[name] = delivered;
      const leaf = leafOf(task, name);
      if (leaf !== undefined) leaves[name] = leaf;
    }
  }
  return { task: { ...task, parts, leaves }, quotes };
}

/** Without what came from elsewhere and was erased there since, by what the ledger says of the version. */
export async function withoutErased(
  organisation: HostedOrganisation,
  document: VisitDocument,
): Promise<{ readonly document: VisitDocument; readonly dropped: number }> {
  const course = new Map(document.course);
  let dropped = 0;
  for (const [key, task] of document.course) {
    const left: string[] = [];
    for (const name of Object.keys(task.parts)) if (!(await isErased(organisation, task, name))) left.push(name);
    const gone = Object.keys(task.parts).length - left.length;
    if (gone > 0) course.set(key, withParts(task, left));
    dropped += gone;
  }
  return { document: { ...document, course }, dropped };
}

/** Was the version erased of which a part that came from elsewhere is a copy? */
export async function isErased({ vault }: HostedOrganisation, task: VisitTask, part: string): Promise<boolean> {
  const [keyId, leafHash] = leafOf(task, part)?.split('/') ?? [];
  if (keyId === undefined || leafHash === undefined) return false;
  try {
    return ((await vault.ledger.get(leafKey(keyId, leafHash))) as LeafFact | undefined)?.status === 'erased';
  } catch (error) {
    // Nothing is destroyed on an answer that the ledger does not stand by.
    if (error instanceof LedgerError && error.code === 'distrusted') return false;
    throw error;
  }
}

function withParts(task: VisitTask, names: readonly string[]): VisitTask {
  const named = <Value>(of: { readonly [name: string]: Value } | undefined): { [name: string]: Value } =>
    Object.fromEntries(Object.entries(of ?? {}).filter(([name]) => names.includes(name)));
  const parts: Parts = named(task.parts);
  return { ...task, parts, leaves: named(task.leaves) };
}
