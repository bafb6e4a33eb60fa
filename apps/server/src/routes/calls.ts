import {
  type DeviceFact,
  deviceKey,
  type IdentityFact,
  identityKey,
  type PatientFact,
  parseSigner,
  patientKey,
  type SignedCall,
} from '@salus/contracts';
import { verifyCall } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { RecordsError, type Who } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { type Committed, type GivenCall, submitCall } from '../consent.ts';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, patientWho, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { dropErased } from '../visit/visit-erasure.ts';

/** For each address: a signature is dear to check, and refusals stand in a block. */
const CALLS_PER_MINUTE = 6_000;
/** For each guardian: what they do stays on the ledger for ever, as a revocation of an id that no grant has. */
const GUARDIAN_CALLS_PER_HOUR = 240;
const HOUR_MS = 3_600_000;

/** Calls whose private arguments are kept where they arrive: committed at the open door, their words would be lost for ever. */
const OWN_ROUTES: Readonly<Record<string, string>> = {
  'patient.appointGuardian': '/guardians',
  'record.dispute': '/patient/disputes',
  'record.answerDispute': '/disputes/{dispute}/answers',
  'consent.grant': '/patient/grants',
  'consent.narrow': '/patient/grants',
  'consent.answer': '/patient/answers',
  'consent.request': '/requests',
};

export const committed = schema.object({
  callId: schema.hash,
  block: schema.count,
  index: schema.count,
  timestampMs: schema.timeMs,
  result: schema.anything,
});

/** The door for calls that people sign themselves: the signature is the authority, a session adds nothing. */
export function addCallRoutes(app: FastifyInstance, node: Node): void {
  const acts = new AttemptLimit({ attemptsMax: GUARDIAN_CALLS_PER_HOUR, windowMs: HOUR_MS, nowMs: node.nowMs });
  addRoute<{ org: string }, unknown, GivenCall>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/calls',
    access: { kind: 'signature' },
    summary: 'Submits a signed call of a member or patient of this organisation; the contract decides, by its codes.',
    params: schema.org,
    body: schema.object({ call: schema.signedCall, privateArgs: schema.privateArgs }, ['privateArgs']),
    answer: committed,
    perMinute: CALLS_PER_MINUTE,
    handle: async ({ params, body }) => {
      demandNoOwnRoute(body.call);
      const { callId, block, index, timestampMs, result } = await takeSigned(
        node,
        params.org,
        body,
        async ({ who }) => {
          if (who?.kind === 'patient' && who.guardian === true) acts.count(`${who.pid}/${who.kid}`);
        },
      );
      return { callId, block, index, timestampMs, result };
    },
  });
}

function demandNoOwnRoute({ payload: { contract, transaction } }: SignedCall): void {
  const name = `${contract}.${transaction}`;
  if (!Object.hasOwn(OWN_ROUTES, name)) return;
  throw new ServerError('own-route', `${name} goes to ${OWN_ROUTES[name]}, which keeps what the ledger does not hold.`);
}

/**
 * Submits what somebody of this organisation signed; a refusal of what was really signed stands in the audit log.
 *
 * @param begin is called once it is known who really signed: it keeps what the commit must find kept, or refuses
 */
export async function takeSigned(
  node: Node,
  slug: string,
  given: GivenCall,
  begin?: (signer: OwnSigner) => Promise<void>,
): Promise<Committed> {
  const organisation = readHosted(node, slug);
  const signer = await readOwnSigner(node.ledger, slug, given.call);
  if (begin !== undefined && isSignedBy(given.call, signer)) await begin(signer);
  return takeCall(node, organisation, given, signer);
}

/** Erasure is done before it is acknowledged: the vaults destroy what the call names. */
const ERASING = new Set(['record.erase', 'record.approveErasure']);
/** What staff decide about who acts for a patient stands in the patient's log. */
const GUARDING = new Set(['patient.appointGuardian', 'patient.endGuardian']);
/** After these a node that was restored from an older backup may be able to release again. */
const REOPENING = new Set(['access.rollback', 'membership.revoke']);

async function takeCall(
  node: Node,
  organisation: HostedOrganisation,
  given: GivenCall,
  signer: OwnSigner,
): Promise<Committed> {
  const { contract, transaction } = given.call.payload;
  const name = `${contract}.${transaction}`;
  const committed = await submitCall(organisation, given).catch(async (error: unknown) => {
    await noteRefusal(organisation, given.call, signer, error);
    throw error;
  });
  if (GUARDING.has(name)) await noteGuarding(organisation, given.call, signer);
  if (ERASING.has(name)) {
    // The deciding approval may come from another organisation than the one that keeps the record.
    for (const { vault } of node.organisations.values()) await vault.leafStates.applyCall(committed.callId, signer.who);
    // It is committed and done: copies that cannot be dropped now go at the next look, within the hour.
    for (const hosted of node.organisations.values()) await dropErased(hosted).catch(hosted.onFailure);
  }
  if (REOPENING.has(name) && organisation.vault.guard.isClosed) await node.repeatRevocations();
  return committed;
}

/** Who a call says has signed it, when that is one of this organisation's own. */
interface OwnSigner {
  readonly publicKey: string | undefined;
  readonly pid: string | null;
  readonly who: Who | null;
}

/**
 * A node passes on what its own people sign: private arguments are for the organisation that they concern.
 *
 * @throws ServerError `not-permitted`
 */
async function readOwnSigner(ledger: Ledger, organisation: string, { payload }: SignedCall): Promise<OwnSigner> {
  const name = parseSigner(payload.signer);
  const { subject } = name;
  if (name.kind === 'id') {
    const fact = (await ledger.get(identityKey(subject))) as IdentityFact | undefined;
    demandOwn(fact, organisation);
    const who: Who = { kind: 'member', id: subject, organisation, roles: fact.roles };
    return { publicKey: fact.publicKey, pid: null, who };
  }
  const fact = (await ledger.get(patientKey(subject))) as PatientFact | undefined;
  demandOwn(fact, organisation);
  switch (name.kind) {
    case 'claim':
      return { publicKey: fact.claimKey, pid: subject, who: null };
    case 'recovery':
      return { publicKey: fact.recovery, pid: subject, who: null };
    case 'pid': {
      const device = (await ledger.get(deviceKey(subject, name.kid))) as DeviceFact | undefined;
      return { publicKey: device?.publicKey, pid: subject, who: patientWho(subject, name.kid, device?.guardian) };
    }
  }
}

function isSignedBy(call: SignedCall, { publicKey }: OwnSigner): boolean {
  return publicKey !== undefined && verifyCall(call, publicKey);
}

function demandOwn<Fact extends { readonly organisation: string }>(
  fact: Fact | undefined,
  organisation: string,
): asserts fact is Fact {
  if (fact?.organisation !== organisation) {
    throw new ServerError('not-permitted', 'The signer is not of this organisation: send the call to its own node.');
  }
}

async function noteGuarding({ vault }: HostedOrganisation, call: SignedCall, { who, pid }: OwnSigner): Promise<void> {
  const { contract, transaction, args } = call.payload;
  // The contract has committed it: the arguments are as it parsed them.
  const about = pid ?? (args as { readonly pid: string }).pid;
  await vault.audit.append({
    ...{ kind: 'registration', atMs: vault.clock(), pid: about, who, purpose: 'PATADMIN', grant: null, session: null },
    ...{ records: [], outcome: 'ok', request: call, query: `${contract}.${transaction}` },
  });
}

/**
 * What was refused to somebody who did sign it stands in the audit log: a slip used twice, a removed device, a grant that
 * may not be. Who only claims to be somebody leaves no trace there: anybody could fill it.
 */
async function noteRefusal(
  organisation: HostedOrganisation,
  call: SignedCall,
  signer: OwnSigner,
  error: unknown,
): Promise<void> {
  if (!(error instanceof RecordsError) || !isSignedBy(call, signer)) return;
  const { vault } = organisation;
  await vault.audit.append({
    kind: 'refusal',
    atMs: vault.clock(),
    pid: signer.pid,
    who: signer.who,
    purpose: null,
    grant: null,
    session: null,
    records: [],
    outcome: error.detail ?? error.code,
    request: call,
  });
}
