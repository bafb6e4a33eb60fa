import type { Json } from '@salus/crypto';
import Provider, {
  type Client,
  type Configuration,
  type CookiesSetOptions,
  errors,
  interactionPolicy,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import { ServerError } from '../server-error.ts';
import { type AdapterParts, createAdapter } from './adapter.ts';
import { ENDPOINTS } from './endpoints.ts';
import type { LaunchContext, LaunchContexts } from './launch-context.ts';
import { errorPage } from './pages.ts';
import { covers, parseScopes, SCOPE_WORDS, type Scopes } from './scopes.ts';
import type { IssuerKeys } from './signing-keys.ts';

/** A session on the ledger lasts no longer either (`consent.use`). */
export const ACCESS_TOKEN_SECONDS = 900;
/** SMART Backend Services §4.1.9: at most five minutes. */
const SERVICE_TOKEN_SECONDS = 300;
const CODE_SECONDS = 60;
export const INTERACTION_SECONDS = 600;
/** Refreshed access ends with the patient's grant, and after this at the latest. */
export const GRANT_SECONDS_MAX = 90 * 86_400;
/** An assertion may be this long valid (SMART App Launch 2 §4.1.4). */
const ASSERTION_SECONDS_MAX = 300;

export interface ProviderParts extends AdapterParts {
  /** `https://…/{org}/oauth` */
  readonly issuer: string;
  /** Base of the FHIR API: the one audience of every token. */
  readonly audience: string;
  readonly keys: IssuerKeys;
  readonly contexts: LaunchContexts;
}

/** An OAuth 2.0 and OpenID Connect server for one organisation, as SMART App Launch 2 profiles it. */
export function createProvider(parts: ProviderParts): Provider {
  const provider = new Provider(parts.issuer, configurationOf(parts));
  provider.use(async (ctx, next) => {
    if (ctx.path === ENDPOINTS.authorization) startAnew(ctx as KoaContextWithOIDC);
    await next();
    const { oidc } = ctx as Partial<KoaContextWithOIDC>;
    if (oidc?.route === 'token' && ctx.status === 200) addLaunchContext(ctx as KoaContextWithOIDC);
  });
  return provider;
}

function configurationOf(parts: ProviderParts): Configuration {
  const { issuer, keys, contexts } = parts;
  return {
    adapter: (name) => createAdapter(name, parts),
    jwks: keys.jwks,
    cookies: {
      keys: [...keys.cookieKeys],
      long: { ...cookie(issuer), path: new URL(issuer).pathname },
      short: cookie(issuer),
    },
    scopes: [...SCOPE_WORDS],
    claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt'],
    enabledJWA: {
      clientAuthSigningAlgValues: ['RS384', 'ES384'],
      idTokenSigningAlgValues: ['RS256', 'ES256'],
    },
    pkce: { required: () => true },
    routes: ENDPOINTS,
    extraParams: { aud: (ctx, aud) => checkRequest(parts, ctx, aud), launch: null },
    assertJwtClientAuthClaimsAndHeader: (_ctx, { exp }) => demandShortAssertion(exp),
    features: {
      devInteractions: { enabled: false },
      // A token bound to a key would open the FHIR API without that key; requests come by the authorisation endpoint alone.
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => parts.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => resourceServer(parts, { ctx, resource, client }),
      },
    },
    interactions: { policy: askEachTime(), url: (_ctx, { uid }) => `${issuer}/interaction/${uid}` },
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId);
    },
    findAccount: (_ctx, sub, token) => findAccount(parts, sub, token?.grantId),
    extraTokenClaims: async (_ctx, token) => {
      const { grantId } = token as { readonly grantId?: string };
      const context = grantId === undefined ? undefined : await contexts.find(grantId);
      return claimsOf(parts, token.clientId ?? '', context);
    },
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, _client, code) => code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    clientBasedCORS: () => true,
    renderError: (ctx, { error, error_description: description }) => {
      ctx.type = 'html';
      ctx.body = errorPage(error, description);
    },
    ttl: {
      AccessToken: (ctx) => remainingSeconds(ctx as KoaContextWithOIDC, ACCESS_TOKEN_SECONDS),
      RefreshToken: (ctx) => remainingSeconds(ctx, GRANT_SECONDS_MAX),
      AuthorizationCode: CODE_SECONDS,
      ClientCredentials: SERVICE_TOKEN_SECONDS,
      IdToken: ACCESS_TOKEN_SECONDS,
      Interaction: INTERACTION_SECONDS,
      Session: INTERACTION_SECONDS,
      Grant: GRANT_SECONDS_MAX,
    },
  };
}

/** Tokens end with the grant that the patient gave, whichever is earlier. */
function remainingSeconds({ oidc }: KoaContextWithOIDC, most: number): number {
  const end = oidc.entities.Grant?.exp;
  const left = end === undefined ? most : end - Math.floor(Date.now() / 1000);
  return Math.max(1, Math.min(most, left));
}

function cookie(issuer: string): CookiesSetOptions {
  return { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true, secure: issuer.startsWith('https:') };
}

/** Nobody stays logged in: each authorisation asks who is there, so that no app is let in behind a person's back. */
function startAnew(ctx: KoaContextWithOIDC): void {
  const { cookie: cookies } = ctx.req.headers;
  if (cookies !== undefined) {
    ctx.req.headers.cookie = cookies
      .split(/; */)
      .filter((pair) => !/^_session(\.|=)/.test(pair))
      .join('; ');
  }
  if (ctx.query.prompt !== 'none') ctx.query = { ...ctx.query, prompt: 'login consent' };
}

function askEachTime(): interactionPolicy.DefaultPolicy {
  const { Check, Prompt, base } = interactionPolicy;
  const policy = base();
  policy.clear();
  const isOpen = (name: 'login' | 'consent') => (ctx: KoaContextWithOIDC) => ctx.oidc.result?.[name] === undefined;
  const check = (name: 'login' | 'consent') =>
    new Check(`${name}_missing`, 'the person is asked each time', isOpen(name));
  policy.add(new Prompt({ name: 'login', requestable: true }, check('login')));
  policy.add(new Prompt({ name: 'consent', requestable: true }, check('consent')));
  return policy;
}

/** What SMART adds to an authorisation request: its audience, scopes that are known, and launch where it belongs. */
async function checkRequest(parts: ProviderParts, ctx: KoaContextWithOIDC, aud: string | undefined): Promise<void> {
  if (aud?.replace(/\/$/, '') !== parts.audience) {
    throw new errors.InvalidRequest('aud must be the base of the FHIR API that this server guards');
  }
  const scopes = await demandScopes(parts, ctx, ctx.oidc.client?.clientId ?? '');
  const isLaunched = ctx.oidc.params?.launch !== undefined;
  if (scopes.words.has('launch') !== isLaunched) {
    throw new errors.InvalidRequest('the scope launch and the parameter launch belong together');
  }
  if (scopes.resources.some(({ context }) => context === 'system')) {
    throw new errors.InvalidScope('system scopes are for back-end services', 'system/');
  }
}

async function demandScopes({ clients }: ProviderParts, ctx: KoaContextWithOIDC, clientId: string): Promise<Scopes> {
  const text = ctx.oidc.params?.scope;
  const client = await clients.findLive(clientId);
  try {
    const asked = parseScopes(typeof text === 'string' ? text : '');
    if (client !== undefined && covers(parseScopes(client.scope), asked)) return asked;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
  }
  throw new errors.InvalidScope('a scope is unknown, missing, or more than the client is registered for', '');
}

async function resourceServer(
  parts: ProviderParts,
  { ctx, resource, client }: { readonly ctx: KoaContextWithOIDC; readonly resource: string; readonly client: Client },
) {
  if (resource !== parts.audience) throw new errors.InvalidTarget('tokens are for the FHIR API of this server only');
  const { params, entities } = ctx.oidc;
  if (params?.grant_type === 'client_credentials') await demandScopes(parts, ctx, client.clientId);
  const source = entities.AuthorizationCode?.scope ?? entities.RefreshToken?.scope ?? params?.scope;
  const scope = typeof source === 'string' ? source : '';
  return { audience: parts.audience, scope, accessTokenFormat: 'opaque' as const };
}

function demandShortAssertion(exp: unknown): void {
  const latest = Math.floor(Date.now() / 1000) + ASSERTION_SECONDS_MAX;
  if (typeof exp !== 'number' || exp > latest) {
    throw new errors.InvalidClientAuth(`an assertion ends at most ${ASSERTION_SECONDS_MAX} seconds ahead`);
  }
}

async function findAccount({ contexts, audience }: ProviderParts, sub: string, grantId: string | undefined) {
  return {
    accountId: sub,
    claims: async () => {
      const context = grantId === undefined ? undefined : await contexts.find(grantId);
      const fhirUser = context === undefined ? undefined : fhirUserOf(audience, context);
      return { sub, ...(fhirUser === undefined ? {} : { fhirUser }) };
    },
  };
}

function fhirUserOf(audience: string, context: LaunchContext): string | undefined {
  const reference = context.kind === 'patient' ? context.patient : context.practitioner;
  return reference === null ? undefined : `${audience}/${reference}`;
}

/** What a token says beside OAuth's own members; introspection shows it. */
async function claimsOf(
  { clients, audience }: ProviderParts,
  clientId: string,
  context: LaunchContext | undefined,
): Promise<{ readonly [claim: string]: Json }> {
  if (context === undefined) return { purpose: (await clients.findLive(clientId))?.purpose ?? 'TREAT' };
  const fhirUser = fhirUserOf(audience, context);
  const patient = context.patient?.replace('Patient/', '');
  const encounter = context.kind === 'staff' ? context.encounter : null;
  return {
    purpose: context.purpose,
    ...(fhirUser === undefined ? {} : { fhirUser }),
    ...(patient === undefined ? {} : { patient }),
    ...(encounter === null ? {} : { encounter }),
  };
}

/** SMART App Launch 2 §2.0.10: launch parameters stand beside the token. */
function addLaunchContext({ oidc, body }: KoaContextWithOIDC): void {
  const extra = oidc.entities.AccessToken?.extra;
  if (extra === undefined || typeof body !== 'object' || body === null) return;
  const { patient, encounter } = extra;
  Object.assign(body, patient === undefined ? {} : { patient, need_patient_banner: true });
  if (encounter !== undefined) Object.assign(body, { encounter });
}
