import { FhirError } from './fhir-error.ts';
import { type FhirTree, isTree, listOf } from './tree.ts';

/**
 * A search by identifier (R4 §3.1.1.4.10, token): `system|value`; `|value` is `system: null` (an identifier without
 * system); a bare `value` is `system: undefined` (any system).
 */
export interface IdentifierQuery {
  readonly system: string | null | undefined;
  readonly value: string;
}

/** Longest identifier system or value that is looked up. */
export const IDENTIFIER_LENGTH_MAX = 1_000;

/**
 * The query of a conditional reference or create: exactly one parameter `identifier`, one token.
 *
 * @throws FhirError `condition-unsupported` for every other search.
 */
export function parseIdentifierQuery(query: string, expression: string): IdentifierQuery {
  const parameters = [...new URLSearchParams(query)];
  const [name, token] = parameters[0] ?? [];
  if (parameters.length !== 1 || name !== 'identifier' || token === undefined) {
    throw unsupported('a condition is one search by identifier', expression);
  }
  const parts = splitToken(token, expression);
  const [first = '', second] = parts;
  const value = second ?? first;
  if (parts.length > 2 || value === '' || token.length > IDENTIFIER_LENGTH_MAX) {
    throw unsupported('a condition names one identifier as system|value', expression);
  }
  if (second === undefined) return { system: undefined, value };
  return { system: first === '' ? null : first, value };
}

/**
 * As `parseIdentifierQuery` for what is one search by one identifier; undefined for every other search.
 *
 * @throws FhirError `condition-unsupported` for an identifier that is none.
 */
export function findIdentifierQuery(query: string, expression: string): IdentifierQuery | undefined {
  const parameters = [...new URLSearchParams(query)];
  const [name, token = ''] = parameters[0] ?? [];
  const isOne = parameters.length === 1 && name === 'identifier' && !/(?<!\\),/.test(token);
  return isOne ? parseIdentifierQuery(query, expression) : undefined;
}

/** Splits at `|`, honouring the escapes of R4 §3.1.1.4.1; an unescaped comma means "or" and is refused. */
function splitToken(token: string, expression: string): readonly string[] {
  const parts: string[] = [''];
  for (let at = 0; at < token.length; at++) {
    const character = token.charAt(at);
    const next = token.charAt(at + 1);
    if (character === '\\' && ['\\', '|', ',', '$'].includes(next)) {
      parts.push((parts.pop() ?? '') + next);
      at++;
    } else if (character === ',') {
      throw unsupported('a condition names one identifier, not several', expression);
    } else if (character === '|') {
      parts.push('');
    } else {
      parts.push((parts.pop() ?? '') + character);
    }
  }
  return parts;
}

function unsupported(message: string, expression: string): FhirError {
  return new FhirError('condition-unsupported', message, expression);
}

/** Does one of the resource's identifiers answer the query? */
export function hasIdentifier(tree: FhirTree, query: IdentifierQuery): boolean {
  return listOf(tree.identifier).some(
    (identifier) =>
      isTree(identifier) &&
      identifier.value === query.value &&
      (query.system === undefined || (identifier.system ?? null) === query.system),
  );
}

/** The identifiers of a resource that are complete enough to recognise it by: with system and value. */
export function identifiersOf(tree: FhirTree): readonly IdentifierQuery[] {
  return listOf(tree.identifier).flatMap((identifier) =>
    isTree(identifier) && typeof identifier.system === 'string' && typeof identifier.value === 'string'
      ? [{ system: identifier.system, value: identifier.value }]
      : [],
  );
}
