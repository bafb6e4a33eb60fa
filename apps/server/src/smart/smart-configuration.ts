import { ENDPOINTS } from './endpoints.ts';
import { SCOPE_WORDS } from './scopes.ts';
import type { SmartServer } from './smart-server.ts';

/** What the server can do in SMART's words (SMART App Launch 2, §8.0.1 and §8.1). */
export function smartConfiguration({ issuer }: Pick<SmartServer, 'issuer'>) {
  return {
    issuer,
    jwks_uri: `${issuer}${ENDPOINTS.jwks}`,
    authorization_endpoint: `${issuer}${ENDPOINTS.authorization}`,
    token_endpoint: `${issuer}${ENDPOINTS.token}`,
    introspection_endpoint: `${issuer}${ENDPOINTS.introspection}`,
    revocation_endpoint: `${issuer}${ENDPOINTS.revocation}`,
    grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token'],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
    scopes_supported: [...SCOPE_WORDS, 'patient/*.rs', 'user/*.cruds', 'system/*.cruds'],
    capabilities: [
      ...(['launch-ehr', 'launch-standalone', 'authorize-get'] as const),
      ...(['client-public', 'client-confidential-symmetric', 'client-confidential-asymmetric'] as const),
      ...(['sso-openid-connect', 'context-ehr-patient', 'context-ehr-encounter'] as const),
      ...(['context-standalone-patient', 'context-banner', 'permission-offline'] as const),
      ...(['permission-patient', 'permission-user', 'permission-v1', 'permission-v2'] as const),
    ],
  };
}
