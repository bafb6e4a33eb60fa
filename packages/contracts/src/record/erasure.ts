import { type Owner, parseFields, parseHash, parseOneOf, parseOwner } from '../args.ts';
import { ContractError, demand } from '../errors.ts';
import { ADMINISTRATOR_ROLE } from '../roles.ts';
import { defineTransaction } from '../transaction.ts';
import { endLeaf, type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';
import { type ErasureFact, erasureKey } from './record-facts.ts';
import { demandOwnOwner, memberOf } from './writer.ts';

/** Why records may be erased without the patient's call: Regulation (EU) 2016/679 Art. 17(1)(a), (d), (e), and a court. */
export const ERASURE_REASONS = [
  'no-longer-necessary',
  'unlawful-processing',
  'legal-obligation',
  'court-order',
] as const;
export type ErasureReason = (typeof ERASURE_REASONS)[number];

/** After this a proposed erasure lapses. */
export const ERASURE_OPEN_MS = 30 * 24 * 60 * 60 * 1000;

type ProposeErasureArgs = {
  readonly owner: Owner;
  readonly leaves: readonly LeafReference[];
  readonly reason: ErasureReason;
};

export const proposeErasure = defineTransaction<ProposeErasureArgs>({
  contract: 'record',
  name: 'proposeErasure',
  summary: 'An administrator of the organisation that keeps the records proposes to erase versions for a legal reason.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: [ADMINISTRATOR_ROLE],
  checks: [
    "The administrator's organisation keeps the owner's records: `owner-foreign`.",
    'Each leaf is proved in a batch of that owner: `batch-unknown`, `inclusion-invalid`, `owner-foreign`.',
  ],
  writes: ['record/erasure/<callId> {owner, reason, leaves, organisation, proposer, proposedMs, status: open}'],
  errors: ['owner-foreign', 'batch-unknown', 'inclusion-invalid', 'patient-unknown'],
  parse: (value) => {
    const fields = parseFields(value, 'args', ['owner', 'leaves', 'reason']);
    return {
      owner: parseOwner(fields.owner, 'args.owner'),
      leaves: parseLeaves(fields.leaves, 'args.leaves'),
      reason: parseOneOf(fields.reason, 'args.reason', ERASURE_REASONS),
    };
  },
  run: async (context, { owner, leaves, reason }) => {
    const { id, organisation } = memberOf(context);
    await demandOwnOwner(context, owner, organisation);
    for (const leaf of leaves) demand((await readLeafOwner(context, leaf)) === owner.text, 'owner-foreign');
    const fact: ErasureFact = {
      owner: owner.text,
      reason,
      leaves: leaves.map(({ keyId, leafHash }) => ({ keyId, leafHash })),
      organisation,
      proposer: id,
      proposedMs: context.timestampMs,
      status: 'open',
    };
    context.put(erasureKey(context.txId), fact);
    return { erasure: context.txId };
  },
});

type ApproveErasureArgs = { readonly erasure: string };

export const approveErasure = defineTransaction<ApproveErasureArgs>({
  contract: 'record',
  name: 'approveErasure',
  summary: 'An administrator of a second organisation approves a proposed erasure, which takes effect with this call.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: [ADMINISTRATOR_ROLE],
  checks: [
    'The erasure was proposed and not yet approved: `erasure-unknown`, `erasure-approved`.',
    'It was proposed at most 30 days ago: `erasure-expired`.',
    'The approver is of another organisation than the proposer, so that no organisation erases alone: `erasure-same-organisation`.',
    'No leaf was erased since: `leaf-ended`.',
  ],
  writes: [
    'record/erasure/<callId of the proposal> {…, status: approved, approvedBy}',
    'leaf/<keyId>/<leafHash> {status: erased, call}',
  ],
  errors: ['erasure-unknown', 'erasure-approved', 'erasure-expired', 'erasure-same-organisation', 'leaf-ended'],
  parse: (value) => ({ erasure: parseHash(parseFields(value, 'args', ['erasure']).erasure, 'args.erasure') }),
  run: async (context, { erasure }) => {
    const { id, organisation } = memberOf(context);
    const { timestampMs } = context;
    const proposal = await context.get<ErasureFact>(erasureKey(erasure));
    if (proposal === undefined) throw new ContractError('erasure-unknown');
    demand(proposal.status === 'open', 'erasure-approved');
    demand(timestampMs <= proposal.proposedMs + ERASURE_OPEN_MS, 'erasure-expired');
    demand(organisation !== proposal.organisation, 'erasure-same-organisation');
    for (const leaf of proposal.leaves) await endLeaf(context, leaf, 'erased');
    const approved: ErasureFact = {
      ...proposal,
      status: 'approved',
      approvedBy: { organisation, id, ms: timestampMs },
    };
    context.put(erasureKey(erasure), approved);
    return { owner: proposal.owner, leaves: proposal.leaves.length };
  },
});
