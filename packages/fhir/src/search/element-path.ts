import { tryGetDataType } from '@medplum/core';
import { loadDefinitions } from '../definitions.ts';
import { parseReference } from '../reference.ts';
import { splitOutside } from './split.ts';

/** A value found in a resource, with its FHIR data type. */
export interface TypedElement {
  readonly type: string;
  readonly value: unknown;
}

/** Finds the elements of a compiled path below a value of the type that it was compiled for. */
export type ElementWalk = (root: unknown) => readonly TypedElement[];

type Fields = { readonly [element: string]: unknown };

/** One step: takes the values so far, puts those that it finds. */
type Step = (value: unknown, type: string, put: (value: unknown, type: string) => void) => void;

const NAME = /^([A-Za-z][A-Za-z0-9]*)(?:\[([0-9]{1,4})\])?$/;
const OF_TYPE = /^(?:ofType|as)\(([A-Za-z]+)\)$/;
const WHERE_EQUALS = /^where\(([A-Za-z]+)\s*=\s*'([^']*)'\)$/;
const WHERE_RESOLVES = /^where\(resolve\(\) is ([A-Za-z]+)\)$/;
const AS = /^(.+) as ([A-Za-z]+)$/;

/**
 * Compiles those FHIRPaths that search parameters are nearly all made of (names, `ofType`, `as`, two kinds of `where`, and
 * unions of them) into plain walks: a general evaluator takes thirty times as long, for each parameter of each resource that
 * is written. undefined for every other expression.
 */
export function compileElementPath(expression: string, rootType: string): ElementWalk | undefined {
  loadDefinitions();
  const walks: ElementWalk[] = [];
  for (const alternative of splitOutside(expression, '|')) {
    const walk = compileAlternative(alternative.trim(), rootType);
    if (walk === undefined) return undefined;
    walks.push(walk);
  }
  const [first] = walks;
  return walks.length === 1 ? first : (root) => walks.flatMap((walk) => walk(root));
}

function compileAlternative(text: string, rootType: string): ElementWalk | undefined {
  const steps: Step[] = [];
  if (!compileSteps(text, rootType, steps)) return undefined;
  return (root) => {
    let found: TypedElement[] = [{ type: rootType, value: root }];
    for (const step of steps) {
      const next: TypedElement[] = [];
      for (const { value, type } of found) step(value, type, (child, of) => next.push({ type: of, value: child }));
      if (next.length === 0) return next;
      found = next;
    }
    return found;
  };
}

/** `(a.b as Type).c` and `a.b.where(x='y')`; false for whatever else there is. */
function compileSteps(text: string, rootType: string, steps: Step[]): boolean {
  const parts = splitOutside(text, '.');
  for (const [at, part] of parts.entries()) {
    if (at === 0 && part.startsWith('(') && part.endsWith(')')) {
      if (!compileGroup(part.slice(1, -1), rootType, steps)) return false;
    } else if (!(at === 0 && part === rootType)) {
      const step = stepOf(part);
      if (step === undefined) return false;
      steps.push(step);
    }
  }
  return true;
}

function compileGroup(text: string, rootType: string, steps: Step[]): boolean {
  const cast = AS.exec(text);
  if (cast === null) return compileSteps(text, rootType, steps);
  if (!compileSteps(cast[1] ?? '', rootType, steps)) return false;
  steps.push(castTo(cast[2] ?? ''));
  return true;
}

function stepOf(part: string): Step | undefined {
  const name = NAME.exec(part);
  if (name !== null) return child(name[1] ?? '', name[2] === undefined ? undefined : Number(name[2]));
  const type = OF_TYPE.exec(part)?.[1];
  if (type !== undefined) return castTo(type);
  const equals = WHERE_EQUALS.exec(part);
  if (equals !== null) return where((value) => (value as Fields)[equals[1] ?? ''] === equals[2]);
  const target = WHERE_RESOLVES.exec(part)?.[1];
  return target === undefined ? undefined : where((value) => refersTo(value, target));
}

type Child = { readonly property: string; readonly type: string };

/** Properties under which an element of a type stands in JSON: one, or one for each type of a choice (R4 §2.6.2.1). */
function childrenOf(type: string, name: string): readonly Child[] {
  const elements = tryGetDataType(type)?.elements;
  const plain = elements?.[name];
  if (plain !== undefined) return [{ property: name, type: plain.type[0]?.code ?? '' }];
  const choice = elements?.[`${name}[x]`];
  return (choice?.type ?? []).map(({ code }) => ({
    property: `${name}${code.charAt(0).toUpperCase()}${code.slice(1)}`,
    type: code,
  }));
}

function child(name: string, index: number | undefined): Step {
  const known = new Map<string, readonly Child[]>();
  return (value, type, put) => {
    if (typeof value !== 'object' || value === null) return;
    const fields = value as Fields;
    // A resource inside another says what it is.
    const of = typeof fields.resourceType === 'string' ? fields.resourceType : type;
    let children = known.get(of);
    if (children === undefined) {
      children = childrenOf(of, name);
      known.set(of, children);
    }
    for (const { property, type: childType } of children) {
      const found = fields[property];
      if (found === undefined || found === null) continue;
      if (!Array.isArray(found)) put(found, childType);
      else if (index !== undefined) put(found[index], childType);
      else for (const item of found as readonly unknown[]) if (item !== null) put(item, childType);
    }
  };
}

/** Some definitions write `DateTime` where they mean `dateTime`. */
function castTo(wanted: string): Step {
  const primitive = wanted.charAt(0).toLowerCase() + wanted.slice(1);
  return (value, type, put) => {
    if (type === wanted || type === primitive) put(value, type);
  };
}

function where(holds: (value: unknown) => boolean): Step {
  return (value, type, put) => {
    if (typeof value === 'object' && value !== null && holds(value)) put(value, type);
  };
}

function refersTo(value: unknown, target: string): boolean {
  const { reference, type } = value as Fields;
  if (typeof reference !== 'string') return type === target;
  const parsed = parseReference(reference);
  return parsed.kind === 'local' || parsed.kind === 'absolute' ? parsed.type === target : type === target;
}
