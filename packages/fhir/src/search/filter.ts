import { isResourceType, type ResourceType } from '../resource-table.ts';
import { type SearchParameter, type SearchType, searchParametersOf } from './search-parameter.ts';
import { parseSearchValue, type SearchValue } from './search-value.ts';
import { splitEscaped } from './split.ts';

/** Alternatives in one parameter, and links of a chain: each multiplies the work. */
export const ALTERNATIVES_MAX = 200;
export const CHAIN_MAX = 4;

export type Modifier = 'exact' | 'contains' | 'missing' | 'not' | 'identifier' | 'of-type' | 'below' | 'above' | 'text';

/** One parameter of a search; several must hold together, one alternative of each is enough. */
export type Filter =
  | {
      readonly kind: 'values';
      readonly parameter: SearchParameter;
      readonly modifier: Modifier | undefined;
      readonly alternatives: readonly SearchValue[];
    }
  | { readonly kind: 'missing'; readonly parameter: SearchParameter; readonly missing: boolean }
  /** `subject:Patient.name=…`: a reference of the parameter leads to a resource of `type` for which `filter` holds. */
  | {
      readonly kind: 'chain';
      readonly parameter: SearchParameter;
      readonly links: readonly { readonly type: ResourceType; readonly filter: Filter }[];
    }
  /** `_has:Observation:patient:code=…`: a resource of `type` refers to it by `parameter`, for which `filter` holds. */
  | {
      readonly kind: 'has';
      readonly type: ResourceType;
      readonly parameter: SearchParameter;
      readonly filter: Filter;
    };

/** Which modifiers a type has (R4 §3.1.1.4.5); the rest of the standard's refuse, as they need a terminology or a text index. */
const MODIFIERS: Readonly<Record<SearchType, readonly Modifier[]>> = {
  string: ['exact', 'contains', 'missing'],
  token: ['not', 'of-type', 'missing', 'text'],
  reference: ['identifier', 'missing'],
  uri: ['below', 'above', 'missing'],
  number: ['missing'],
  date: ['missing'],
  quantity: ['missing'],
  composite: ['missing'],
  special: [],
};

/** Standard parameters that this server answers with a refusal: they need an index of readable text or stored queries. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['_text', '_content', '_query', '_list', '_filter']);

/** Does a search by this parameter find anything, or refuse? */
export function isSupportedParameter({ code, type }: SearchParameter): boolean {
  return !UNSUPPORTED.has(code) && type !== 'special';
}

/** A filter, `unknown`, or what is wrong with it. */
export function parseFilter(type: ResourceType, name: string, value: string, depth = 0): Filter | string {
  if (depth > CHAIN_MAX) return `a chain has at most ${CHAIN_MAX} links`;
  if (UNSUPPORTED.has(name.split(':')[0] ?? '')) return 'this parameter is not supported';
  if (name.startsWith('_has:')) return parseHas(type, name, value, depth);
  const dot = name.indexOf('.');
  const [code = '', modifier, ...more] = (dot < 0 ? name : name.slice(0, dot)).split(':');
  if (more.length > 0) return 'one modifier was expected';
  const parameter = searchParametersOf(type).get(code);
  if (parameter === undefined) return 'unknown';
  if (parameter.type === 'special') return 'this parameter is not supported';
  if (dot >= 0) return parseChain(parameter, modifier, { rest: name.slice(dot + 1), value, depth });
  return parseValues(parameter, modifier, value);
}

function parseValues(parameter: SearchParameter, modifier: string | undefined, value: string): Filter | string {
  const type = modifier !== undefined && isResourceType(modifier) ? modifier : undefined;
  if (type !== undefined && (parameter.type !== 'reference' || !parameter.targets.includes(type))) {
    return 'the parameter does not lead to this type';
  }
  const known = type === undefined ? MODIFIERS[parameter.type].find((name) => name === modifier) : undefined;
  if (modifier !== undefined && type === undefined && known === undefined) return 'this modifier is not supported';
  if (known === 'missing') {
    if (value !== 'true' && value !== 'false') return 'true or false was expected';
    return { kind: 'missing', parameter, missing: value === 'true' };
  }
  const texts = splitEscaped(value, ',');
  if (texts.length > ALTERNATIVES_MAX) return `at most ${ALTERNATIVES_MAX} alternatives`;
  // A person's identifier stands where the reference's id would: it is a token (R4 §3.1.1.4.12).
  const read: SearchParameter = known === 'identifier' ? { ...parameter, type: 'token' } : parameter;
  const alternatives: SearchValue[] = [];
  for (const text of texts) {
    const parsed = known === 'of-type' ? parseOfType(text) : parseSearchValue(read, text, type);
    if (typeof parsed === 'string') return parsed;
    alternatives.push(parsed);
  }
  return { kind: 'values', parameter, modifier: known, alternatives };
}

/** `system|code|value` of an identifier's type and value (R4 §3.1.1.4.10). */
function parseOfType(text: string): SearchValue | string {
  const parts = splitEscaped(text, '|');
  if (parts.length !== 3 || parts.some((part) => part === '')) return 'system|code|value was expected';
  const [system, code, value] = parts as [string, string, string];
  const type: SearchValue = { kind: 'token', system, code };
  return { kind: 'composite', parts: [type, { kind: 'string', text: value }] };
}

type Rest = { readonly rest: string; readonly value: string; readonly depth: number };

function parseChain(
  parameter: SearchParameter,
  modifier: string | undefined,
  { rest, value, depth }: Rest,
): Filter | string {
  if (parameter.type !== 'reference') return 'only references can be chained';
  if (modifier !== undefined && !isResourceType(modifier)) return 'the type of the target was expected after the colon';
  const types = modifier === undefined ? parameter.targets : parameter.targets.filter((target) => target === modifier);
  const links: { type: ResourceType; filter: Filter }[] = [];
  let problem = 'the parameter does not lead to this type';
  for (const type of types) {
    const filter = parseFilter(type, rest, value, depth + 1);
    // R4 §3.1.1.4.14: of several targets, those that have the parameter count.
    if (typeof filter !== 'string') links.push({ type, filter });
    else if (filter !== 'unknown' || types.length === 1)
      problem = filter === 'unknown' ? 'the target has no such parameter' : filter;
  }
  return links.length === 0 ? problem : { kind: 'chain', parameter, links };
}

function parseHas(target: ResourceType, name: string, value: string, depth: number): Filter | string {
  const [, type = '', code = '', ...rest] = name.split(':');
  if (!isResourceType(type) || rest.length === 0) return '_has:Type:reference:parameter was expected';
  const parameter = searchParametersOf(type).get(code);
  if (parameter?.type !== 'reference' || !parameter.targets.includes(target)) {
    return 'the type has no such parameter that leads here';
  }
  const filter = parseFilter(type, rest.join(':'), value, depth + 1);
  if (filter === 'unknown') return 'the type has no such search parameter';
  return typeof filter === 'string' ? filter : { kind: 'has', type, parameter, filter };
}
