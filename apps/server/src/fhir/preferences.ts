import type { FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';

/** What a client would rather have (R4 §3.1.0.1.8, §3.1.1.2): `Prefer: return=…; handling=…` (RFC 7240). */
export interface Preferences {
  readonly returns: 'minimal' | 'representation' | 'OperationOutcome' | undefined;
  readonly strict: boolean;
}

/** The last word on each; what is unknown is no fault (RFC 7240 §2). */
export function preferencesOf(request: Pick<FastifyRequest, 'headers'>): Preferences {
  const words = [request.headers.prefer ?? []].flat().flatMap((line) => line.split(/[,;]/).map((word) => word.trim()));
  let returns: Preferences['returns'];
  let strict = false;
  for (const word of words) {
    const [name, value] = word.split('=').map((part) => part.trim().replaceAll('"', ''));
    if (name === 'return' && (value === 'minimal' || value === 'representation' || value === 'OperationOutcome')) {
      returns = value;
    }
    if (name === 'handling') strict = value === 'strict';
  }
  return { returns, strict };
}

/** Parameters that belong to every request, whatever it asks (R4 §3.1.0.1.11). */
const EVERYWHERE: ReadonlySet<string> = new Set(['_format', '_pretty']);

/**
 * Refuses parameters that the interaction does not know, where the client asked for that; else they are ignored (R4 §3.1.1.2).
 *
 * @throws ServerError `bad-request`
 */
export function demandParameters(request: FastifyRequest, known: readonly string[]): void {
  if (!preferencesOf(request).strict) return;
  const query = request.query as Readonly<Record<string, unknown>> | undefined;
  const unknown = Object.keys(query ?? {}).some((name) => !EVERYWHERE.has(name) && !known.includes(name));
  if (unknown) throw new ServerError('bad-request', 'A parameter is not one of this interaction (handling=strict).');
}

/** The query string as it came, without what says only how to answer: the condition of a conditional interaction. */
export function conditionIn(request: Pick<FastifyRequest, 'url'>): string | undefined {
  const at = request.url.indexOf('?');
  if (at < 0) return undefined;
  const parts = request.url
    .slice(at + 1)
    .split('&')
    .filter((part) => part !== '' && !EVERYWHERE.has(part.split('=', 1)[0] ?? ''));
  return parts.length === 0 ? undefined : parts.join('&');
}

/**
 * The parameters of `If-None-Exist` (R4 §3.1.0.8.1). Some clients write the type, or their whole address, before them.
 *
 * @throws ServerError `bad-request` where that names another type or place
 */
export function conditionOn(header: string, place: { readonly type: string; readonly baseUrl: string }): string {
  const at = header.indexOf('?');
  const named = header.slice(0, Math.max(at, 0));
  if (named !== '' && named !== place.type && named !== `${place.baseUrl}/${place.type}`) {
    throw new ServerError('bad-request', 'If-None-Exist holds the parameters of a search on the type that is created.');
  }
  return header.slice(at + 1);
}
