/** Of every issuer, below it. */
export const ENDPOINTS = {
  authorization: '/auth',
  token: '/token',
  jwks: '/jwks',
  introspection: '/introspect',
  revocation: '/revoke',
} as const;

/** The one issuer whose tokens a FHIR base takes: `https://…/{org}/oauth` for `https://…/{org}/fhir/R4`. */
export function issuerOf(fhirBase: string): string {
  return fhirBase.replace(/\/fhir\/R4$/, '/oauth');
}
