import {
  type CodeAnswer,
  type Expansion,
  expandValueSet,
  type FhirTree,
  findConcept,
  isShippedSystem,
  isTree,
  validateCodeIn,
  validateCodeOf,
} from '@salus/fhir';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { FHIR_ACCESS } from './caller.ts';
import { describe, IN_BASE, type InPath } from './describe.ts';
import { sendTree } from './fhir-answer.ts';
import { type Asked, askedOf } from './operation-parameters.ts';

const EXPANDED_MAX = 1_000;
const BODY_BYTES_MAX = 64 * 1024;
/** Codings of one CodeableConcept that are asked about. */
const CODINGS_MAX = 50;
const CODE = ['url', 'system', 'code', 'display', 'coding', 'codeableConcept', 'version'] as const;

/** What an operation answers to what it was asked. */
type Operation = (asked: Asked, nowMs: number) => FhirTree;

/**
 * Terminology operations over the value sets and code systems that R4 ships (R4 §4.7): what is not among them is not
 * found, and what includes systems that are not (SNOMED CT, LOINC) is not supported.
 */
export function addTerminology(app: FastifyInstance, node: Node): void {
  add(app, node, 'ValueSet/$expand', ['url', 'filter', 'offset', 'count'], expand);
  add(app, node, 'ValueSet/$validate-code', CODE, validateInValueSet);
  add(app, node, 'CodeSystem/$validate-code', CODE, validateInCodeSystem);
  add(app, node, 'CodeSystem/$lookup', ['system', 'code', 'coding'], lookup);
}

function add(app: FastifyInstance, node: Node, path: string, known: readonly string[], operation: Operation): void {
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: ['GET', 'POST'],
    url: `/:org/fhir/R4/${path}`,
    config: { access: FHIR_ACCESS, fhir: true },
    bodyLimit: BODY_BYTES_MAX,
    schema: describe(`${path} over the terminology that FHIR R4 ships.`, IN_BASE, { hasBody: true }),
    handler: async (request: FastifyRequest<{ Params: Pick<InPath, 'org'> }>, reply) => {
      readHosted(node, request.params.org);
      return sendTree(reply, operation(askedOf(request, known), node.nowMs()));
    },
  });
}

function expand(asked: Asked, nowMs: number): FhirTree {
  const url = demanded(asked, 'url');
  const offset = numberOf(asked, 'offset', 0);
  const count = Math.min(numberOf(asked, 'count', EXPANDED_MAX), EXPANDED_MAX);
  const filter = asked.one('filter');
  const expansion = found(
    expandValueSet(url, { offset, count, ...(filter === undefined ? {} : { filter }) }),
    'value set',
  );
  const { valueSet, total, codes } = expansion;
  return {
    resourceType: 'ValueSet',
    url: valueSet.url,
    ...(valueSet.version === undefined ? {} : { version: valueSet.version }),
    ...(valueSet.name === undefined ? {} : { name: valueSet.name }),
    status: 'active',
    expansion: {
      timestamp: new Date(nowMs).toISOString(),
      total,
      offset,
      parameter: [
        { name: 'count', valueInteger: count },
        ...(filter === undefined ? [] : [{ name: 'filter', valueString: filter }]),
      ],
      ...(codes.length === 0
        ? {}
        : {
            contains: codes.map(({ system, code, display, abstract }) => ({
              system,
              ...(abstract ? { abstract } : {}),
              code,
              ...(display === undefined ? {} : { display }),
            })),
          }),
    },
  };
}

function validateInValueSet(asked: Asked): FhirTree {
  const url = demanded(asked, 'url');
  return firstTrue(questions(asked), (question) => validateCodeIn(url, question), 'value set');
}

function validateInCodeSystem(asked: Asked): FhirTree {
  const url = asked.one('url');
  return firstTrue(
    questions(asked),
    (question) => {
      const system = url ?? question.system;
      if (system === undefined) throw new ServerError('bad-request', 'url names the code system.');
      return validateCodeOf(system, question);
    },
    'code system',
  );
}

interface Coded {
  readonly system: string | undefined;
  readonly code: string;
  readonly display: string | undefined;
}

/** The code that was asked about: `code`, a `coding`, or the codings of a `codeableConcept`. */
function questions(asked: Asked): readonly Coded[] {
  const code = asked.one('code');
  if (code !== undefined) return [{ system: asked.one('system'), code, display: asked.one('display') }];
  const concept = asked.tree('codeableConcept');
  const codings = concept === undefined ? [asked.tree('coding')] : Array.isArray(concept.coding) ? concept.coding : [];
  const coded = codings.slice(0, CODINGS_MAX).flatMap((coding) => {
    if (!isTree(coding) || typeof coding.code !== 'string') return [];
    const { system, display } = coding;
    return [{ system: textOf(system), code: coding.code, display: textOf(display) }];
  });
  if (coded.length === 0)
    throw new ServerError('bad-request', 'code, coding or codeableConcept says what to validate.');
  return coded;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** True if any coding is; else the first answer. */
function firstTrue(coded: readonly Coded[], judge: (question: Coded) => CodeAnswer, what: string): FhirTree {
  const answers = coded.map(judge);
  const answered = answers.filter((answer) => answer.kind === 'answered');
  const best = answered.find(({ result }) => result) ?? answers.find(({ kind }) => kind !== 'answered') ?? answered[0];
  if (best === undefined)
    throw new ServerError('bad-request', 'code, coding or codeableConcept says what to validate.');
  const { result, message, display } = found(best, what);
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'result', valueBoolean: result },
      ...(message === undefined ? [] : [{ name: 'message', valueString: message }]),
      ...(display === undefined ? [] : [{ name: 'display', valueString: display }]),
    ],
  };
}

function lookup(asked: Asked): FhirTree {
  const coding = asked.tree('coding');
  const system = asked.one('system') ?? textOf(coding?.system);
  const code = asked.one('code') ?? textOf(coding?.code);
  if (system === undefined || code === undefined)
    throw new ServerError('bad-request', 'system and code, or coding, say what to look up.');
  const known = findConcept(system, code);
  if (known === undefined) {
    throw new ServerError(
      'not-found',
      isShippedSystem(system) ? 'The code is not in the code system.' : 'The code system is not one that is here.',
    );
  }
  const { concept } = known;
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'name', valueString: known.system.name },
      ...(known.system.version === undefined ? [] : [{ name: 'version', valueString: known.system.version }]),
      { name: 'display', valueString: concept.display ?? concept.code },
      ...concept.designations.map((value) => ({ name: 'designation', part: [{ name: 'value', valueString: value }] })),
      ...(concept.definition === undefined
        ? []
        : [
            {
              name: 'property',
              part: [
                { name: 'code', valueCode: 'definition' },
                { name: 'value', valueString: concept.definition },
              ],
            },
          ]),
    ],
  };
}

type Missing = { readonly kind: 'unknown' } | { readonly kind: 'not-supported' };

/** @throws ServerError `not-found`, `terminology-not-supported` */
function found<T extends Expansion | CodeAnswer>(answer: T, what: string): Exclude<T, Missing> {
  if (answer.kind === 'unknown') throw new ServerError('not-found', `The ${what} is not one that FHIR R4 ships.`);
  if (answer.kind === 'not-supported') {
    throw new ServerError(
      'terminology-not-supported',
      `The ${what} includes code systems that are not here, such as SNOMED CT or LOINC.`,
    );
  }
  return answer as Exclude<T, Missing>;
}

/** @throws ServerError `bad-request` */
function demanded(asked: Asked, name: string): string {
  const value = asked.one(name);
  if (value === undefined) throw new ServerError('bad-request', `${name} is missing.`);
  return value;
}

function numberOf(asked: Asked, name: string, otherwise: number): number {
  const text = asked.one(name);
  if (text === undefined) return otherwise;
  if (!/^[0-9]{1,9}$/.test(text)) throw new ServerError('bad-request', `${name} is a whole number.`);
  return Number(text);
}
