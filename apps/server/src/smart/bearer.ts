import { FEED_ROLE } from '@salus/contracts';
import type { VaultCaller } from '@salus/records';
import type { AppTokens } from '../http/access.ts';
import { findLiveIdentity } from '../identities.ts';
import { ServerError } from '../server-error.ts';
import type { AppAccess, AppToken } from './app-access.ts';
import type { LaunchContext } from './launch-context.ts';
import { narrowingOf, parseScopes, type Scopes } from './scopes.ts';
import { serviceSight } from './service-sight.ts';
import type { SmartServer, SmartServers } from './smart-server.ts';

type Found = {
  readonly clientId?: string | undefined;
  readonly grantId?: string;
  readonly scope?: string | undefined;
  readonly aud?: string | string[] | undefined;
  readonly exp?: number | undefined;
};

/** Access tokens at the FHIR API: of this organisation's own issuer, for this base, and as long as the ledger says so. */
export class BearerTokens implements AppTokens {
  readonly #servers: SmartServers;

  constructor(servers: SmartServers) {
    this.#servers = servers;
  }

  /** undefined for a token that opens nothing here: unknown, over, revoked, or another organisation's. */
  async find(slug: string, token: string): Promise<AppAccess | undefined> {
    const server = await this.#servers.find(slug);
    if (server === undefined) return undefined;
    const { provider, audience } = server;
    const found: Found | undefined =
      (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
    if (found === undefined || found.aud !== audience || found.clientId === undefined) return undefined;
    const { clientId, grantId = null, scope = '', exp = 0 } = found;
    const scopes = parseScopes(scope);
    const goesOn = grantId === null || scopes.words.has('offline_access');
    const appToken = { clientId, grantId, scope, untilMs: goesOn ? null : exp * 1_000 };
    const caller = await callerFor(server, appToken, scopes);
    const binding = `${slug}/${grantId ?? clientId}`;
    return caller === undefined ? undefined : { caller, scopes, binding, token: appToken };
  }

  /** Who an authorisation stands for now, without its token; undefined when it was taken back or has ended. */
  async recall(slug: string, token: AppToken): Promise<VaultCaller | undefined> {
    const server = await this.#servers.find(slug);
    if (server === undefined) return undefined;
    const { clientId, grantId, untilMs } = token;
    if (untilMs !== null && server.organisation.vault.clock() >= untilMs) return undefined;
    const isLive = await server.liveness.isLive({ clientId, ...(grantId === null ? {} : { grantId }) });
    return isLive ? callerFor(server, token, parseScopes(token.scope)) : undefined;
  }
}

async function callerFor(
  server: SmartServer,
  { clientId, grantId }: AppToken,
  scopes: Scopes,
): Promise<VaultCaller | undefined> {
  return grantId === null
    ? serviceCaller(server, clientId, scopes)
    : personCaller(server, { clientId, grantId, scopes });
}

async function personCaller(
  server: SmartServer,
  { clientId, grantId, scopes }: { readonly clientId: string; readonly grantId: string; readonly scopes: Scopes },
): Promise<VaultCaller | undefined> {
  const context = await server.contexts.find(grantId);
  if (context === undefined) return undefined;
  const narrow = narrowingOf(scopes, context.pid);
  return context.kind === 'patient'
    ? { ...(await patientAppCaller(server, clientId, context)), narrow }
    : staffCaller(server, clientId, { context, narrow });
}

async function patientAppCaller(
  { organisation, clients }: SmartServer,
  clientId: string,
  { pid, grant, purpose }: Extract<LaunchContext, { kind: 'patient' }>,
): Promise<Extract<VaultCaller, { kind: 'app' }>> {
  const client = await clients.findLive(clientId);
  if (client === undefined) throw new ServerError('not-authenticated', 'The app is enrolled no longer.');
  const signer = await clients.openSigner(client);
  const use = { client: signer, chain: client.chain, pid, grant, purpose };
  const sight = organisation.exchange.apps.sight(use);
  const who = { kind: 'member', id: client.id, organisation: organisation.slug, roles: [] } as const;
  return { kind: 'app', who, purpose, sight, grant, elsewhere: use };
}

/** With what the person sees, less the scopes; an app to which their key signed a delegation writes in their name. */
async function staffCaller(
  { organisation, clients, delegations }: SmartServer,
  clientId: string,
  {
    context: { id, purpose },
    narrow,
  }: {
    readonly context: Extract<LaunchContext, { kind: 'staff' }>;
    readonly narrow: NonNullable<VaultCaller['narrow']>;
  },
): Promise<VaultCaller | undefined> {
  const { slug, vault } = organisation;
  // Roles as the ledger has them now, not as they were at the log-in.
  const person = await findLiveIdentity(vault.ledger, { id, organisation: slug, nowMs: vault.clock() });
  if (person === undefined) return undefined;
  const who = { kind: 'member', id, organisation: slug, roles: person.roles } as const;
  const onBehalfOf = delegations.find({ person: id, client: clientId });
  if (onBehalfOf === undefined) return { kind: 'member', who, purpose, narrow };
  const client = await clients.findLive(clientId);
  if (client === undefined) return undefined;
  const submitter = await clients.openSigner(client);
  return { kind: 'writer', writer: { submitter, onBehalfOf, who }, purpose, narrow };
}

/** A back-end service acts under its own name, with the roles of its certificate; a feed may write. */
async function serviceCaller(
  { organisation, clients }: SmartServer,
  clientId: string,
  scopes: Scopes,
): Promise<VaultCaller | undefined> {
  const client = await clients.findLive(clientId);
  if (client === undefined) return undefined;
  const { id, roles, purpose, chain } = client;
  const who = { kind: 'member', id, organisation: organisation.slug, roles } as const;
  const narrow = narrowingOf(scopes, null);
  const signer = await clients.openSigner(client);
  if (roles.includes(FEED_ROLE)) return { kind: 'writer', writer: { submitter: signer, who }, purpose, narrow };
  const sight = serviceSight(organisation, who, { client: signer, chain, purpose });
  return { kind: 'app', who, purpose, sight, grant: null, narrow };
}
