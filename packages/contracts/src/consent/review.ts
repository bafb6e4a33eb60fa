import { parseFields, parseHash, parseId, parseOneOf, parseText } from '../args.ts';
import { parseCall } from '../call.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { ADMINISTRATOR_ROLE } from '../roles.ts';
import { defineTransaction } from '../transaction.ts';
import { type EmergencyFact, emergencyKey } from './emergency.ts';
import { demandOwnMember } from './reader-request.ts';

/** Who may review emergency access. */
export const REVIEWING_ROLES: readonly string[] = ['privacy-officer', ADMINISTRATOR_ROLE];
export const REVIEW_OUTCOMES = ['justified', 'unjustified'] as const;
const FINDING = /^[^\p{Cc}]{0,2000}$/u;

type ReviewArgs = {
  readonly pid: string;
  readonly emergency: string;
  readonly outcome: (typeof REVIEW_OUTCOMES)[number];
};
type ReviewPrivate = { readonly request: Json; readonly finding: string };

export const review = defineTransaction<ReviewArgs, ReviewPrivate>({
  contract: 'consent',
  name: 'review',
  summary: 'A privacy officer or administrator judges an emergency access afterwards, once.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: REVIEWING_ROLES,
  checks: [
    "The reviewer is of the organisation that keeps the pid's records: `caller-foreign`.",
    'The emergency access is known and not reviewed yet: `emergency-unknown`, `emergency-reviewed`.',
    "Private: the request is the clinician's of this emergency: `request-mismatch`.",
    'Private: nobody reviews their own access: `self-review`.',
  ],
  writes: ['emergency/<pid>/<request> {…, status: reviewed, outcome}'],
  errors: [
    ...([
      'patient-unknown',
      'patient-closed',
      'patient-merged',
      'caller-foreign',
      'emergency-unknown',
      'emergency-reviewed',
    ] as const),
    ...(['request-mismatch', 'self-review'] as const),
  ],
  private: { summary: "{request: the clinician's SignedCall, finding: text}", required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'emergency', 'outcome']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      emergency: parseHash(fields.emergency, 'args.emergency'),
      outcome: parseOneOf(fields.outcome, 'args.outcome', REVIEW_OUTCOMES),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['request', 'finding']);
    const finding = parseText(fields.finding, 'private.finding', FINDING, 'at most 2000 characters without controls');
    return { request: fields.request, finding };
  },
  run: async (context, { pid, emergency, outcome }, priv) => {
    await demandOwnMember(context, pid);
    const key = emergencyKey(pid, emergency);
    const fact = await context.get<EmergencyFact>(key);
    if (fact === undefined) throw new ContractError('emergency-unknown');
    demand(fact.status === 'open', 'emergency-reviewed');
    if (priv !== undefined) {
      const { payload } = parseCall(priv.request);
      demand(context.pure.callId(payload) === emergency, 'request-mismatch');
      demand(context.caller.kind === 'id' && payload.signer !== `id:${context.caller.id}`, 'self-review');
    }
    context.put(key, { ...fact, status: 'reviewed', outcome } satisfies EmergencyFact);
    return { emergency, outcome };
  },
});
