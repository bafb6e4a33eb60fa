import { type FhirTree, type Issue, isTree, operationOutcome, parseFhirJson, validateResource } from '@salus/fhir';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { callerOf, FHIR_ACCESS } from './caller.ts';
import { describe, IN_BASE, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendTree } from './fhir-answer.ts';
import { askedOf, bodyTree } from './operation-parameters.ts';
import { knownType, sendResource } from './reads.ts';

/** A resource to validate: it is judged on the node’s main thread, where the worst that is known takes half a second at this size. */
const VALIDATED_BYTES_MAX = 1024 * 1024;
const MODES = ['create', 'update', 'delete', 'profile'] as const;
type Mode = (typeof MODES)[number];

interface Question {
  readonly resource: FhirTree | undefined;
  readonly mode: Mode | undefined;
  readonly profile: string | undefined;
}

type Place = Pick<InPath, 'org' | 'type'> & { readonly id?: string };
type ValidateRequest = FastifyRequest<{ Params: Place }>;

/**
 * `$validate` of a type or an instance (R4 resource-operation-validate.html). The answer is 200 with an OperationOutcome
 * whatever it finds; `create` and `update` judge as a write does, so that what they refuse is refused there (422).
 */
export function addValidate(app: FastifyInstance, node: Node): void {
  const route = { config: { access: FHIR_ACCESS, fhir: true }, bodyLimit: VALIDATED_BYTES_MAX };
  const handler = (request: ValidateRequest, reply: FastifyReply) => validate(node, request, reply);
  const summary = 'Judges a resource, and answers with what is wrong with it.';
  app.route<{ Params: Place }>({
    ...route,
    method: 'POST',
    url: '/:org/fhir/R4/:type/$validate',
    schema: describe(summary, { ...IN_BASE, type: RESOURCE_IN_PATH.type }, { hasBody: true }),
    handler,
  });
  app.route<{ Params: Place }>({
    ...route,
    method: 'POST',
    url: '/:org/fhir/R4/:type/:id/$validate',
    schema: describe(summary, RESOURCE_IN_PATH, { hasBody: true }),
    handler,
  });
  app.route<{ Params: Place }>({
    ...route,
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id/$validate',
    schema: describe('Judges a resource that is stored here.', RESOURCE_IN_PATH),
    handler,
  });
}

async function validate(node: Node, request: ValidateRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { org, type, id } = request.params;
  const { vault } = readHosted(node, org);
  const question = questionOf(request);
  const caller = callerOf(node, request);
  let { resource } = question;
  if (id !== undefined && (resource === undefined || question.mode === 'delete')) {
    const found = await vault.repository.read(caller, knownType(type), id);
    if (found.kind !== 'found') return sendResource(reply, found);
    resource ??= parseFhirJson(found.text);
  }
  if (question.mode === 'delete') return sendTree(reply, operationOutcome([]));
  if (resource === undefined) throw new ServerError('bad-request', 'There is no resource to validate.');
  return sendTree(reply, operationOutcome(issuesOf(resource, question, request.params)));
}

function issuesOf(resource: FhirTree, { mode, profile }: Question, { type, id }: Place): readonly Issue[] {
  const issues: Issue[] = [];
  if (resource.resourceType !== knownType(type)) {
    issues.push({ severity: 'error', code: 'invalid', text: 'the resource is not of the type in the URL' });
  }
  if (mode === 'update' && id !== undefined && resource.id !== id) {
    issues.push({
      severity: 'error',
      code: 'invalid',
      text: 'the id is not the one in the URL',
      expression: `${type}.id`,
    });
  }
  const localReferences = mode === 'create' || mode === 'update';
  issues.push(
    ...validateResource(resource, { localReferences, ...(profile === undefined ? {} : { profiles: [profile] }) }),
  );
  return issues;
}

/** The body is the resource, or Parameters with `resource`, `mode`, `profile`; the latter two may stand in the query. */
function questionOf(request: ValidateRequest): Question {
  const body = bodyTree(request);
  if (body !== undefined && (body.resourceType !== 'Parameters' || !isQuestion(body))) {
    const { mode, profile } = request.query as { readonly mode?: unknown; readonly profile?: unknown };
    return { resource: body, mode: modeOf(mode), profile: typeof profile === 'string' ? profile : undefined };
  }
  const asked = askedOf(request, ['resource', 'mode', 'profile']);
  return { resource: asked.tree('resource'), mode: modeOf(asked.one('mode')), profile: asked.one('profile') };
}

/** Parameters may themselves be what is to be validated: then they name nothing of this operation. */
function isQuestion({ parameter }: FhirTree): boolean {
  const parameters = Array.isArray(parameter) ? (parameter as readonly FhirTree[]) : [];
  return parameters.some(
    (one) => isTree(one) && typeof one.name === 'string' && ['resource', 'mode', 'profile'].includes(one.name),
  );
}

function modeOf(mode: unknown): Mode | undefined {
  if (mode === undefined) return undefined;
  const known = MODES.find((one) => one === mode);
  if (known === undefined) throw new ServerError('bad-request', `mode is one of ${MODES.join(', ')}.`);
  return known;
}
