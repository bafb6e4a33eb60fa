import { FhirError } from '../fhir-error.ts';
import { parseFhirJson } from '../parse-json.ts';
import { type FhirTree, type FhirValue, isList, isTree, stringOf } from '../tree.ts';
import { isStepCode, isStepStatus, type StepCode, type StepStatus } from './visit-step.ts';

/** `Task.groupIdentifier`: all tasks of one visit. 22 characters that the patient's device draws; no pid derives from it. */
export const VISIT_SYSTEM = 'urn:salus:visit';
/** `Task.identifier`: one task of a visit, the same in all its versions. */
export const VISIT_TASK_SYSTEM = 'urn:salus:visit-task';
/** `Task.code`. */
export const VISIT_STEP_SYSTEM = 'urn:salus:visit-step';
/** `Task.for`: the patient by the pseudonym that the receiving organisation has. */
export const PID_SYSTEM = 'urn:salus:pid';
/** Organisations by their short name. */
export const ORGANISATION_SYSTEM = 'urn:salus:organisation';
/** Of `Task.input.type`, `Task.output.type`. */
export const VISIT_PART_SYSTEM = 'urn:salus:visit-part';
/** Of `Task.input.valueReference.identifier`: the committed version that a part copies, `<key id>/<leaf hash>`. */
export const LEAF_SYSTEM = 'urn:salus:leaf';
/** Tasks of one kind in one visit: orders, prescriptions. */
export const TASKS_PER_STEP_MAX = 10;
/** Of a task that is delivered: what its receiver adds has room beside it, and a whole visit in one document. */
const DELIVERED_BYTES_MAX = 65_536;
const DELIVERED_PARTS_MAX = 10;
const PARTS_MAX = 20;
const REASON_LENGTH_MAX = 1_000;
const VISIT_ID = /^[\w-]{22}$/;
const PID = /^[\w-]{22}$/;
const LEAF = /^[\w-]{22}\/[\w-]{43}$/;
const ORGANISATION = /^[a-z][a-z0-9-]{1,31}$/;
/** Versions of one task. */
export const VERSION_MAX = 100;

/** One version of a task of a visit, as it is handed from one participant to the next. */
export interface VisitTask {
  readonly visit: string;
  /** The organisation where the visit takes place. */
  readonly provider: string;
  readonly step: StepCode;
  /** From 1; orders and prescriptions may be several. */
  readonly number: number;
  /** From 1, by one for each change. */
  readonly version: number;
  readonly status: StepStatus;
  /** Organisations of who asks and who does it. */
  readonly requester: string;
  readonly owner: string;
  /** The patient's pid at the organisation that does it; the provider and that one alone may know it. */
  readonly pid: string | null;
  readonly changedMs: number;
  /** Why it was rejected or cancelled, in the words of who did it. */
  readonly reason: string | null;
  /** What it carries, by name: resources, each in the words of who wrote it first. */
  readonly parts: { readonly [name: string]: FhirTree };
  /** Of which committed version a part is a copy, as its author says: the ledger tells when that one is erased. */
  readonly leaves?: { readonly [name: string]: string };
}

/** `laboratory-order.1` */
export function taskKey({ step, number }: Pick<VisitTask, 'step' | 'number'>): string {
  return `${step}.${number}`;
}

/** A part by its name. Its sender chose the name: one that every object has, as `constructor`, names nothing by itself. */
export function partOf({ parts }: Pick<VisitTask, 'parts'>, name: string): FhirTree | undefined {
  return Object.hasOwn(parts, name) ? parts[name] : undefined;
}

/** The committed version that a part copies, by the part's name, as `partOf` takes it. */
export function leafOf({ leaves = {} }: LeafNames, name: string): string | undefined {
  return Object.hasOwn(leaves, name) ? leaves[name] : undefined;
}

type LeafNames = { readonly leaves?: VisitTask['leaves'] | undefined };

/** The task as the FHIR resource that is delivered. */
export function visitTaskResource(task: VisitTask): FhirTree {
  const { visit, provider, version, status, requester, owner, pid, changedMs, reason, parts, leaves } = task;
  const names = Object.keys(parts);
  const value = `${provider}/${visit}/${taskKey(task)}`;
  return {
    resourceType: 'Task',
    meta: { versionId: String(version), lastUpdated: new Date(changedMs).toISOString() },
    ...(names.length === 0 ? {} : { contained: names.map((name) => ({ ...parts[name], id: name })) }),
    identifier: [{ system: VISIT_TASK_SYSTEM, value }],
    groupIdentifier: { system: VISIT_SYSTEM, value: visit },
    status,
    ...(reason === null ? {} : { statusReason: { text: reason } }),
    intent: task.step === 'appointment' ? 'proposal' : 'order',
    code: { coding: [{ system: VISIT_STEP_SYSTEM, code: task.step }] },
    ...(pid === null ? {} : { for: { identifier: { system: PID_SYSTEM, value: pid } } }),
    lastModified: new Date(changedMs).toISOString(),
    requester: organisationReference(requester),
    owner: organisationReference(owner),
    ...(names.length === 0
      ? {}
      : {
          input: names.map((name) => ({
            type: { coding: [{ system: VISIT_PART_SYSTEM, code: name }] },
            valueReference: { reference: `#${name}`, ...leafIdentifier(leafOf({ leaves }, name)) },
          })),
        }),
  };
}

function leafIdentifier(leaf: string | undefined): FhirTree {
  return leaf === undefined ? {} : { identifier: { system: LEAF_SYSTEM, value: leaf } };
}

function organisationReference(slug: string): FhirTree {
  return { identifier: { system: ORGANISATION_SYSTEM, value: slug } };
}

/**
 * A delivered text as a task of a visit; undefined for whatever is none.
 *
 * @throws FhirError `structure-invalid` for a task of a visit that is not as this page writes it
 */
export function parseVisitTask(text: string): VisitTask | undefined {
  const tree = parseFhirJson(text);
  const visit = valueIn(tree.groupIdentifier, VISIT_SYSTEM);
  if (tree.resourceType !== 'Task' || visit === undefined) return undefined;
  return visitTaskOf(tree);
}

/**
 * As `parseVisitTask`, of what another organisation delivered.
 *
 * @throws FhirError `structure-invalid` also for what is longer, or carries more, than a task that is handed over
 */
export function parseDeliveredTask(text: string): VisitTask | undefined {
  const task = parseVisitTask(text);
  if (task === undefined) return undefined;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > DELIVERED_BYTES_MAX || Object.keys(task.parts).length > DELIVERED_PARTS_MAX) {
    throw new FhirError('structure-invalid', 'a task that is delivered is larger than its profile says', 'Task');
  }
  return task;
}

/** As `parseVisitTask`, of a tree that is known to be one. */
export function visitTaskOf(tree: FhirTree): VisitTask {
  const [identifier] = isList(tree.identifier) ? tree.identifier : [];
  const [provider = '', named = '', key = ''] = (valueIn(identifier, VISIT_TASK_SYSTEM) ?? '').split('/');
  const [step = '', numberText = ''] = key.split('.');
  const meta = isTree(tree.meta) ? tree.meta : {};
  const task = {
    visit: valueIn(tree.groupIdentifier, VISIT_SYSTEM) ?? '',
    provider,
    step,
    number: Number(numberText),
    version: Number(stringOf(meta.versionId)),
    status: stringOf(tree.status),
    requester: organisationIn(tree.requester),
    owner: organisationIn(tree.owner),
    pid: isTree(tree.for) ? (valueIn(tree.for.identifier, PID_SYSTEM) ?? '') : null,
    changedMs: Date.parse(stringOf(tree.lastModified) ?? ''),
    reason: isTree(tree.statusReason) ? (stringOf(tree.statusReason.text) ?? '') : null,
    parts: partsOf(tree.contained),
    leaves: leavesIn(tree.input),
  };
  const sound =
    VISIT_ID.test(task.visit) &&
    named === task.visit &&
    [task.provider, task.requester, task.owner].every((slug) => ORGANISATION.test(slug)) &&
    isStepCode(task.step) &&
    isStepStatus(task.status) &&
    isCount(task.number, TASKS_PER_STEP_MAX) &&
    isCount(task.version, VERSION_MAX) &&
    Number.isSafeInteger(task.changedMs) &&
    (task.pid === null || PID.test(task.pid)) &&
    (task.reason === null || task.reason.length <= REASON_LENGTH_MAX) &&
    Object.entries(task.leaves).every(([name, leaf]) => Object.hasOwn(task.parts, name) && LEAF.test(leaf));
  if (!sound) throw new FhirError('structure-invalid', 'the task of a visit is not as its profile says', 'Task');
  return task as VisitTask;
}

function partsOf(contained: FhirValue | undefined): VisitTask['parts'] {
  const resources = isList(contained) ? contained.filter(isTree) : [];
  const named = resources.map((resource): [string, FhirTree] => {
    const { id, ...rest } = resource;
    return [stringOf(id) ?? '', rest];
  });
  if (named.length > PARTS_MAX || named.some(([name]) => !/^[a-z][a-z0-9-]{0,31}$/.test(name))) {
    throw new FhirError(
      'structure-invalid',
      'a task of a visit carries other parts than its profile says',
      'Task.contained',
    );
  }
  return Object.fromEntries(named);
}

function leavesIn(input: FhirValue | undefined): { readonly [name: string]: string } {
  const references = isList(input) ? input.flatMap((each) => (isTree(each) ? each.valueReference : [])) : [];
  const named = references.filter(isTree).flatMap(({ reference, identifier }): [string, string][] => {
    const leaf = valueIn(identifier, LEAF_SYSTEM);
    return leaf === undefined ? [] : [[(stringOf(reference) ?? '').slice(1), leaf]];
  });
  return Object.fromEntries(named);
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}

function organisationIn(reference: FhirValue | undefined): string {
  return (isTree(reference) ? valueIn(reference.identifier, ORGANISATION_SYSTEM) : undefined) ?? '';
}

function valueIn(identifier: FhirValue | undefined, system: string): string | undefined {
  return isTree(identifier) && identifier.system === system ? stringOf(identifier.value) : undefined;
}
