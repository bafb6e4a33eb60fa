import { isResourceType } from '@salus/fhir';
import type { Interaction, VaultCaller } from '@salus/records';
import type { FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';
import type { Scopes } from './scopes.ts';

/** What an access token stands on, for what goes on after it is over (a subscription): asked anew each time. */
export interface AppToken {
  readonly clientId: string;
  readonly grantId: string | null;
  readonly scope: string;
  /** What a person let in only while they are there ends with the token; null: with `offline_access`, and of a service. */
  readonly untilMs: number | null;
}

/** What an access token lets its bearer do. */
export interface AppAccess {
  readonly caller: VaultCaller;
  readonly scopes: Scopes;
  /** The authorisation, or the service, that the token belongs to. */
  readonly binding: string;
  readonly token: AppToken;
}

const METHODS: ReadonlyMap<string, Interaction> = new Map([
  ['POST', 'c'],
  ['PUT', 'u'],
  ['PATCH', 'u'],
  ['DELETE', 'd'],
]);

/**
 * Refuses a request for a type of which no scope speaks, before anything is looked up; what is shown of a type, the sight
 * decides record by record.
 *
 * @throws ServerError `not-permitted`
 */
export function demandScope({ resources }: Scopes, request: FastifyRequest): void {
  const { config, url = '' } = request.routeOptions;
  const own = config.access?.kind === 'session' ? config.access.type : undefined;
  const { type = own, id } = request.params as { readonly type?: string; readonly id?: string };
  if (type === undefined || !isResourceType(type)) return;
  const isSearch = url.includes('/_search') || (request.method === 'GET' && id === undefined);
  const isOperation = own !== undefined && url.includes('/:id/$');
  const interaction = isSearch ? 's' : isOperation ? 'r' : (METHODS.get(request.method) ?? 'r');
  const isOpen = resources.some(
    (scope) => (scope.type === '*' || scope.type === type) && scope.interactions.has(interaction),
  );
  if (!isOpen) throw new ServerError('not-permitted', 'No scope of the token allows this with this resource type.');
}
