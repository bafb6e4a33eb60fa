import { parseFields, parseId } from '../args.ts';
import { raiseEpoch } from '../epoch.ts';
import { defineTransaction } from '../transaction.ts';
import { patientOf } from './grant.ts';
import { type GrantFact, grantKey } from './grant-fact.ts';

type RevokeArgs = { readonly grant: string };

export const revoke = defineTransaction<RevokeArgs>({
  contract: 'consent',
  name: 'revoke',
  summary:
    'A patient ends a grant of their own pid, known to the ledger or not. It needs no number, is never too late and always wins.',
  signers: ['pid'],
  guardian: 'consent',
  timeless: true,
  checks: ['Nothing beyond the signature of an active device of the pid.'],
  writes: [
    'grant/<pid>/<grant> {…, status: revoked}, its time the later of this call and the last; for an unknown grant {kind: null, commitment: null, status: revoked, …}; nothing when it is revoked already',
    'record/epoch/pid:<pid> {epoch + 1}, unless it was revoked already',
  ],
  errors: [],
  parse: (value) => ({ grant: parseId(parseFields(value, 'args', ['grant']).grant, 'args.grant') }),
  run: async (context, args) => {
    const { pid } = patientOf(context);
    const { timestampMs } = context;
    const before = await context.get<GrantFact>(grantKey(pid, args.grant));
    // A second revocation has nothing to add, and must not move the epoch on.
    if (before?.status === 'revoked') return { grant: args.grant, revokedMs: before.lastMs };
    const revokedMs = Math.max(timestampMs, before?.lastMs ?? timestampMs);
    // Before its grant nothing is known: not even the kind, which the withheld grant would have said.
    const forestalled = { kind: null, commitment: null, uses: 0, firstMs: revokedMs } as const;
    const fact: GrantFact = { ...(before ?? forestalled), status: 'revoked', lastMs: revokedMs };
    context.put(grantKey(pid, args.grant), fact);
    await raiseEpoch(context, `pid:${pid}`);
    context.emit('consent.revoked', { pid, grant: args.grant });
    return { grant: args.grant, revokedMs };
  },
});
