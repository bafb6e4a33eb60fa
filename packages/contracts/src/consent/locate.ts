import { parseFields, parseId } from '../args.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { defineTransaction } from '../transaction.ts';
import { countUse, readLineage } from './grant-fact.ts';
import { demandHolder } from './holding.ts';
import { demandOwnMember, demandUnusedRequest, SESSION_MS, spendRequest, verifyRequest } from './reader-request.ts';
import { parsePurpose } from './terms.ts';
import { HOLDER_PRIVATE, type HolderPrivate, parseHolderPrivate, parseUseArgs, type UseArgs } from './use.ts';

export const locate = defineTransaction<UseArgs, HolderPrivate>({
  contract: 'consent',
  name: 'locate',
  summary:
    "Opens a session of 15 minutes on a grant of kind `locate`, whose sealed list tells where else the patient was treated, without any content. Submitted by the releasing node with the reader's signed `consent.locateRequest` {pid, grant, purpose}.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    'As consent.use, but for a grant of kind `locate`, and without categories: `grant-kind`.',
    'A list of places is never delegated, so that there are no ancestors.',
  ],
  writes: ['call/<request> {transaction, session: {pid, grant, untilMs}}', 'grant/<pid>/<grant> {…, uses + 1, lastMs}'],
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
      'time-backwards',
      'request-mismatch',
      'commitment-mismatch',
      'terms-mismatch',
    ] as const),
    ...(['grant-not-yet', 'uses-exhausted', 'organisation-mismatch', 'holder-mismatch', 'actor-excepted'] as const),
    'purpose-mismatch',
  ],
  private: { summary: HOLDER_PRIVATE, required: true, pid: 'args.pid' },
  parse: parseUseArgs,
  parsePrivate: (values) => parseHolderPrivate(values),
  run: async (context, args, priv) => {
    const { pid, grant, request } = args;
    await demandOwnMember(context, pid);
    await demandUnusedRequest(context, request);
    const lineage = await readLineage(context, pid, grant);
    demand(lineage[0]?.fact.kind === 'locate', 'grant-kind');
    if (priv !== undefined) {
      const verified = await verifyRequest(context, { ...priv, transaction: 'consent.locateRequest', request });
      const asked = parseLocateRequest(verified.args);
      demand(asked.pid === pid && asked.grant === grant, 'request-mismatch');
      const terms = demandHolder(context, { pid, lineage, opened: priv.opened, reader: verified.reader });
      demand(terms.purposes.includes(asked.purpose), 'purpose-mismatch');
    }
    countUse(context, pid, lineage);
    const untilMs = context.timestampMs + SESSION_MS;
    spendRequest(context, request, { transaction: 'consent.locateRequest', session: { pid, grant, untilMs } });
    return { untilMs };
  },
});

function parseLocateRequest(value: Json) {
  const fields = parseFields(value, 'request', ['pid', 'grant', 'purpose']);
  return {
    pid: parseId(fields.pid, 'request.pid'),
    grant: parseId(fields.grant, 'request.grant'),
    purpose: parsePurpose(fields.purpose, 'request.purpose'),
  };
}
