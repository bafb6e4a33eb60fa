import {
  type IdentityFact,
  identityKey,
  type PatientFact,
  parseSigner,
  patientKey,
  type SignedCall,
} from '@salus/contracts';
import type { Ledger } from '@salus/ledger';
import type { Who } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { type Committed, type GivenCall, submitCall } from '../consent.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

/** For each address: a signature is dear to check, and refusals stand in a block. */
const CALLS_PER_MINUTE = 6_000;

export const committed = schema.object({
  callId: schema.hash,
  block: schema.count,
  index: schema.count,
  timestampMs: schema.timeMs,
  result: schema.anything,
});

/** The door for calls that people sign themselves: the signature is the authority, a session adds nothing. */
export function addCallRoutes(app: FastifyInstance, node: Node): void {
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
      const organisation = readHosted(node, params.org);
      await demandOwnSigner(node.ledger, params.org, body.call);
      const { callId, block, index, timestampMs, result } = await takeCall(node, organisation, body);
      return { callId, block, index, timestampMs, result };
    },
  });
}

/** Erasure is done before it is acknowledged: the vaults destroy what the call names. */
const ERASING = new Set(['record.erase', 'record.approveErasure']);

async function takeCall(node: Node, organisation: HostedOrganisation, given: GivenCall): Promise<Committed> {
  const committed = await submitCall(organisation, given);
  const { contract, transaction, signer } = given.call.payload;
  if (!ERASING.has(`${contract}.${transaction}`)) return committed;
  const name = parseSigner(signer);
  const who: Who =
    name.kind === 'pid'
      ? { kind: 'patient', pid: name.subject, kid: name.kid }
      : { kind: 'member', id: name.subject, organisation: organisation.slug, roles: [] };
  // The deciding approval may come from another organisation than the one that keeps the record.
  for (const { vault } of node.organisations.values()) await vault.leafStates.applyCall(committed.callId, who);
  return committed;
}

/** A node passes on what its own people sign: private arguments are for the organisation that they concern. */
async function demandOwnSigner(ledger: Ledger, organisation: string, { payload }: SignedCall): Promise<void> {
  const { kind, subject } = parseSigner(payload.signer);
  const fact =
    kind === 'id'
      ? ((await ledger.get(identityKey(subject))) as IdentityFact | undefined)
      : ((await ledger.get(patientKey(subject))) as PatientFact | undefined);
  if (fact?.organisation !== organisation) {
    throw new ServerError('not-permitted', 'The signer is not of this organisation: send the call to its own node.');
  }
}
