import {
  demandUnique,
  parseCode,
  parseFields,
  parseHash,
  parseId,
  parseList,
  parseNullable,
  parseOneOf,
  parseText,
  parseTimeMs,
} from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { defineTransaction } from '../transaction.ts';
import { patientOf } from './grant.ts';
import { PURPOSES, type Purpose } from './purposes.ts';
import { demandOwnMember } from './reader-request.ts';
import { CATEGORIES_MAX, type Grantee, parseGrantee, parsePurpose } from './terms.ts';

export const REQUEST_VERSION = 'salus:request:v1';
/** Characters of the text that a requester writes to the patient. */
const REQUEST_TEXT = /^[^\p{Cc}]{0,2000}$/u;

export type RequestStatus = 'open' | 'granted' | 'partly' | 'declined';
export const ANSWERS = ['granted', 'partly', 'declined'] as const;

/** request/<pid>/<request>: `ms` is the time of the request; the pid is the requester's own for the patient. */
export type RequestFact = { readonly commitment: string; readonly status: RequestStatus; readonly ms: number };

export const requestKey = (pid: string, request: string): string => `request/${pid}/${request}`;

/** What is asked of a patient; private. Where the records lie is not said: the wallet maps this pid to the others. */
export type RequestTerms = {
  readonly version: typeof REQUEST_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly request: string;
  /** Who would use the grant; of the requester's organisation. */
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  readonly purposes: readonly Purpose[];
  /** Until when access is wanted. */
  readonly notAfterMs: number | null;
  readonly text: string;
};

type RequestArgs = { readonly pid: string; readonly request: string; readonly commitment: string };
type RequestPrivate = { readonly asked: RequestTerms; readonly salt: string };

export const request = defineTransaction<RequestArgs, RequestPrivate>({
  contract: 'consent',
  name: 'request',
  summary: 'An organisation asks a patient, under its own pid for them, for access to records wherever they lie.',
  signers: ['id'],
  memberKinds: ['staff', 'client', 'node'],
  onBehalfOf: 'optional',
  checks: [
    'The caller is of the organisation whose pid it addresses: `caller-foreign`.',
    'The request id is new: `request-exists`.',
    'Private: what is asked opens the commitment, for this network, pid and request: `commitment-mismatch`, `terms-mismatch`.',
    "Private: the grantee would be of the requester's organisation: `organisation-mismatch`.",
  ],
  writes: ['request/<pid>/<request> {commitment, status: open, ms}'],
  errors: [
    ...([
      'patient-unknown',
      'patient-closed',
      'patient-merged',
      'caller-foreign',
      'request-exists',
      'commitment-mismatch',
    ] as const),
    ...(['terms-mismatch', 'organisation-mismatch'] as const),
  ],
  private: { summary: '{asked: RequestTerms, salt}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'request', 'commitment']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      request: parseId(fields.request, 'args.request'),
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['asked', 'salt']);
    return { asked: parseAsked(fields.asked), salt: parseHash(fields.salt, 'private.salt') };
  },
  run: async (context, args, priv) => {
    const { organisation } = await demandOwnMember(context, args.pid);
    const key = requestKey(args.pid, args.request);
    demand((await context.get(key)) === undefined, 'request-exists');
    if (priv !== undefined) checkAsked(context, { ...args, organisation }, priv);
    const fact: RequestFact = { commitment: args.commitment, status: 'open', ms: context.timestampMs };
    context.put(key, fact);
    context.emit('consent.requested', { pid: args.pid, request: args.request });
    return { request: args.request };
  },
});

type AnswerArgs = { readonly request: string; readonly answer: (typeof ANSWERS)[number] };

export const answer = defineTransaction<AnswerArgs>({
  contract: 'consent',
  name: 'answer',
  summary:
    'A patient answers a request. It marks the request and names nothing else: what was granted stands in grants of other pids, which nobody but the wallet links to this one.',
  signers: ['pid'],
  guardian: 'consent',
  checks: [
    'The request was addressed to the pid whose device signed: `request-unknown`.',
    'It was not answered before: `request-answered`.',
  ],
  writes: ['request/<pid>/<request> {commitment, status: granted | partly | declined, ms}'],
  errors: ['patient-closed', 'request-unknown', 'request-answered'],
  parse: (value) => {
    const fields = parseFields(value, 'args', ['request', 'answer']);
    return {
      request: parseId(fields.request, 'args.request'),
      answer: parseOneOf(fields.answer, 'args.answer', ANSWERS),
    };
  },
  run: async (context, args) => {
    const { pid } = patientOf(context);
    const key = requestKey(pid, args.request);
    const fact = await context.get<RequestFact>(key);
    if (fact === undefined) throw new ContractError('request-unknown');
    demand(fact.status === 'open', 'request-answered');
    context.put(key, { ...fact, status: args.answer } satisfies RequestFact);
    context.emit('consent.answered', { pid, request: args.request, answer: args.answer });
    return { request: args.request, answer: args.answer };
  },
});

function checkAsked(
  context: Context,
  args: RequestArgs & { readonly organisation: string },
  { asked, salt }: RequestPrivate,
): void {
  demand(context.pure.hashTuple('request', salt, asked) === args.commitment, 'commitment-mismatch');
  const own = asked.network === context.network && asked.pid === args.pid && asked.request === args.request;
  demand(own, 'terms-mismatch');
  const { grantee } = asked;
  demand(grantee.kind !== 'card' && grantee.organisation === args.organisation, 'organisation-mismatch');
}

function parseAsked(value: Json | undefined): RequestTerms {
  const name = 'private.asked';
  const fields = parseFields(value, name, [
    ...(['version', 'network', 'pid', 'request', 'grantee', 'categories', 'purposes', 'notAfterMs', 'text'] as const),
  ]);
  const categories = parseList(fields.categories, `${name}.categories`, { min: 1, max: CATEGORIES_MAX }, parseCode);
  demandUnique(categories, `${name}.categories`, (category) => category);
  const purposes = parseList(fields.purposes, `${name}.purposes`, { min: 1, max: PURPOSES.length }, parsePurpose);
  demandUnique(purposes, `${name}.purposes`, (purpose) => purpose);
  return {
    version: parseOneOf(fields.version, `${name}.version`, [REQUEST_VERSION]),
    network: parseId(fields.network, `${name}.network`),
    pid: parseId(fields.pid, `${name}.pid`),
    request: parseId(fields.request, `${name}.request`),
    grantee: parseGrantee(fields.grantee, `${name}.grantee`),
    categories,
    purposes,
    notAfterMs: parseNullable(fields.notAfterMs, `${name}.notAfterMs`, parseTimeMs),
    text: parseText(fields.text, `${name}.text`, REQUEST_TEXT, 'at most 2000 characters without controls'),
  };
}
