import {
  type OpenedTerms,
  type PrivateArgs,
  parseSigner,
  parseTerms,
  type RequestTerms,
  type SignedCall,
} from '@salus/contracts';
import { canonical, type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import { PAIRS } from '@salus/fhir';
import type { SubmitResult } from '@salus/ledger';
import { RecordsError, type StoredEnvelope } from '@salus/records';
import { sealDigest } from '@salus/wallet';
import type { HostedOrganisation } from './organisation.ts';
import { ServerError } from './server-error.ts';

/** Untrusted: the contract checks them against what was signed. */
interface GrantValues {
  readonly next?: Json;
  readonly terms?: Json;
  readonly salt?: Json;
  readonly seals?: Json;
}

/** A signed call with the values that never enter a block. */
export interface GivenCall {
  readonly call: SignedCall;
  readonly privateArgs?: PrivateArgs;
}

/** An E that a patient's wallet sealed to a grantee. */
export interface GivenSeal {
  readonly keyId: string;
  readonly recipientKid: string;
  readonly envelope: SealedEnvelope;
}

export type Committed = Extract<SubmitResult, { kind: 'committed' }>;

/** Submits any signed call; the contract decides. */
export async function submitCall({ vault }: HostedOrganisation, { call, privateArgs }: GivenCall): Promise<Committed> {
  const result = await vault.ledger.submit(call, privateArgs);
  if (result.kind === 'committed') return result;
  throw new RecordsError('ledger-refused', result.detail ?? 'The ledger refused the call.', { detail: result.code });
}

/** Whether an error says that nothing was committed; any other leaves open whether something was. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ServerError || (error instanceof RecordsError && error.code === 'ledger-refused');
}

/**
 * Commits a patient's grant (or narrowing, or card) and keeps what the ledger does not: its terms, so that later keys are
 * sealed to a grant that still holds, and the sealed keys. The same call again repairs what a crash cut off in between.
 */
export async function takeGrant(
  organisation: HostedOrganisation,
  given: GivenCall,
  { seals, places }: { readonly seals: readonly GivenSeal[]; readonly places?: SealedEnvelope | undefined },
): Promise<Committed> {
  const { vault, exchange } = organisation;
  demandTransaction(given.call, ['consent.grant', 'consent.narrow']);
  const values: GrantValues = given.privateArgs?.values ?? {};
  // A narrowing carries both versions; the next one counts from now on.
  const opened = (values.next ?? values) as GrantValues;
  const terms = parseTerms(opened.terms, 'private.terms');
  const { salt } = opened;
  if (typeof salt !== 'string') throw new ServerError('bad-request', 'A grant comes with its salt.');
  demandSignedSeals(values.seals, seals);
  const envelopes = await Promise.all(seals.map((seal) => storedEnvelope(organisation, seal, terms)));
  const committed = await submitCall(organisation, given);
  await vault.grants.remember({ terms, salt });
  if (envelopes.length > 0) await vault.keys.keepEnvelopes(envelopes);
  if (places !== undefined) await exchange.places.keep(terms.pid, terms.grant, places);
  return committed;
}

/** Commits a request to a patient and keeps its words, which the patient reads and the ledger does not hold. */
export async function takeRequest(
  organisation: HostedOrganisation,
  given: GivenCall,
  requester: string,
): Promise<Committed> {
  demandTransaction(given.call, ['consent.request']);
  const { asked, salt } = (given.privateArgs?.values ?? {}) as { readonly asked?: Json; readonly salt?: Json };
  if (asked === undefined || typeof salt !== 'string')
    throw new ServerError('bad-request', 'A request comes with its words and salt.');
  const committed = await submitCall(organisation, given);
  await organisation.exchange.requests.keep(asked as unknown as RequestTerms, salt, requester);
  return committed;
}

/** Commits a patient's answer at the requester's own node and keeps the tokens of what was granted, wherever that is. */
export async function takeAnswer(
  organisation: HostedOrganisation,
  given: GivenCall,
  tokens: readonly SealedEnvelope[],
): Promise<Committed> {
  demandTransaction(given.call, ['consent.answer']);
  const { request } = given.call.payload.args as { readonly request?: Json };
  const { subject: pid } = parseSigner(given.call.payload.signer);
  if (typeof request !== 'string') throw new ServerError('bad-request', 'An answer names the request.');
  const committed = await submitCall(organisation, given);
  const { exchange, vault } = organisation;
  for (const sealed of tokens) {
    const token = await exchange.tokens.receive(parseSealedEnvelope(sealed as unknown as Json), { pid, request });
    // The wallet of the one person who has both pids says that they are one.
    await vault.foreignLinks.link({ ownPid: pid, author: token.authorOrganisation, pid: token.terms.pid });
  }
  return committed;
}

function demandTransaction({ payload }: SignedCall, allowed: readonly string[]): void {
  if (!allowed.includes(`${payload.contract}.${payload.transaction}`)) {
    throw new ServerError('bad-request', `The call here is one of ${allowed.join(', ')}.`);
  }
}

/** The patient signed which envelope goes to whom: a node that swaps one is found out, and a wallet's mistake is refused. */
function demandSignedSeals(signed: Json | undefined, seals: readonly GivenSeal[]): void {
  const names = (Array.isArray(signed) ? (signed as readonly Json[]) : []).map((seal) => canonical(seal));
  const given = seals.map(({ keyId, recipientKid, envelope }) =>
    canonical({ keyId, recipientKid, digest: sealDigest(envelope) }),
  );
  const same = names.length === given.length && [...names].sort().join() === [...given].sort().join();
  if (!same) throw new ServerError('bad-request', 'The sealed keys are not those that the patient signed.');
}

async function storedEnvelope(
  { vault }: HostedOrganisation,
  { keyId, recipientKid, envelope }: GivenSeal,
  { pid, grant }: OpenedTerms['terms'],
): Promise<StoredEnvelope> {
  const key = await vault.keys.openE(keyId);
  const pair = PAIRS[key.pair];
  if (key.owner !== `pid:${pid}` || pair === undefined)
    throw new ServerError('bad-request', 'A sealed key is of another owner.');
  const { category, labelClass } = pair;
  const sealed = parseSealedEnvelope(envelope as unknown as Json);
  return { keyId, owner: key.owner, epoch: key.epoch, category, labelClass, recipientKid, grant, envelope: sealed };
}
