import { parseFields, parseHash, parseId } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { defineTransaction } from '../transaction.ts';
import { demandNewGrant, type Link, putGrant, putNewGrant, readLineage } from './grant-fact.ts';
import { demandHolder } from './holding.ts';
import { isDelegation } from './narrower.ts';
import { demandOwnMember, demandUnusedRequest, spendRequest, verifyRequest } from './reader-request.ts';
import { demandListedRecipients, parseSeals, type Seal } from './seals.ts';
import { DELEGATION_DEPTH_MAX, grantCommitment, type OpenedTerms, parseOpenedTerms } from './terms.ts';
import { type HolderPrivate, parseHolderPrivate } from './use.ts';

type DelegateArgs = {
  readonly pid: string;
  readonly parent: string;
  readonly grant: string;
  readonly commitment: string;
  readonly request: string;
};
type DelegatePrivate = HolderPrivate & { readonly child: OpenedTerms; readonly seals: readonly Seal[] };

export const delegate = defineTransaction<DelegateArgs, DelegatePrivate>({
  contract: 'consent',
  name: 'delegate',
  summary:
    "A holder passes on a part of a grant of access. Submitted by the releasing node with the holder's signed `consent.delegateRequest` {pid, parent, grant, commitment}.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    "The node is of the organisation that keeps the pid's records, the request unspent, the parent and its ancestors active and their times not running backwards, as in consent.use.",
    'The parent is a grant of access and not at the deepest level: `grant-kind`, `delegation-depth`.',
    'The new grant id is new: `grant-revoked`, `grant-exists`.',
    'Private: the request is verified and names these values: `request-mismatch` and the codes of consent.use.',
    'Private: the signer holds the parent, as in consent.use.',
    "Private: the child's terms open the commitment, are for this network, pid, grant and parent: `commitment-mismatch`, `terms-mismatch`.",
    'Private: the parent may be delegated further: `delegation-depth`.',
    'Private: the child allows nothing that the parent does not: `not-narrower`.',
    'Private: keys are sealed only to listed keys: `seal-recipient`.',
  ],
  writes: [
    'grant/<pid>/<grant> {kind: access, commitment, status: active, uses: 0, firstMs, lastMs, parent}',
    'grant/<pid>/<parent> {…, lastMs}',
    'call/<request> {transaction, spent: {pid, grant}}',
  ],
  errors: [
    ...([
      'patient-unknown',
      'patient-closed',
      'patient-merged',
      'caller-foreign',
      'request-used',
      'grant-unknown',
      'grant-revoked',
    ] as const),
    ...([
      'grant-expired',
      'grant-kind',
      'grant-exists',
      'parent-inactive',
      'time-backwards',
      'request-mismatch',
    ] as const),
    ...(['commitment-mismatch', 'terms-mismatch', 'not-narrower', 'delegation-depth', 'grant-not-yet'] as const),
    ...(['uses-exhausted', 'organisation-mismatch', 'holder-mismatch', 'actor-excepted', 'seal-recipient'] as const),
  ],
  private: {
    summary:
      "{request: SignedCall, chain, terms, salt, ancestors: [{terms, salt}…], child: {terms, salt}, seals}, `terms` the parent's",
    required: true,
    pid: 'args.pid',
  },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'parent', 'grant', 'commitment', 'request']);
    return { ...parseNamed(fields, 'args'), request: parseHash(fields.request, 'args.request') };
  },
  parsePrivate: (values) => {
    const { child, seals, ...holder } = parseFields(values, 'private', [
      ...(['request', 'chain', 'terms', 'salt', 'ancestors', 'child', 'seals'] as const),
    ]);
    return {
      ...parseHolderPrivate(holder),
      child: parseOpenedTerms(child, 'private.child'),
      seals: parseSeals(seals, 'private.seals'),
    };
  },
  run: async (context, args, priv) => {
    const { pid, parent, grant, commitment, request } = args;
    await demandOwnMember(context, pid);
    await demandUnusedRequest(context, request);
    const lineage = await readLineage(context, pid, parent);
    demand(lineage[0]?.fact.kind === 'access', 'grant-kind');
    demand(lineage.length <= DELEGATION_DEPTH_MAX, 'delegation-depth');
    await demandNewGrant(context, pid, grant);
    if (priv !== undefined) await checkDelegation(context, args, { ...priv, lineage });
    putNewGrant(context, pid, grant, { kind: 'access', commitment, parent });
    putGrant(context, pid, lineage[0]!, {});
    spendRequest(context, request, { transaction: 'consent.delegateRequest', spent: { pid, grant } });
    return { grant };
  },
});

async function checkDelegation(
  context: Context,
  args: DelegateArgs,
  { inner, lineage, opened, child, seals }: DelegatePrivate & { readonly lineage: readonly Link[] },
): Promise<void> {
  const { request } = args;
  const verified = await verifyRequest(context, { inner, transaction: 'consent.delegateRequest', request });
  const asked = parseNamed(parseFields(verified.args, 'request', ['pid', 'parent', 'grant', 'commitment']), 'request');
  const same =
    asked.pid === args.pid &&
    asked.parent === args.parent &&
    asked.grant === args.grant &&
    asked.commitment === args.commitment;
  demand(same, 'request-mismatch');
  const parent = demandHolder(context, { pid: args.pid, lineage, opened, reader: verified.reader });
  const { terms } = child;
  demand(grantCommitment(context.pure, child) === args.commitment, 'commitment-mismatch');
  demand(terms.grant === args.grant && terms.parent === args.parent, 'terms-mismatch');
  demand(parent.delegationDepth > 0, 'delegation-depth');
  demand(isDelegation(terms, parent), 'not-narrower');
  demandListedRecipients(context, seals, terms.grantee);
}

function parseNamed(
  fields: { readonly pid: Json; readonly parent: Json; readonly grant: Json; readonly commitment: Json },
  name: string,
) {
  return {
    pid: parseId(fields.pid, `${name}.pid`),
    parent: parseId(fields.parent, `${name}.parent`),
    grant: parseId(fields.grant, `${name}.grant`),
    commitment: parseHash(fields.commitment, `${name}.commitment`),
  };
}
