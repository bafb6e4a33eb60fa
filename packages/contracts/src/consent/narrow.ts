import { parseFields, parseHash, parseId, parseNullable } from '../args.ts';
import type { Context } from '../context.ts';
import { raiseEpoch } from '../epoch.ts';
import { ContractError, demand } from '../errors.ts';
import { type InnerRequest, parseInnerRequest } from '../inner-call.ts';
import type { Json } from '../json.ts';
import { defineTransaction } from '../transaction.ts';
import { type Link, putGrant, readActiveGrant, readLineage } from './grant-fact.ts';
import { demandHolder, demandOpened } from './holding.ts';
import { isNarrowing } from './narrower.ts';
import { demandOwnMember, demandUnusedRequest, spendRequest, verifyRequest } from './reader-request.ts';
import { grantCommitment, type OpenedTerms, parseAncestors, parseOpenedTerms } from './terms.ts';

type NarrowArgs = {
  readonly pid: string;
  readonly grant: string;
  readonly commitment: string;
  /** The grantee's request, or null when the patient narrows. */
  readonly request: string | null;
};
type NarrowPrivate = {
  readonly previous: OpenedTerms;
  readonly next: OpenedTerms;
  /** Only the grantee's. */
  readonly holder: { readonly inner: InnerRequest; readonly ancestors: readonly OpenedTerms[] } | null;
};

export const narrow = defineTransaction<NarrowArgs, NarrowPrivate>({
  contract: 'consent',
  name: 'narrow',
  summary:
    "Replaces a grant's terms by narrower ones. Signed by a device of the patient, or submitted by the releasing node with the grantee's signed `consent.narrowRequest` {pid, grant, commitment}.",
  signers: ['pid', 'id'],
  guardian: 'consent',
  memberKinds: ['node'],
  checks: [
    'A patient narrows grants of their own pid and names no request; a node names one: `caller-foreign`, `args-invalid`.',
    'The grant is known and active, and its times do not run backwards: `grant-unknown`, `grant-revoked`, `grant-expired`, `time-backwards`.',
    "For a node: it is of the organisation that keeps the pid's records, the request unspent, the ancestors active: `caller-foreign`, `request-used`, `parent-inactive`.",
    'Private: the previous terms open the present commitment, the next ones the new: `commitment-mismatch`, `terms-mismatch`.',
    'Private, for a node: the request is verified, names these values, and its signer holds the grant, as in consent.use.',
    'Private: the next terms allow nothing that the previous ones do not; every field is compared: `not-narrower`.',
  ],
  writes: [
    'grant/<pid>/<grant> {…, commitment, lastMs}',
    'record/epoch/pid:<pid> {epoch + 1}, when the patient narrows',
    'call/<request> {transaction, spent: {pid, grant}}, when the grantee narrows',
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
    ...(['grant-expired', 'parent-inactive', 'time-backwards', 'request-mismatch', 'commitment-mismatch'] as const),
    ...(['terms-mismatch', 'not-narrower', 'grant-not-yet', 'uses-exhausted', 'organisation-mismatch'] as const),
    ...(['holder-mismatch', 'actor-excepted'] as const),
  ],
  private: {
    summary:
      '{previous: {terms, salt}, next: {terms, salt}, holder: null | {request: SignedCall, chain, ancestors: [{terms, salt}…]}}',
    required: true,
    pid: 'args.pid',
  },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'grant', 'commitment', 'request']);
    return { ...parseNamed(fields, 'args'), request: parseNullable(fields.request, 'args.request', parseHash) };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['previous', 'next', 'holder']);
    return {
      previous: parseOpenedTerms(fields.previous, 'private.previous'),
      next: parseOpenedTerms(fields.next, 'private.next'),
      holder: parseNullable(fields.holder, 'private.holder', parseHolder),
    };
  },
  run: async (context, args, priv) => {
    const byPatient = context.caller.kind === 'pid';
    demand(byPatient === (args.request === null), 'args-invalid', 'args.request is what a node submits');
    const link = byPatient ? await narrowAsPatient(context, args, priv) : await narrowAsGrantee(context, args, priv);
    if (priv !== undefined) checkNext(context, args, priv);
    putGrant(context, args.pid, link, { commitment: args.commitment });
    return { grant: args.grant };
  },
});

async function narrowAsPatient(context: Context, args: NarrowArgs, priv: NarrowPrivate | undefined): Promise<Link> {
  const { caller } = context;
  demand(caller.kind === 'pid' && caller.pid === args.pid, 'caller-foreign');
  const link = await readActiveGrant(context, args.pid, args.grant);
  if (priv !== undefined) {
    demand(priv.holder === null, 'args-invalid', 'private.holder is what a node submits');
    demandOpened(context, args.pid, link, priv.previous);
  }
  // What the grantee may no longer read must not be sealed under keys that it can open.
  await raiseEpoch(context, `pid:${args.pid}`);
  context.emit('consent.narrowed', { pid: args.pid, grant: args.grant });
  return link;
}

async function narrowAsGrantee(context: Context, args: NarrowArgs, priv: NarrowPrivate | undefined): Promise<Link> {
  const { pid, grant, request } = args;
  if (request === null) throw new ContractError('args-invalid', 'args.request');
  await demandOwnMember(context, pid);
  await demandUnusedRequest(context, request);
  const lineage = await readLineage(context, pid, grant);
  if (priv !== undefined) {
    const { holder, previous } = priv;
    if (holder === null) throw new ContractError('args-invalid', 'private.holder must be present');
    const { inner, ancestors } = holder;
    const verified = await verifyRequest(context, { inner, transaction: 'consent.narrowRequest', request });
    const asked = parseNamed(parseFields(verified.args, 'request', ['pid', 'grant', 'commitment']), 'request');
    const same = asked.pid === pid && asked.grant === grant && asked.commitment === args.commitment;
    demand(same, 'request-mismatch');
    demandHolder(context, { pid, lineage, opened: [previous, ...ancestors], reader: verified.reader });
  }
  spendRequest(context, request, { transaction: 'consent.narrowRequest', spent: { pid, grant } });
  return lineage[0]!;
}

function checkNext(context: Context, args: NarrowArgs, { previous, next }: NarrowPrivate): void {
  demand(grantCommitment(context.pure, next) === args.commitment, 'commitment-mismatch');
  demand(isNarrowing(next.terms, previous.terms), 'not-narrower');
}

function parseHolder(value: Json | undefined, name: string): NonNullable<NarrowPrivate['holder']> {
  const fields = parseFields(value, name, ['request', 'chain', 'ancestors']);
  return { inner: parseInnerRequest(fields), ancestors: parseAncestors(fields.ancestors, `${name}.ancestors`) };
}

function parseNamed(fields: { readonly pid: Json; readonly grant: Json; readonly commitment: Json }, name: string) {
  return {
    pid: parseId(fields.pid, `${name}.pid`),
    grant: parseId(fields.grant, `${name}.grant`),
    commitment: parseHash(fields.commitment, `${name}.commitment`),
  };
}
