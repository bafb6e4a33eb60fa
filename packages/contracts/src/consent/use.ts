import { demandUnique, parseCode, parseFields, parseHash, parseId, parseList } from '../args.ts';
import { demand } from '../errors.ts';
import { type InnerRequest, parseInnerRequest } from '../inner-call.ts';
import type { Json } from '../json.ts';
import { defineTransaction } from '../transaction.ts';
import { countUse, readLineage } from './grant-fact.ts';
import { demandHolder } from './holding.ts';
import { demandOwnMember, demandUnusedRequest, SESSION_MS, spendRequest, verifyRequest } from './reader-request.ts';
import { CATEGORIES_MAX, type OpenedTerms, parseAncestors, parsePurpose, parseTerms } from './terms.ts';

export type UseArgs = { readonly pid: string; readonly grant: string; readonly request: string };
/** What opens a grant for its holder: the reader's request, the grant's terms, and those of its ancestors, parent first. */
export type HolderPrivate = { readonly inner: InnerRequest; readonly opened: readonly OpenedTerms[] };

export const HOLDER_PRIVATE = '{request: SignedCall, chain, terms, salt, ancestors: [{terms, salt}…, parent first]}';

export const use = defineTransaction<UseArgs, HolderPrivate>({
  contract: 'consent',
  name: 'use',
  summary:
    "Opens a session of 15 minutes on a grant, for one reader. The releasing node submits it with the reader's signed `consent.useRequest` {pid, grant, purpose, categories} as private argument, so that no bystander learns the reader.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    "The node is of the organisation that keeps the pid's records: `caller-foreign`.",
    'The request opened nothing before: `request-used`.',
    'The grant is known and active: `grant-unknown`, `grant-revoked`, `grant-expired`.',
    'It is a grant of access: `grant-kind`.',
    'All grants that it was delegated from are active: `parent-inactive`.',
    'No time of these grants runs backwards: `time-backwards`.',
    "Private: the request is the one named, signed by the reader, unrevoked, with a certificate of a member's authority, for this network: `request-mismatch`, `signature-invalid`, `signer-revoked`, `certificate-invalid`, `wrong-network` and the codes of a malformed or late call.",
    'Private: it names this pid and grant: `request-mismatch`.',
    'Private: the terms open the commitments and are of these grants, delegated ones lie inside their parents: `commitment-mismatch`, `terms-mismatch`, `not-narrower`.',
    'Private: all are within their times and uses: `grant-not-yet`, `grant-expired`, `uses-exhausted`.',
    'Private: the reader is the grantee and not excepted: `organisation-mismatch`, `holder-mismatch`, `actor-excepted`.',
    'Private: the terms allow the purpose and every category: `purpose-mismatch`, `category-not-granted`.',
  ],
  writes: [
    'call/<request> {transaction, session: {pid, grant, untilMs}}',
    'grant/<pid>/<grant> and all its ancestors {…, uses + 1, lastMs}',
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
    ...(['grant-expired', 'grant-kind', 'parent-inactive', 'time-backwards', 'request-mismatch'] as const),
    ...([
      'commitment-mismatch',
      'terms-mismatch',
      'not-narrower',
      'grant-not-yet',
      'uses-exhausted',
      'organisation-mismatch',
    ] as const),
    ...(['holder-mismatch', 'actor-excepted', 'purpose-mismatch', 'category-not-granted'] as const),
  ],
  private: { summary: HOLDER_PRIVATE, required: true, pid: 'args.pid' },
  parse: parseUseArgs,
  parsePrivate: (values) => parseHolderPrivate(values),
  run: async (context, args, priv) => {
    const { pid, grant, request } = args;
    await demandOwnMember(context, pid);
    await demandUnusedRequest(context, request);
    const lineage = await readLineage(context, pid, grant);
    demand(lineage[0]?.fact.kind === 'access', 'grant-kind');
    if (priv !== undefined) {
      const verified = await verifyRequest(context, { ...priv, transaction: 'consent.useRequest', request });
      const asked = parseUseRequest(verified.args);
      demand(asked.pid === pid && asked.grant === grant, 'request-mismatch');
      const terms = demandHolder(context, { pid, lineage, opened: priv.opened, reader: verified.reader });
      demand(terms.purposes.includes(asked.purpose), 'purpose-mismatch');
      const allowed = new Set(terms.categories);
      demand(
        asked.categories.every((category) => allowed.has(category)),
        'category-not-granted',
      );
    }
    countUse(context, pid, lineage);
    const untilMs = context.timestampMs + SESSION_MS;
    spendRequest(context, request, { transaction: 'consent.useRequest', session: { pid, grant, untilMs } });
    return { untilMs };
  },
});

export function parseUseArgs(value: Json): UseArgs {
  const fields = parseFields(value, 'args', ['pid', 'grant', 'request']);
  return {
    pid: parseId(fields.pid, 'args.pid'),
    grant: parseId(fields.grant, 'args.grant'),
    request: parseHash(fields.request, 'args.request'),
  };
}

export function parseHolderPrivate(value: Json): HolderPrivate {
  const fields = parseFields(value, 'private', ['request', 'chain', 'terms', 'salt', 'ancestors']);
  const terms = parseTerms(fields.terms, 'private.terms');
  const salt = parseHash(fields.salt, 'private.salt');
  return {
    inner: parseInnerRequest(fields),
    opened: [{ terms, salt }, ...parseAncestors(fields.ancestors, 'private.ancestors')],
  };
}

function parseUseRequest(value: Json) {
  const fields = parseFields(value, 'request', ['pid', 'grant', 'purpose', 'categories']);
  const categories = parseList(fields.categories, 'request.categories', { min: 1, max: CATEGORIES_MAX }, parseCode);
  demandUnique(categories, 'request.categories', (category) => category);
  return {
    pid: parseId(fields.pid, 'request.pid'),
    grant: parseId(fields.grant, 'request.grant'),
    purpose: parsePurpose(fields.purpose, 'request.purpose'),
    categories,
  };
}
