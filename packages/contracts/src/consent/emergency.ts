import {
  parseCode,
  parseFields,
  parseHash,
  parseId,
  parseNullable,
  parseOneOf,
  parseSignature,
  parseText,
  parseTimeMs,
} from '../args.ts';
import type { Context, Pure } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { type InnerCall, type InnerRequest, parseInnerRequest } from '../inner-call.ts';
import type { Json } from '../json.ts';
import { CLINICAL_ROLES } from '../roles.ts';
import { defineTransaction } from '../transaction.ts';
import { countUse, type Link, readActiveGrant } from './grant-fact.ts';
import { demandInTime, demandOpened, hasUsesLeft } from './holding.ts';
import { demandOwnMember, demandUnusedRequest, spendRequest, verifyRequest } from './reader-request.ts';
import { type OpenedTerms, parseOpenedTerms } from './terms.ts';

/** The longest emergency access. */
export const EMERGENCY_MAX_MS = 8 * 60 * 60 * 1000;
export const EMERGENCY_REASONS = [
  'life-threatening',
  'unconscious',
  'unable-to-consent',
  'guardian-unreachable',
  'other-urgent',
] as const;
/** What the clinician adds to the reason, for the patient and the review. */
const EMERGENCY_TEXT = /^[^\p{Cc}]{0,2000}$/u;

/** emergency/<pid>/<id of the clinician's request> */
export type EmergencyFact = {
  readonly untilMs: number;
  readonly status: 'open' | 'reviewed';
  readonly outcome?: 'justified' | 'unjustified';
  /** The card's grant, from outside the organisation that keeps the pid's records. */
  readonly card?: string;
};

export const emergencyKey = (pid: string, request: string): string => `emergency/${pid}/${request}`;

/**
 * What the key of an emergency card signs, so that one showing of the card serves one request: of this signer (`id:<id>`),
 * with this nonce, until this time.
 */
export function cardMessage(
  pure: Pick<Pure, 'hashTuple'>,
  on: {
    readonly network: string;
    readonly pid: string;
    readonly grant: string;
    readonly signer: string;
    readonly nonce: string;
    readonly untilMs: number;
  },
): string {
  return pure.hashTuple('card', on.network, on.pid, on.grant, on.signer, on.nonce, on.untilMs);
}

type EmergencyArgs = {
  readonly pid: string;
  readonly request: string;
  readonly untilMs: number;
  readonly card: string | null;
};
type EmergencyPrivate = { readonly inner: InnerRequest; readonly card: OpenedTerms | null };

export const emergency = defineTransaction<EmergencyArgs, EmergencyPrivate>({
  contract: 'consent',
  name: 'emergency',
  summary:
    "Opens emergency access for one clinician for at most 8 hours. Submitted by the releasing node with the clinician's signed `consent.emergencyRequest` {pid, role, reason, text, untilMs, card: null | {grant, signature}}; shown to the patient at once and reviewed later.",
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    "The node is of the organisation that keeps the pid's records: `caller-foreign`.",
    'The request opened nothing before: `request-used`.',
    'It ends after now and within 8 hours: `emergency-too-long`.',
    'A card that is named is an active card of the pid: `grant-unknown`, `grant-revoked`, `grant-expired`, `grant-kind`, `time-backwards`.',
    'Private: the request is verified, as in consent.use, and names these values: `request-mismatch`.',
    'Private: the clinician has the clinical role that the request names: `role-missing`.',
    'Private: a clinician of another organisation shows a card: `card-required`.',
    "Private: the card's key signed this very request, and the card's terms are within time and uses and do not except the clinician: `card-invalid`, `commitment-mismatch`, `terms-mismatch`, `grant-not-yet`, `grant-expired`, `uses-exhausted`, `actor-excepted`.",
  ],
  writes: [
    'emergency/<pid>/<request> {untilMs, status: open, card?}',
    'call/<request> {transaction, session: {pid, emergency, untilMs}}',
    'grant/<pid>/<card> {…, uses + 1, lastMs}, when a card is named',
  ],
  errors: [
    ...([
      'patient-unknown',
      'patient-closed',
      'patient-merged',
      'caller-foreign',
      'request-used',
      'emergency-too-long',
    ] as const),
    ...([
      'grant-unknown',
      'grant-revoked',
      'grant-expired',
      'grant-kind',
      'time-backwards',
      'request-mismatch',
    ] as const),
    ...(['role-missing', 'card-required', 'card-invalid', 'commitment-mismatch', 'terms-mismatch'] as const),
    ...(['grant-not-yet', 'uses-exhausted', 'actor-excepted'] as const),
  ],
  private: { summary: '{request: SignedCall, chain, card: null | {terms, salt}}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'request', 'untilMs', 'card']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      request: parseHash(fields.request, 'args.request'),
      untilMs: parseTimeMs(fields.untilMs, 'args.untilMs'),
      card: parseNullable(fields.card, 'args.card', parseId),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['request', 'chain', 'card']);
    return {
      inner: parseInnerRequest(fields),
      card: parseNullable(fields.card, 'private.card', parseOpenedTerms),
    };
  },
  run: async (context, args, priv) => {
    const { pid, request, untilMs } = args;
    const { organisation } = await demandOwnMember(context, pid);
    await demandUnusedRequest(context, request);
    const { timestampMs } = context;
    demand(timestampMs < untilMs && untilMs <= timestampMs + EMERGENCY_MAX_MS, 'emergency-too-long');
    const card = args.card === null ? undefined : await readActiveGrant(context, pid, args.card);
    demand(card === undefined || card.fact.kind === 'card', 'grant-kind');
    if (priv !== undefined) await checkEmergency(context, args, { ...priv, organisation, link: card });
    if (card !== undefined) countUse(context, pid, [card]);
    const shown = args.card === null ? {} : { card: args.card };
    context.put(emergencyKey(pid, request), { untilMs, status: 'open', ...shown } satisfies EmergencyFact);
    const session = { pid, emergency: request, untilMs };
    spendRequest(context, request, { transaction: 'consent.emergencyRequest', session });
    context.emit('consent.emergency', { pid, emergency: request, untilMs });
    return { untilMs };
  },
});

type EmergencyToCheck = EmergencyPrivate & { readonly organisation: string; readonly link: Link | undefined };

async function checkEmergency(context: Context, args: EmergencyArgs, check: EmergencyToCheck): Promise<void> {
  const { pid, request, untilMs } = args;
  const { inner, organisation, link, card } = check;
  const verified = await verifyRequest(context, { inner, transaction: 'consent.emergencyRequest', request });
  const asked = parseEmergencyRequest(verified.args);
  const same = asked.pid === pid && asked.untilMs === untilMs && (asked.card?.grant ?? null) === args.card;
  demand(same, 'request-mismatch');
  const { reader } = verified;
  const clinical = reader.memberKind === 'staff' && CLINICAL_ROLES.includes(asked.role);
  demand(clinical && reader.roles.includes(asked.role), 'role-missing');
  if (asked.card === null || link === undefined) {
    demand(reader.organisation === organisation, 'card-required');
    demand(card === null, 'args-invalid', 'private.card');
    return;
  }
  if (card === null) throw new ContractError('args-invalid', 'private.card must be present');
  checkCard(context, { pid, link, opened: card, signature: asked.card.signature, verified, untilMs });
}

function checkCard(
  context: Context,
  {
    pid,
    link,
    opened,
    signature,
    verified,
    untilMs,
  }: {
    readonly pid: string;
    readonly link: Link;
    readonly opened: OpenedTerms;
    readonly signature: string;
    readonly verified: InnerCall;
    readonly untilMs: number;
  },
): void {
  const { network, pure, timestampMs } = context;
  const { signer, nonce } = verified.payload;
  const message = cardMessage(pure, { network, pid, grant: link.grant, signer, nonce, untilMs });
  demand(pure.verifySignature(link.fact.cardKey ?? '', message, signature), 'card-invalid');
  demandOpened(context, pid, link, opened);
  demandInTime(opened.terms, timestampMs);
  demand(hasUsesLeft(opened.terms, link.fact.uses), 'uses-exhausted');
  demand(!opened.terms.exceptActors.includes(verified.reader.id), 'actor-excepted');
}

function parseEmergencyRequest(value: Json) {
  const fields = parseFields(value, 'request', ['pid', 'role', 'reason', 'text', 'untilMs', 'card']);
  return {
    pid: parseId(fields.pid, 'request.pid'),
    role: parseCode(fields.role, 'request.role'),
    reason: parseOneOf(fields.reason, 'request.reason', EMERGENCY_REASONS),
    text: parseText(fields.text, 'request.text', EMERGENCY_TEXT, 'at most 2000 characters without controls'),
    untilMs: parseTimeMs(fields.untilMs, 'request.untilMs'),
    card: parseNullable(fields.card, 'request.card', parseShownCard),
  };
}

function parseShownCard(value: Json | undefined, name: string) {
  const fields = parseFields(value, name, ['grant', 'signature']);
  return {
    grant: parseId(fields.grant, `${name}.grant`),
    signature: parseSignature(fields.signature, `${name}.signature`),
  };
}
