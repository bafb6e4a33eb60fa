import { parseChain } from './args.ts';
import { checkNotAfter, parseCall } from './call.ts';
import { type CallPayload, type Context, MEMBER_KINDS, type MemberCaller } from './context.ts';
import { ContractError, demand } from './errors.ts';
import type { Json } from './json.ts';

/** Names of inner calls; none is in the catalogue, so that none can be submitted itself. */
export type InnerTransaction =
  | 'consent.useRequest'
  | 'consent.locateRequest'
  | 'consent.delegateRequest'
  | 'consent.narrowRequest'
  | 'consent.emergencyRequest';

export type InnerCall = {
  readonly callId: string;
  readonly args: Json;
  readonly payload: CallPayload;
  /** As the certificate says; no delegation: a reader signs a request with their own key. */
  readonly reader: MemberCaller;
  readonly certificateNotAfterMs: number;
};

/** The private arguments that carry a reader's request: `{request: SignedCall, chain: [leaf, …issuers]}`, forms only. */
export function parseInnerRequest(values: { readonly request?: Json; readonly chain?: Json }): InnerRequest {
  return { request: values.request, chain: parseChain(values.chain, 'chain') };
}
export type InnerRequest = { readonly request: Json | undefined; readonly chain: readonly string[] };

/**
 * Verifies a reader's own signed request by certificate chain against the members' authorities and revocation lists, never by
 * `membership/identity/<id>`: a key read would tell every endorser who the reader is. Codes: those of a malformed call,
 * `wrong-network`, `unknown-transaction` (another transaction's signature is no request), `not-after-…`, `delegation-not-allowed`,
 * `private-unexpected`, `certificate-invalid`, `organisation-removed`, `signer-not-allowed`, `signer-revoked`, `signature-invalid`.
 * Whether `call/<callId>` was spent is the caller's question.
 */
export async function verifyInnerCall(
  context: Context,
  inner: InnerRequest & { readonly transaction: InnerTransaction },
): Promise<InnerCall> {
  const call = parseCall(inner.request);
  const { payload } = call;
  demand(payload.network === context.network, 'wrong-network');
  demand(`${payload.contract}.${payload.transaction}` === inner.transaction, 'unknown-transaction');
  checkNotAfter(payload, context.timestampMs, false);
  demand(payload.onBehalfOf === undefined, 'delegation-not-allowed');
  demand(payload.privateHash === undefined, 'private-unexpected');
  const { reader, publicKey, certificateNotAfterMs } = await readReader(context, inner.chain);
  demand(payload.signer === `id:${reader.id}`, 'signer-not-allowed');
  demand(!context.members.isRevoked(reader.organisation, reader.id), 'signer-revoked');
  demand(context.pure.verifyCall(call, publicKey), 'signature-invalid');
  return { callId: context.pure.callId(payload), args: payload.args, payload, reader, certificateNotAfterMs };
}

async function readReader(
  context: Context,
  chain: readonly string[],
): Promise<{ readonly reader: MemberCaller; readonly publicKey: string; readonly certificateNotAfterMs: number }> {
  const { members, timestampMs, pure } = context;
  for (const organisation of members.active) {
    const roots = members.authorities(organisation, timestampMs).map((fact) => fact.certificate);
    const facts = roots.length === 0 ? undefined : await pure.verifyCertificate({ chain, roots, atMs: timestampMs });
    // Per organisation, as an authority must not be able to certify another organisation's staff.
    if (facts?.organisation !== organisation) continue;
    const memberKind = MEMBER_KINDS.find((kind) => kind === facts.kind);
    if (memberKind === undefined) throw new ContractError('certificate-invalid', 'kind');
    const reader: MemberCaller = { kind: 'id', id: facts.id, organisation, memberKind, roles: facts.roles };
    return { reader, publicKey: facts.publicKey, certificateNotAfterMs: facts.notAfterMs };
  }
  throw new ContractError('certificate-invalid');
}
