import { type FhirTree, isTree, parseFhirJson, parseFhirXml } from '@salus/fhir';
import type { FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';
import { type OperationQuery, oneOf } from './operations/query.ts';
import { resourceIn } from './request-body.ts';

/** The resource in a request's body, JSON or XML by its media type. */
export function bodyTree(request: FastifyRequest): FhirTree | undefined {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return undefined;
  const { bytes, format } = resourceIn(request);
  return format === 'xml' ? parseFhirXml(bytes) : parseFhirJson(bytes);
}

/** What an operation was asked, from the query of a GET or the Parameters of a POST (R4 §3.2.0). */
export interface Asked {
  /** A primitive parameter; @throws ServerError `bad-request` when it is given twice. */
  one(name: string): string | undefined;
  /** A resource or data type. */
  tree(name: string): FhirTree | undefined;
}

/** Parameters of one operation. */
const PARAMETERS_MAX = 50;

/** @throws ServerError `bad-request` a body that is no Parameters resource, or a parameter that the operation does not know */
export function askedOf(request: FastifyRequest, known: readonly string[]): Asked {
  const query = request.query as OperationQuery;
  const body = bodyTree(request);
  if (body !== undefined && body.resourceType !== 'Parameters') {
    throw new ServerError('bad-request', 'The body of this operation is a Parameters resource.');
  }
  const parameters = (Array.isArray(body?.parameter) ? body.parameter : []).filter(isTree);
  if (parameters.length > PARAMETERS_MAX) throw new ServerError('bad-request', 'There are too many parameters.');
  const names = [...parameters.map(({ name }) => name), ...Object.keys(query).filter((name) => !name.startsWith('_'))];
  if (names.some((name) => typeof name !== 'string' || !known.includes(name))) {
    throw new ServerError('bad-request', `The parameters of this operation are ${known.join(', ')}.`);
  }
  const find = (name: string): FhirTree | undefined => {
    const found = parameters.filter((parameter) => parameter.name === name);
    if (found.length > 1) throw new ServerError('bad-request', `${name} is given once.`);
    return found[0];
  };
  return {
    one: (name) => primitiveOf(find(name)) ?? oneOf(query, name),
    tree: (name) => {
      const found = find(name);
      if (found === undefined) return undefined;
      return [found.resource, ...Object.values(found)].find(isTree);
    },
  };
}

function primitiveOf(parameter: FhirTree | undefined): string | undefined {
  const name = Object.keys(parameter ?? {}).find((key) => key.startsWith('value'));
  const value = name === undefined ? undefined : parameter?.[name];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
