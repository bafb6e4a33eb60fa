import { FhirError } from './fhir-error.ts';
import { JSON_DEPTH_MAX, parseJsonValue } from './parse-json.ts';
import { type FhirTree, type FhirValue, isList, isTree, sameValue } from './tree.ts';

/** Operations of one patch. */
export const PATCH_OPERATIONS_MAX = 1_000;
/** Values that `copy` may multiply: a patch that doubles itself would else grow without bound. */
const COPIED_VALUES_MAX = 100_000;
export const JSON_PATCH_TYPE = 'application/json-patch+json';

type Pointer = readonly string[];

export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: FhirValue }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly from: Pointer; readonly path: Pointer };

/**
 * A JSON Patch (RFC 6902 §4), number literals kept.
 *
 * @throws FhirError `patch-invalid`, and the codes of parsing.
 */
export function parseJsonPatch(input: Uint8Array | string): readonly PatchOperation[] {
  const value = parseJsonValue(input);
  if (!isList(value) || value.length === 0) throw invalid('a JSON Patch is an array of operations', '$this');
  if (value.length > PATCH_OPERATIONS_MAX) {
    throw invalid(`a JSON Patch has at most ${PATCH_OPERATIONS_MAX} operations`, '$this');
  }
  return value.map((item, index) => operationOf(item, `$this[${index}]`));
}

/**
 * The patch that a Binary holds: how it travels inside a bundle (R4 §3.1.0.11).
 *
 * @throws FhirError `not-supported` for another form of patch, `patch-invalid`.
 */
export function patchOfBinary(binary: FhirTree, place: string): readonly PatchOperation[] {
  if (binary.contentType !== JSON_PATCH_TYPE) {
    throw new FhirError('not-supported', `a patch is of type ${JSON_PATCH_TYPE}; FHIRPath Patch is not taken`, place);
  }
  const { data } = binary;
  if (typeof data !== 'string') throw invalid('a patch stands in the data of its Binary', place);
  return parseJsonPatch(Buffer.from(data, 'base64'));
}

/**
 * The tree after all operations, in their order (RFC 6902 §5: all of them or none). The tree that is given stays as it is.
 *
 * @throws FhirError `patch-failed` where an operation does not apply or a `test` does not hold.
 */
export function applyJsonPatch(tree: FhirTree, patch: readonly PatchOperation[]): FhirTree {
  let whole: FhirValue = tree;
  const budget = { left: COPIED_VALUES_MAX };
  for (const [index, operation] of patch.entries()) {
    whole = applyOne(whole, operation, { place: `$this[${index}]`, budget });
  }
  if (!isTree(whole)) throw new FhirError('patch-failed', 'a patched resource is an object');
  return whole;
}

type At = { readonly place: string; readonly budget: { left: number } };

function applyOne(whole: FhirValue, operation: PatchOperation, at: At): FhirValue {
  switch (operation.op) {
    case 'add':
      return put(whole, operation, 'add', at);
    case 'replace':
      return put(whole, operation, 'replace', at);
    case 'test':
      if (!sameValue(readAt(whole, operation.path, at), operation.value)) {
        throw failed('a test does not hold', at);
      }
      return whole;
    case 'remove':
      readAt(whole, operation.path, at);
      return change(whole, operation.path, { kind: 'remove' }, at);
    case 'copy': {
      const value = readAt(whole, operation.from, at);
      spend(value, at);
      return put(whole, { path: operation.path, value }, 'add', at);
    }
    case 'move': {
      const { from, path } = operation;
      if (from.length < path.length && from.every((step, index) => step === path[index])) {
        throw failed('nothing moves into itself', at);
      }
      const value = readAt(whole, from, at);
      return put(change(whole, from, { kind: 'remove' }, at), { path, value }, 'add', at);
    }
  }
}

function put(
  whole: FhirValue,
  { path, value }: { readonly path: Pointer; readonly value: FhirValue },
  kind: 'add' | 'replace',
  at: At,
): FhirValue {
  demandDepth(value, JSON_DEPTH_MAX - path.length, at);
  if (path.length === 0) return value;
  if (kind === 'replace') readAt(whole, path, at);
  return change(whole, path, { kind, value }, at);
}

type Change =
  | { readonly kind: 'add' | 'replace'; readonly value: FhirValue }
  | { readonly kind: 'remove'; readonly value?: never };

/** Copies what lies on the way, so that nobody else's tree changes. */
function change(whole: FhirValue, path: Pointer, what: Change, at: At): FhirValue {
  const [step, ...rest] = path;
  if (step === undefined) throw failed('a resource is not removed by a patch', at);
  if (isList(whole)) return changeList(whole, step, rest, what, at);
  if (!isTree(whole)) throw failed('a path leads to nothing', at);
  demandKey(step, at);
  const { [step]: child, ...others } = whole;
  if (rest.length > 0) {
    if (child === undefined) throw failed('a path leads to nothing', at);
    return { ...whole, [step]: change(child, rest, what, at) };
  }
  return what.kind === 'remove' ? others : { ...whole, [step]: what.value };
}

function changeList(list: readonly FhirValue[], step: string, rest: Pointer, what: Change, at: At): FhirValue {
  if (rest.length === 0 && what.kind === 'add') {
    const index = step === '-' ? list.length : indexOf(step, list.length, at);
    return list.toSpliced(index, 0, what.value);
  }
  const index = indexOf(step, list.length - 1, at);
  if (rest.length > 0) return list.with(index, change(list[index]!, rest, what, at));
  return what.kind === 'remove' ? list.toSpliced(index, 1) : list.with(index, what.value);
}

function readAt(whole: FhirValue, path: Pointer, at: At): FhirValue {
  let value: FhirValue | undefined = whole;
  for (const step of path) {
    if (isList(value)) value = value[indexOf(step, value.length - 1, at)];
    else if (isTree(value)) value = Object.hasOwn(value, step) ? value[step] : undefined;
    else value = undefined;
    if (value === undefined) throw failed('a path leads to nothing', at);
  }
  return value as FhirValue;
}

function indexOf(step: string, max: number, at: At): number {
  const index = /^(?:0|[1-9][0-9]{0,8})$/.test(step) ? Number(step) : Number.NaN;
  if (!(index <= max)) throw failed('a path leads to no item of an array', at);
  return index;
}

/** As in parsing: no key that names a property of every JavaScript object. */
function demandKey(step: string, at: At): void {
  if (step in {}) throw failed('a path names no FHIR element', at);
}

function spend(value: FhirValue, at: At): void {
  at.budget.left -= 1;
  if (at.budget.left < 0) throw failed(`a patch copies at most ${COPIED_VALUES_MAX} values`, at);
  if (isList(value)) for (const item of value) spend(item, at);
  else if (isTree(value)) for (const item of Object.values(value)) if (item !== undefined) spend(item, at);
}

function demandDepth(value: FhirValue, left: number, at: At): void {
  if (left < 0) throw failed(`nested deeper than ${JSON_DEPTH_MAX} levels`, at);
  if (isList(value)) for (const item of value) demandDepth(item, left - 1, at);
  else if (isTree(value)) {
    for (const item of Object.values(value)) if (item !== undefined) demandDepth(item, left - 1, at);
  }
}

function operationOf(item: FhirValue, place: string): PatchOperation {
  if (!isTree(item)) throw invalid('an operation is an object', place);
  const { op, value } = item;
  const path = pointerOf(item.path, `${place}.path`);
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (value === undefined) throw invalid('this operation needs a value', place);
      return { op, path, value };
    case 'remove':
      return { op, path };
    case 'move':
    case 'copy':
      return { op, path, from: pointerOf(item.from, `${place}.from`) };
    default:
      throw invalid('the operation is none of RFC 6902', `${place}.op`);
  }
}

/** RFC 6901 §3 and §4. */
function pointerOf(value: FhirValue | undefined, place: string): Pointer {
  if (typeof value !== 'string' || (value !== '' && !value.startsWith('/'))) {
    throw invalid('a path is a JSON Pointer', place);
  }
  if (/~(?![01])/.test(value)) throw invalid('a JSON Pointer escapes ~ as ~0 and / as ~1', place);
  const steps = value.split('/').slice(1);
  if (steps.length > JSON_DEPTH_MAX) throw invalid(`a path has at most ${JSON_DEPTH_MAX} steps`, place);
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function invalid(message: string, expression: string): FhirError {
  return new FhirError('patch-invalid', message, expression);
}

function failed(message: string, { place }: At): FhirError {
  return new FhirError('patch-failed', message, place);
}
