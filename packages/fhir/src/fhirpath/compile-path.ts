import { distinctOf, ofTypeItems, PLAIN_FUNCTIONS, truthOf } from './functions.ts';
import { booleanItem, childrenOf, type Item, type Items, NONE, numberOf } from './item.ts';
import { itemsOf, LAZY, OPERATORS, stateOf } from './operators.ts';
import { type Path, parsePath } from './parse-path.ts';
import { FhirPathSyntaxError } from './tokens.ts';

/** What an expression sees beside its focus (FHIR R4 §2.9.1). */
export interface Surroundings {
  /** `%resource`: the resource that holds the focus. */
  readonly resource: Item;
  /** `%rootResource`: the same, or what contains it. */
  readonly rootResource: Item;
  /** `resolve()`: the resource that a reference leads to, within the same resource or bundle. */
  resolve(reference: string): Item | undefined;
}

interface Scope extends Surroundings {
  readonly context: Items;
}

type Evaluation = (focus: Items, scope: Scope, self: Items, index: number) => Items;

/** A compiled expression. */
export type CompiledPath = (focus: Item, surroundings: Surroundings) => Items;

/**
 * Compiles a FHIRPath expression to closures: an invariant is compiled once and evaluated for every resource.
 *
 * @throws FhirPathSyntaxError no FHIRPath, or a function that is not known here.
 */
export function compilePath(expression: string): CompiledPath {
  const evaluate = compile(parsePath(expression));
  return (focus, { resource, rootResource, resolve }) => {
    const self = [focus];
    return evaluate(self, { resource, rootResource, resolve, context: self }, self, 0);
  };
}

function compile(path: Path): Evaluation {
  switch (path.kind) {
    case 'literal': {
      const items = literalItems(path.type, path.text);
      return () => items;
    }
    case 'empty':
      return () => NONE;
    case 'this':
      return (_focus, _scope, self) => self;
    case 'index':
      return (_focus, _scope, _self, index) => [{ value: index, type: 'integer' }];
    case 'total':
      throw new FhirPathSyntaxError('$total is not computed');
    case 'variable':
      return variable(path.name);
    case 'member':
      return member(path.of, path.name);
    case 'call':
      return call(path.of, path.name, path.args);
    case 'item':
      return itemAt(compile(path.of), compile(path.index));
    case 'negative':
      return negative(compile(path.of));
    case 'type':
      return typed(path.operator, compile(path.of), path.type);
    case 'binary':
      return binary(path.operator, compile(path.left), compile(path.right));
  }
}

function literalItems(type: 'string' | 'number' | 'boolean' | 'date', text: string): Items {
  if (type === 'boolean') return booleanItem(text === 'true');
  if (type === 'number') return [{ value: Number(text), type: text.includes('.') ? 'decimal' : 'integer' }];
  if (type === 'date') return [{ value: text.replace(/^@/, ''), type: text.startsWith('@T') ? 'time' : 'dateTime' }];
  return [{ value: text, type: 'string' }];
}

const CODE_SYSTEMS: Readonly<Record<string, string>> = {
  ucum: 'http://unitsofmeasure.org',
  sct: 'http://snomed.info/sct',
  loinc: 'http://loinc.org',
};

function variable(name: string): Evaluation {
  const system = CODE_SYSTEMS[name];
  if (system !== undefined) return () => [{ value: system, type: 'string' }];
  if (name === 'resource') return (_focus, scope) => [scope.resource];
  if (name === 'rootResource') return (_focus, scope) => [scope.rootResource];
  if (name === 'context') return (_focus, scope) => scope.context;
  throw new FhirPathSyntaxError('the expression names a variable that is not known');
}

function member(of: Path | undefined, name: string): Evaluation {
  if (of !== undefined) {
    const inner = compile(of);
    return (focus, scope, self, index) => membersOf(inner(focus, scope, self, index), name);
  }
  const isType = /^[A-Z]/.test(name);
  return (focus) => {
    // `Appointment.status`: a type's name at the head of a path is the focus itself.
    if (isType && focus.some(({ type }) => type === name)) return focus;
    return membersOf(focus, name);
  };
}

function membersOf(items: Items, name: string): Items {
  if (items.length === 1) return childrenOf(items[0] as Item, name);
  return items.length === 0 ? NONE : items.flatMap((item) => childrenOf(item, name));
}

/** Functions whose argument is evaluated for every item, with `$this` as that item. */
function call(of: Path | undefined, name: string, args: readonly Path[]): Evaluation {
  const inner: Evaluation = of === undefined ? (focus) => focus : compile(of);
  const [first] = args;
  if ((name === 'ofType' || name === 'as' || name === 'is') && first !== undefined) {
    return typed(name === 'ofType' ? 'as' : name, inner, typeNameOf(first));
  }
  if (name === 'resolve') return (focus, scope, self, index) => resolved(inner(focus, scope, self, index), scope);
  if (name === 'iif') return conditional(inner, args);
  const each = first === undefined ? undefined : eachOf(name, compile(first));
  if (each !== undefined) return (focus, scope, self, index) => each(inner(focus, scope, self, index), scope);
  if (name === 'exists' && first === undefined) {
    return (focus, scope, self, index) => booleanItem(inner(focus, scope, self, index).length > 0);
  }
  const plain = PLAIN_FUNCTIONS.get(name);
  if (plain === undefined) throw new FhirPathSyntaxError('the expression calls a function that is not known');
  const compiled = name === 'trace' ? [] : args.map(compile);
  return (focus, scope, self, index) => {
    const items = inner(focus, scope, self, index);
    return plain(
      items,
      compiled.map((argument) => argument(self, scope, self, index)),
    );
  };
}

type Each = (items: Items, scope: Scope) => Items;

function eachOf(name: string, criterion: Evaluation): Each | undefined {
  const on = (item: Item, scope: Scope, index: number): Items => {
    const self = [item];
    return criterion(self, scope, self, index);
  };
  const holds = (item: Item, scope: Scope, index: number) => truthOf(on(item, scope, index));
  switch (name) {
    case 'where':
      return (items, scope) => items.filter((item, index) => holds(item, scope, index));
    case 'exists':
      return (items, scope) => booleanItem(items.some((item, index) => holds(item, scope, index)));
    case 'all':
      return (items, scope) => booleanItem(items.every((item, index) => holds(item, scope, index)));
    case 'select':
      return (items, scope) => items.flatMap((item, index) => on(item, scope, index));
    case 'repeat':
      return (items, scope) => repeated(items, (item) => on(item, scope, 0));
    default:
      return undefined;
  }
}

/** Rounds of `repeat`: the nesting that a resource may have. */
const REPEAT_MAX = 64;

function repeated(items: Items, on: (item: Item) => Items): Items {
  const found: Item[] = [];
  let current = items;
  for (let round = 0; round < REPEAT_MAX && current.length > 0; round++) {
    current = current.flatMap(on);
    found.push(...current);
  }
  return distinctOf(found);
}

function typeNameOf(path: Path): string {
  if (path.kind !== 'member') throw new FhirPathSyntaxError('the expression lacks the name of a type');
  return path.name;
}

function typed(operator: 'is' | 'as', of: Evaluation, type: string): Evaluation {
  return (focus, scope, self, index) => {
    const items = of(focus, scope, self, index);
    if (operator === 'as') return ofTypeItems(items, type);
    return items.length === 0 ? NONE : booleanItem(ofTypeItems(items, type).length === items.length);
  };
}

function resolved(items: Items, scope: Scope): Items {
  return items.flatMap((item) => {
    const reference = typeof item.value === 'string' ? item.value : childrenOf(item, 'reference')[0]?.value;
    const target = typeof reference === 'string' ? scope.resolve(reference) : undefined;
    return target === undefined ? NONE : [target];
  });
}

function conditional(inner: Evaluation, args: readonly Path[]): Evaluation {
  const [criterion, then, otherwise] = args.map(compile);
  if (criterion === undefined || then === undefined) throw new FhirPathSyntaxError('iif lacks an argument');
  return (focus, scope, self, index) => {
    const items = inner(focus, scope, self, index);
    if (truthOf(criterion(items, scope, items, index))) return then(items, scope, items, index);
    return otherwise === undefined ? NONE : otherwise(items, scope, items, index);
  };
}

function itemAt(of: Evaluation, at: Evaluation): Evaluation {
  return (focus, scope, self, index) => {
    const [position] = at(self, scope, self, index);
    const number = position === undefined ? undefined : numberOf(position);
    const item = number === undefined ? undefined : of(focus, scope, self, index)[number];
    return item === undefined ? NONE : [item];
  };
}

function negative(of: Evaluation): Evaluation {
  return (focus, scope, self, index) =>
    of(focus, scope, self, index).flatMap((item) => {
      const number = numberOf(item);
      return number === undefined ? NONE : [{ value: -number, type: item.type }];
    });
}

function binary(operator: string, left: Evaluation, right: Evaluation): Evaluation {
  const lazy = LAZY[operator];
  if (lazy !== undefined) {
    return (focus, scope, self, index) => {
      const a = stateOf(left(focus, scope, self, index));
      return itemsOf(lazy(a, () => stateOf(right(focus, scope, self, index))));
    };
  }
  const compute = OPERATORS[operator];
  if (compute === undefined) throw new FhirPathSyntaxError('the expression has an operator that is not known');
  return (focus, scope, self, index) => compute(left(focus, scope, self, index), right(focus, scope, self, index));
}
