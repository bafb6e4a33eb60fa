import { createHash } from 'node:crypto';
import type { VaultCaller } from '@salus/records';
import type { FastifyRequest } from 'fastify';
import type { Access } from '../http/access.ts';
import { sessionOf } from '../http/access.ts';
import { type Node, patientReaderOf, readerOf, writerOf } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** Who may knock at the FHIR doors at all; what they see is decided record by record. */
export const FHIR_ACCESS = { kind: 'session', who: ['staff', 'patient'], apps: true } as const satisfies Access;

/** The only way from a FHIR request to who asks. Whoever has delegated in this session may write. */
export function callerOf(node: Node, request: FastifyRequest): VaultCaller {
  if (request.app !== null) return request.app.caller;
  const { delegation, principal } = sessionOf(request);
  if (principal.kind === 'patient') return patientReaderOf(request);
  if (delegation === null || delegation.payload.notAfterMs <= node.nowMs()) return readerOf(request);
  return writerOf(node, request);
}

/** What links and jobs of a caller are bound to: nobody else's open them. */
export function callerSession(request: FastifyRequest): string {
  // An app's tokens change with each refresh: what it began goes on.
  const key = request.app === null ? sessionOf(request).token : request.app.binding;
  return createHash('sha256').update(key).digest('base64url');
}

/** By which app a caller asks; null for a session of their own. */
export function appOf(request: FastifyRequest): string | null {
  return request.app === null ? null : callerSession(request);
}

/**
 * As `callerOf`, for what writes.
 *
 * @throws ServerError `delegation-missing`
 */
export function writingCallerOf(node: Node, request: FastifyRequest): Extract<VaultCaller, { kind: 'writer' }> {
  const caller = callerOf(node, request);
  if (request.app !== null && caller.kind !== 'writer')
    throw new ServerError('not-permitted', 'The app may read, and writes nothing: nobody’s key has let it.');
  return caller.kind === 'writer' ? caller : writerOf(node, request);
}
