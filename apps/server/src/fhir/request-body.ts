import type { ResourceBody } from '@salus/fhir';
import type { FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';

const JSON_TYPES: readonly string[] = ['application/fhir+json', 'application/json', 'text/json'];
const XML_TYPES: readonly string[] = ['application/fhir+xml', 'application/xml', 'text/xml'];
const PATCH_TYPES: readonly string[] = ['application/json-patch+json'];
/** Media types of bodies that stay the bytes that came (R4 §3.1.0.1.11). */
export const BODY_TYPES: readonly string[] = [...JSON_TYPES, ...XML_TYPES, ...PATCH_TYPES];
const VERSION = /;\s*fhirversion\s*=\s*"?([^";\s]+)/i;

/**
 * A resource in the body of a request.
 *
 * @throws ServerError `bad-request` without a body, `unsupported-media-type` for what is no resource of R4
 */
export function resourceIn(request: FastifyRequest): ResourceBody {
  const { type, bytes } = bodyOf(request);
  if (JSON_TYPES.includes(type)) return { bytes, format: 'json' };
  if (XML_TYPES.includes(type)) return { bytes, format: 'xml' };
  throw new ServerError('unsupported-media-type', 'A resource comes as application/fhir+json or application/fhir+xml.');
}

/**
 * A JSON Patch in the body of a request.
 *
 * @throws ServerError `bad-request`, `unsupported-media-type`
 */
export function patchIn(request: FastifyRequest): ResourceBody {
  const { type, bytes } = bodyOf(request);
  if (PATCH_TYPES.includes(type)) return { bytes, format: 'json' };
  throw new ServerError(
    'unsupported-media-type',
    'A patch is a JSON Patch (application/json-patch+json); FHIRPath Patch and XML Patch are not taken.',
  );
}

function bodyOf(request: FastifyRequest): { readonly type: string; readonly bytes: Buffer } {
  const header = request.headers['content-type'] ?? '';
  const version = VERSION.exec(header)?.[1];
  if (version !== undefined && !/^4\.0(?:\.\d+)?$/.test(version)) {
    throw new ServerError('unsupported-media-type', 'Resources are of FHIR R4 (4.0).');
  }
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) {
    throw new ServerError('bad-request', 'This request has a body.');
  }
  return { type: (header.split(';', 1)[0] ?? '').trim().toLowerCase(), bytes: request.body };
}
