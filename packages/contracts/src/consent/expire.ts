import { parseFields, parseId } from '../args.ts';
import { raiseEpoch } from '../epoch.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { putGrant, readActiveGrant } from './grant-fact.ts';
import { demandOpened, hasUsesLeft } from './holding.ts';
import { demandOwnMember } from './reader-request.ts';
import { type OpenedTerms, parseOpenedTerms } from './terms.ts';

type ExpireArgs = { readonly pid: string; readonly grant: string };

export const expire = defineTransaction<ExpireArgs, OpenedTerms>({
  contract: 'consent',
  name: 'expire',
  summary:
    "The author's node ends a grant whose time is over or whose uses are used up, so that the owner's next records are sealed under keys that its grantee cannot open.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    "The node is of the organisation that keeps the pid's records: `caller-foreign`.",
    'The grant is known and active, and its times do not run backwards: `grant-unknown`, `grant-revoked`, `grant-expired`, `time-backwards`.',
    'Private: the terms open its commitment: `commitment-mismatch`, `terms-mismatch`.',
    'Private: it is after `notAfterMs`, or `maxUses` sessions were opened: `grant-not-expired`.',
  ],
  writes: ['grant/<pid>/<grant> {…, status: expired, lastMs}', 'record/epoch/pid:<pid> {epoch + 1}'],
  errors: [
    ...([
      'patient-unknown',
      'patient-closed',
      'patient-merged',
      'caller-foreign',
      'grant-unknown',
      'grant-revoked',
      'grant-expired',
    ] as const),
    ...(['time-backwards', 'commitment-mismatch', 'terms-mismatch', 'grant-not-expired'] as const),
  ],
  private: { summary: '{terms, salt}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'grant']);
    return { pid: parseId(fields.pid, 'args.pid'), grant: parseId(fields.grant, 'args.grant') };
  },
  parsePrivate: (values) => parseOpenedTerms(values, 'private'),
  run: async (context, { pid, grant }, priv) => {
    await demandOwnMember(context, pid);
    const link = await readActiveGrant(context, pid, grant);
    if (priv !== undefined) {
      demandOpened(context, pid, link, priv);
      const over = context.timestampMs > priv.terms.notAfterMs || !hasUsesLeft(priv.terms, link.fact.uses);
      demand(over, 'grant-not-expired');
    }
    putGrant(context, pid, link, { status: 'expired' });
    await raiseEpoch(context, `pid:${pid}`);
    context.emit('consent.expired', { pid, grant });
    return { grant };
  },
});
