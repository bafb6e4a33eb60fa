import type { Json } from '@salus/crypto';
import type { Artifacts } from '@salus/records';
import { type Adapter, type AdapterPayload, type AllClientMetadata, errors } from 'oidc-provider';
import type { SmartClient, SmartClients } from './clients.ts';
import type { TokenLiveness } from './token-liveness.ts';

/** Artifacts that oidc-provider saves without an end of their own. */
const ENDLESS_MS = 86_400_000;
/** What oidc-provider saves before anybody has logged in. */
const OPEN: ReadonlySet<string> = new Set(['Interaction', 'Session']);
/** What opens something, and dies with the grant or the client. */
const TOKENS: ReadonlySet<string> = new Set(['AccessToken', 'RefreshToken', 'AuthorizationCode', 'ClientCredentials']);

export interface AdapterParts {
  readonly artifacts: Artifacts;
  readonly clients: SmartClients;
  readonly liveness: TokenLiveness;
  readonly nowMs: () => number;
}

/**
 * Persistence of oidc-provider in the organisation's vault. A token is found only while the ledger still says that its
 * client is enrolled and its grant holds, so that reading, refreshing and introspecting stop at once.
 */
export function createAdapter(name: string, parts: AdapterParts): Adapter {
  return name === 'Client' ? clientAdapter(parts.clients) : artifactAdapter(name, parts);
}

function artifactAdapter(name: string, { artifacts, liveness, nowMs }: AdapterParts): Adapter {
  const open = async (value: Json | undefined): Promise<AdapterPayload | undefined> => {
    if (value === undefined) return undefined;
    const payload = value as unknown as AdapterPayload;
    return !TOKENS.has(name) || (await liveness.isLive(payload)) ? payload : undefined;
  };
  return {
    upsert: async (id, payload, expiresIn) => {
      const { grantId, uid } = payload;
      const artifact = {
        value: payload as unknown as Json,
        expiresMs: nowMs() + (expiresIn === undefined ? ENDLESS_MS : expiresIn * 1000),
        ...(grantId === undefined ? {} : { group: grantId }),
        ...(uid === undefined ? {} : { alias: uid }),
        ...(OPEN.has(name) ? { isOpen: true } : {}),
      };
      if (name !== 'ReplayDetection') await artifacts.put(name, id, artifact);
      // Those who show one assertion at once all found it unused: one of them is let in.
      else if (!(await artifacts.add(name, id, artifact))) {
        throw new errors.InvalidClientAuth('client assertion tokens must only be used once');
      }
    },
    find: async (id) => open(await artifacts.find(name, id)),
    findByUid: async (uid) => open(await artifacts.findByAlias(name, uid)),
    // The device flow is off.
    findByUserCode: async () => undefined,
    consume: async (id) => {
      const before = await artifacts.change(name, id, (value) =>
        'consumed' in (value as object) ? undefined : { ...(value as object), consumed: Math.floor(nowMs() / 1000) },
      );
      // Two who come with the same code at once both found it unused: one of them is refused here.
      if (before === undefined || 'consumed' in (before as object)) {
        throw new errors.InvalidGrant('it was used before');
      }
    },
    destroy: (id) => artifacts.remove(name, id),
    revokeByGrantId: (grantId) => artifacts.removeGroup(grantId),
  };
}

/** Clients are registered by administrators and certified on the ledger: oidc-provider only reads them. */
function clientAdapter(clients: SmartClients): Adapter {
  const refuse = async (): Promise<void> => {
    throw new errors.AccessDenied('clients are registered by an administrator');
  };
  return {
    find: async (id) => {
      const client = await clients.findLive(id);
      return client === undefined ? undefined : (metadataOf(client) as AdapterPayload);
    },
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    upsert: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  };
}

function metadataOf({ id, name, authentication, redirectUris, secret, jwks }: SmartClient): AllClientMetadata {
  const isService = redirectUris.length === 0;
  return {
    client_id: id,
    client_name: name,
    token_endpoint_auth_method: authentication,
    redirect_uris: [...redirectUris],
    grant_types: isService ? ['client_credentials'] : ['authorization_code', 'refresh_token'],
    response_types: isService ? [] : ['code'],
    ...(secret === null ? {} : { client_secret: secret }),
    ...(jwks === null ? {} : { jwks: jwks as unknown as NonNullable<AllClientMetadata['jwks']> }),
  };
}
