import * as schema from '../http/schemas.ts';

export const IN_BASE = { org: schema.organisation };
export const RESOURCE_IN_PATH = { ...IN_BASE, type: schema.resourceType, id: schema.fhirId };

export interface InPath {
  readonly org: string;
  readonly type: string;
  readonly id: string;
  readonly vid: string;
}

/** A FHIR route for the OpenAPI description: its parameters are FHIR's own and are checked where they are read. */
export function describe(
  summary: string,
  params: { readonly [name: string]: schema.JsonSchema },
  options: { readonly hasBody?: true; readonly query?: { readonly [name: string]: schema.JsonSchema } } = {},
): object {
  const resource = { schema: { type: 'object', description: 'A FHIR R4 resource.' } };
  const { hasBody, query } = options;
  return {
    summary,
    params: schema.object(params),
    ...(query === undefined ? {} : { querystring: schema.object(query, Object.keys(query)) }),
    ...(hasBody === undefined ? {} : { consumes: ['application/fhir+json'] }),
    response: {
      200: { description: 'Done.', content: { 'application/fhir+json': resource } },
      '4xx': { description: 'An OperationOutcome.', content: { 'application/fhir+json': resource } },
    },
  };
}
