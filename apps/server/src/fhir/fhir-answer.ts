import { type FhirTree, parseFhirJson, stringifyFhirJson, writeFhirXml } from '@salus/fhir';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { outcomeOf } from '../http/operation-outcome.ts';
import type { Problem } from '../http/problem.ts';
import { ServerError } from '../server-error.ts';

/** How an answer is written: R4 §3.1.0.1.11 and `_pretty`. */
export interface FhirFormat {
  readonly kind: 'json' | 'xml';
  readonly pretty: boolean;
}

export const JSON_TYPE = 'application/fhir+json; charset=utf-8';
export const XML_TYPE = 'application/fhir+xml; charset=utf-8';
const FHIR_VERSION = /^4\.0(?:\.\d+)?$/;
const PRETTY_SPACES = 2;
const PLAIN: FhirFormat = { kind: 'json', pretty: false };

/** What `_format` and media types name each format (R4 §3.1.0.1.11). */
const FORMATS: ReadonlyMap<string, FhirFormat['kind']> = new Map([
  ...['json', 'application/json', 'application/fhir+json', 'text/json'].map((name) => [name, 'json'] as const),
  ...['xml', 'application/xml', 'application/fhir+xml', 'text/xml'].map((name) => [name, 'xml'] as const),
  ...['*/*', 'application/*'].map((name) => [name, 'json'] as const),
]);

/**
 * The format that the client asks for: `_format`, else the best of `Accept`.
 *
 * @throws ServerError `not-acceptable` when it takes neither JSON nor XML of R4.
 */
export function formatOf(request: FastifyRequest): FhirFormat {
  const query = request.query as { readonly _format?: unknown; readonly _pretty?: unknown } | undefined;
  const pretty = query?._pretty === 'true';
  const asked = query?._format;
  // A plus that was not escaped arrives as a space.
  const name = typeof asked === 'string' ? asked.replace('fhir ', 'fhir+') : request.headers.accept;
  if (name === undefined || name === '') return { kind: 'json', pretty };
  const kind = bestOf(name);
  if (kind === undefined) {
    throw new ServerError('not-acceptable', 'Answers are FHIR R4 as application/fhir+json or application/fhir+xml.');
  }
  return { kind, pretty };
}

/** The FHIR format of highest quality in a list as `Accept` has it (RFC 9110 §12.5.1). */
function bestOf(list: string): FhirFormat['kind'] | undefined {
  let best: { readonly kind: FhirFormat['kind']; readonly quality: number } | undefined;
  for (const item of list.split(',')) {
    const [type = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const kind = FORMATS.get(type);
    const quality = Number(parameterOf(parameters, 'q') ?? '1');
    const version = parameterOf(parameters, 'fhirversion');
    if (kind === undefined || !(quality > 0) || (version !== undefined && !FHIR_VERSION.test(version))) continue;
    if (best === undefined || quality > best.quality) best = { kind, quality };
  }
  return best?.kind;
}

function parameterOf(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((parameter) => parameter.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replaceAll('"', '');
}

/** Answers with a resource's own JSON text, which goes out as it is unless the client asked for another form. */
export function sendText(reply: FastifyReply, text: string, status = 200): FastifyReply {
  const format = formatOf(reply.request);
  if (format.kind === 'json' && !format.pretty) return reply.code(status).type(JSON_TYPE).send(text);
  return sendAs(reply, parseFhirJson(text), format, status);
}

/** Answers with a resource. */
export function sendTree(reply: FastifyReply, tree: FhirTree, status = 200): FastifyReply {
  return sendAs(reply, tree, formatOf(reply.request), status);
}

/** A refusal as OperationOutcome, in the asked format, or in JSON where there is none. */
export function sendProblem(reply: FastifyReply, found: Problem): FastifyReply {
  reply.request.refusal = found.code;
  return sendAs(reply, outcomeOf(found), formatOrPlain(reply.request), found.status);
}

function formatOrPlain(request: FastifyRequest): FhirFormat {
  try {
    return formatOf(request);
  } catch (error) {
    if (error instanceof ServerError) return PLAIN;
    throw error;
  }
}

function sendAs(reply: FastifyReply, tree: FhirTree, { kind, pretty }: FhirFormat, status: number): FastifyReply {
  const written = reply.code(status).serializer(String);
  if (kind === 'xml') return written.type(XML_TYPE).send(writeFhirXml(tree));
  const text = pretty ? JSON.stringify(tree, undefined, PRETTY_SPACES) : stringifyFhirJson(tree);
  return written.type(JSON_TYPE).send(text);
}
