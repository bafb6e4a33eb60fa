import type { Path } from '../../fhirpath/parse-path.ts';
import { isResourceType } from '../../resource-table.ts';
import { isPrimitiveType, planOf } from '../type-plan.ts';

/** The types a path may have; `undefined` where that cannot be told, and nothing is said of what follows. */
type Types = ReadonlySet<string> | undefined;

const ABSTRACT: ReadonlySet<string> = new Set(['Resource', 'DomainResource', 'Element']);
/** Functions that keep the type of their focus. */
const KEEPING: ReadonlySet<string> = new Set([
  'where',
  'first',
  'last',
  'tail',
  'single',
  'skip',
  'take',
  'distinct',
  'trace',
  'exclude',
]);

/** Does a path, evaluated on the given resource types, name a type or an element that is not there? */
export function namesUnknown(path: Path, bases: readonly string[]): boolean {
  const reader: Reader = { bases: new Set(bases), unknown: false };
  typesOf(path, reader.bases, reader);
  return reader.unknown;
}

interface Reader {
  readonly bases: ReadonlySet<string>;
  unknown: boolean;
}

function typesOf(path: Path, focus: Types, reader: Reader): Types {
  switch (path.kind) {
    case 'member':
      return memberTypes(path.of, path.name, focus, reader);
    case 'call':
      return callTypes(path, focus, reader);
    case 'item':
      return typesOf(path.of, focus, reader);
    case 'type':
      typesOf(path.of, focus, reader);
      return path.operator === 'as' ? new Set([path.type]) : undefined;
    case 'binary': {
      const left = typesOf(path.left, focus, reader);
      const right = typesOf(path.right, focus, reader);
      return path.operator === '|' && left !== undefined && right !== undefined ? left.union(right) : undefined;
    }
    case 'this':
      return focus;
    default:
      return undefined;
  }
}

function memberTypes(of: Path | undefined, name: string, focus: Types, reader: Reader): Types {
  if (of === undefined && /^[A-Z]/.test(name)) {
    if (!isResourceType(name) && !ABSTRACT.has(name)) return undefined;
    if (ABSTRACT.has(name)) return undefined;
    if (![...reader.bases].some((base) => base === name || ABSTRACT.has(base))) reader.unknown = true;
    return new Set([name]);
  }
  const types = of === undefined ? focus : typesOf(of, focus, reader);
  if (types === undefined) return undefined;
  const found = new Set<string>();
  for (const type of types) {
    // Resources inside others, and what only a profile would tell, are anybody's.
    if (ABSTRACT.has(type) || isPrimitiveType(type)) return undefined;
    const properties = planOf(type)?.elements.get(name);
    for (const property of properties ?? []) found.add(property.type);
  }
  if (found.size === 0) {
    reader.unknown = true;
    return undefined;
  }
  return found;
}

function callTypes({ of, name, args }: Extract<Path, { kind: 'call' }>, focus: Types, reader: Reader): Types {
  const types = of === undefined ? focus : typesOf(of, focus, reader);
  const [first] = args;
  if ((name === 'ofType' || name === 'as') && first?.kind === 'member') return new Set([first.name]);
  if (!KEEPING.has(name)) return undefined;
  return types;
}
