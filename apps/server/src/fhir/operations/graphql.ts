import { isTree, parseFhirJson, type ResourceType } from '@salus/fhir';
import { RecordsError } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type DocumentNode, execute, GraphQLError, Kind, type OperationDefinitionNode, parse, validate } from 'graphql';
import { problem } from '../../http/problem.ts';
import { type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath, RESOURCE_IN_PATH } from '../describe.ts';
import { sendProblem } from '../fhir-answer.ts';
import { knownType } from '../reads.ts';
import { NOT_WHOLE } from '../search-set.ts';
import { GraphqlBudget } from './graphql-budget.ts';
import { graphqlContext } from './graphql-context.ts';
import { findExcess } from './graphql-limits.ts';
import { graphqlSchema } from './graphql-schema.ts';

const QUERY_BYTES_MAX = 64 * 1024;
const TOKENS_MAX = 2_000;
const ERRORS_MAX = 20;
/** Resources that one query opens, whichever way it comes to them, and searches that look for some. */
const RESOURCES_MAX = 2_000;

/** `[base]/$graphql` and `[base]/{type}/{id}/$graphql` (R4 graphql.html), read-only. */
export function addGraphql(app: FastifyInstance, node: Node): void {
  const places = [
    { url: '/:org/fhir/R4/$graphql', params: IN_BASE, summary: 'GraphQL over all that the caller may see.' },
    { url: '/:org/fhir/R4/:type/:id/$graphql', params: RESOURCE_IN_PATH, summary: 'GraphQL over one resource.' },
  ] as const;
  for (const { url, params, summary } of places) {
    for (const method of ['GET', 'POST'] as const) {
      app.route<{ Params: Pick<InPath, 'org'> & Partial<Pick<InPath, 'type' | 'id'>> }>({
        ...{ method, url },
        config: { access: FHIR_ACCESS, fhir: true },
        bodyLimit: QUERY_BYTES_MAX,
        schema: describe(summary, params, method === 'POST' ? { hasBody: true } : {}),
        handler: (request, reply) => answer(node, request, reply),
      });
    }
  }
}

interface Asked {
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
}

async function answer(
  node: Node,
  request: FastifyRequest<{ Params: Pick<InPath, 'org'> & Partial<Pick<InPath, 'type' | 'id'>> }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { org, type, id } = request.params;
  const organisation = readHosted(node, org);
  const caller = callerOf(node, request);
  const given = askedBy(request);
  const asked = type === undefined || id === undefined ? given : aboutOne(given, knownType(type), id);
  const schema = graphqlSchema();
  const errors = validate(schema, asked.document, undefined, { maxErrors: ERRORS_MAX, hideSuggestions: true });
  // Sentences of the library repeat what was written, which may be somebody's name.
  if (errors.length > 0) {
    throw new ServerError(
      'bad-request',
      'The query names a field, argument or type that R4 lacks, or a value of another kind.',
    );
  }
  const excess = findExcess(asked.document, asked.variables);
  if (excess !== undefined) return sendProblem(reply, problem('too-costly', `${excess}.`));
  const budget = new GraphqlBudget(RESOURCES_MAX);
  const contextValue = await graphqlContext(organisation, caller, budget);
  const result = await execute({
    schema,
    document: asked.document,
    contextValue,
    variableValues: asked.variables,
    ...(asked.operationName === undefined ? {} : { operationName: asked.operationName }),
  });
  if (budget.isSpent)
    return sendProblem(reply, problem('too-costly', `A query opens at most ${RESOURCES_MAX} resources.`));
  const data = type === undefined ? result.data : ((result.data as Record<string, unknown> | null)?.[type] ?? null);
  const failed = (result.errors ?? []).map((error) => ({ message: messageOf(error), path: error.path }));
  const told = contextValue.isWhole() ? failed : [...failed, { message: `${NOT_WHOLE.text}.` }];
  if (type !== undefined && data === null && told.length === 0) {
    throw new ServerError('not-found', 'There is no such resource, or none that you may see.');
  }
  return reply
    .type('application/json; charset=utf-8')
    .serializer(String)
    .send(JSON.stringify({ data, ...(told.length === 0 ? {} : { errors: told }) }));
}

/** @throws ServerError `bad-request` for what is no GraphQL */
function askedBy(request: FastifyRequest): Asked {
  const { query, variables, operationName } = wordsOf(request);
  if (typeof query !== 'string') throw new ServerError('bad-request', 'The parameter query is a text of GraphQL.');
  const isMap = variables === undefined || variables === null || isTree(variables as never);
  if (!isMap || (operationName !== undefined && operationName !== null && typeof operationName !== 'string')) {
    throw new ServerError('bad-request', 'variables is an object, operationName a name.');
  }
  try {
    const document = parse(query, { maxTokens: TOKENS_MAX, noLocation: true });
    return {
      document,
      variables: (variables ?? {}) as Asked['variables'],
      operationName: typeof operationName === 'string' ? operationName : undefined,
    };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw new ServerError('bad-request', 'The query is no GraphQL, or longer than a query may be.');
  }
}

function wordsOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  if (request.method === 'GET') {
    const { query, variables, operationName } = request.query as Readonly<Record<string, unknown>>;
    const map = typeof variables === 'string' ? parseFhirJson(variables) : undefined;
    return { query, ...(map === undefined ? {} : { variables: map }), operationName };
  }
  if (!Buffer.isBuffer(request.body))
    throw new ServerError('bad-request', 'The body is {query, variables, operationName}.');
  return parseFhirJson(request.body);
}

/** What is asked of one resource is asked of the base, below that resource. */
function aboutOne({ document, ...asked }: Asked, type: ResourceType, id: string): Asked {
  const below = (operation: OperationDefinitionNode): OperationDefinitionNode => ({
    ...operation,
    selectionSet: {
      kind: Kind.SELECTION_SET,
      selections: [
        {
          kind: Kind.FIELD,
          name: { kind: Kind.NAME, value: type },
          arguments: [
            {
              kind: Kind.ARGUMENT,
              name: { kind: Kind.NAME, value: 'id' },
              value: { kind: Kind.STRING, value: id },
            },
          ],
          selectionSet: operation.selectionSet,
        },
      ],
    },
  });
  const definitions = document.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? below(definition) : definition,
  );
  return { ...asked, document: { ...document, definitions } };
}

/** Own refusals say what was wrong; whatever else was thrown is not the caller's to read. */
function messageOf({ originalError }: GraphQLError): string {
  if (originalError === undefined) return 'A value or variable does not fit the schema.';
  if (originalError instanceof ServerError || originalError instanceof RecordsError) return originalError.message;
  return 'This could not be resolved.';
}
