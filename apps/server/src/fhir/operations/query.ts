import { isResourceType, type Period, parsePeriod, type ResourceType } from '@salus/fhir';
import { ServerError } from '../../server-error.ts';

/** Parameters of an operation as they came in the query string; each may come several times. */
export type OperationQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

const TYPES_MAX = 200;

/** Names that every operation knows because the transport reads them. */
const TRANSPORT: ReadonlySet<string> = new Set(['_format', '_pretty']);

/** @throws ServerError `bad-request` for a parameter that the operation does not know: leaving one out would widen the answer. */
export function demandKnown(query: OperationQuery, known: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !known.includes(name) && !TRANSPORT.has(name));
  if (unknown !== undefined) {
    throw new ServerError('bad-request', `The parameters of this operation are ${known.join(', ')}.`);
  }
}

/** @throws ServerError `bad-request` when it came more than once. */
export function oneOf(query: OperationQuery, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new ServerError('bad-request', `${name} is given once.`);
}

export function listOf(query: OperationQuery, name: string): readonly string[] {
  const value = query[name];
  if (value === undefined) return [];
  return (typeof value === 'string' ? [value] : value).flatMap((part) => part.split(','));
}

/** `_type`: undefined without it. @throws ServerError `bad-request` for what is no type of R4. */
export function typesIn(query: OperationQuery, name: string): ReadonlySet<ResourceType> | undefined {
  const names = listOf(query, name);
  if (names.length === 0) return undefined;
  const types = names.filter(isResourceType);
  if (types.length !== names.length || names.length > TYPES_MAX) {
    throw new ServerError('bad-request', `${name} names resource types of FHIR R4, with commas between them.`);
  }
  return new Set(types);
}

/** @throws ServerError `bad-request` for what is no date of FHIR. */
export function periodIn(query: OperationQuery, name: string): Period | undefined {
  const text = oneOf(query, name);
  if (text === undefined) return undefined;
  // A plus that was not escaped arrives as a space.
  const period = parsePeriod(text.replace(' ', '+'));
  if (period === undefined) throw new ServerError('bad-request', `${name} is a date, dateTime or instant of FHIR.`);
  return period;
}

/** A page size: `usual` unless asked, at most `max`. */
export function countIn(
  query: OperationQuery,
  name: string,
  limits: { readonly usual: number; readonly max: number },
): number {
  const text = oneOf(query, name);
  if (text === undefined) return limits.usual;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new ServerError('bad-request', `${name} is a whole number above zero.`);
  return Math.min(Number(text), limits.max);
}
