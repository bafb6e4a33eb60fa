import { parseFields, parseHash, parseId, parseOneOf, parseText } from '../args.ts';
import type { Context, Pure } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { readOpenPatient, readUnclosedPatient } from '../patient/patient.ts';
import { WRITING_ROLES } from '../roles.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';
import { type LeafFact, leafKey } from './record-facts.ts';

export const DISPUTE_VERSION = 'salus:dispute:v1';
export const DISPUTE_ANSWER_VERSION = 'salus:dispute-answer:v1';
export const DISPUTE_OUTCOMES = ['amended', 'declined'] as const;
export type DisputeOutcome = (typeof DISPUTE_OUTCOMES)[number];
/** What patient and author write: lines may be broken, other controls may not stand in it. */
const TEXT = /^(?:[^\p{Cc}]|\n){1,4000}$/u;
const TEXT_FORM = '1 to 4000 characters, without controls but line breaks';

/** record/dispute/<pid>/<dispute>: a patient says that a version is wrong. The words are private; the commitment is salted. */
export type DisputeFact = {
  readonly keyId: string;
  readonly leafHash: string;
  readonly commitment: string;
  readonly status: 'open' | DisputeOutcome | 'withdrawn';
  readonly ms: number;
  /** Commits to the author's words. */
  readonly answer?: string;
  readonly answeredMs?: number;
};

export const disputeKey = (pid: string, dispute: string): string => `record/dispute/${pid}/${dispute}`;

/** The patient's words; private. */
export type DisputeStatement = {
  readonly version: typeof DISPUTE_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly dispute: string;
  /** Of the disputed version. */
  readonly leafHash: string;
  readonly text: string;
};

/** The author's words; private. */
export type DisputeAnswer = {
  readonly version: typeof DISPUTE_ANSWER_VERSION;
  readonly network: string;
  readonly pid: string;
  readonly dispute: string;
  readonly outcome: DisputeOutcome;
  readonly text: string;
};

type Hashing = { hashTuple(use: string, ...items: readonly Json[]): string };
/** hashTuple('dispute', salt, statement) */
export const disputeCommitment = (pure: Hashing, statement: DisputeStatement, salt: string): string =>
  pure.hashTuple('dispute', salt, statement as unknown as Json);
/** hashTuple('dispute-answer', salt, answer) */
export const disputeAnswerCommitment = (pure: Hashing, answer: DisputeAnswer, salt: string): string =>
  pure.hashTuple('dispute-answer', salt, answer as unknown as Json);

type DisputeArgs = { readonly dispute: string; readonly leaf: LeafReference; readonly commitment: string };
type DisputePrivate = { readonly statement: DisputeStatement; readonly salt: string };

export const dispute = defineTransaction<DisputeArgs, DisputePrivate>({
  contract: 'record',
  name: 'dispute',
  summary:
    'A patient states that a version of their own record is wrong. The statement goes with the record from then on, whatever the author answers.',
  signers: ['pid'],
  guardian: 'dispute',
  checks: [
    'The dispute id is new: `dispute-exists`.',
    'The leaf is proved in a batch on the ledger and belongs to the pid whose device signed: `batch-unknown`, `inclusion-invalid`, `owner-foreign`.',
    'The version was not erased: `leaf-ended`.',
    'Private: the statement opens the commitment and is of this network, pid, dispute and version: `commitment-mismatch`, `terms-mismatch`.',
  ],
  writes: ['record/dispute/<pid>/<dispute> {keyId, leafHash, commitment, status: open, ms}'],
  errors: [
    ...(['patient-closed', 'patient-merged', 'dispute-exists', 'batch-unknown', 'inclusion-invalid'] as const),
    ...(['owner-foreign', 'leaf-ended', 'commitment-mismatch', 'terms-mismatch', 'args-invalid'] as const),
  ],
  private: { summary: '{statement: DisputeStatement, salt}', required: true, pid: 'signer' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['dispute', 'leaf', 'commitment']);
    const [leaf] = parseLeaves([fields.leaf], 'args.leaf');
    return {
      dispute: parseId(fields.dispute, 'args.dispute'),
      leaf: leaf!,
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['statement', 'salt']);
    return { statement: parseStatement(fields.statement), salt: parseHash(fields.salt, 'private.salt') };
  },
  run: async (context, args, priv) => {
    const pid = signerPid(context);
    await readOpenPatient(context, pid);
    const key = disputeKey(pid, args.dispute);
    demand((await context.get(key)) === undefined, 'dispute-exists');
    demand((await readLeafOwner(context, args.leaf)) === `pid:${pid}`, 'owner-foreign');
    const { keyId, leafHash } = args.leaf;
    const ended = await context.get<LeafFact>(leafKey(keyId, leafHash));
    demand(ended?.status !== 'erased', 'leaf-ended');
    if (priv !== undefined) checkStatement(context, { ...args, pid }, priv);
    const fact: DisputeFact = { keyId, leafHash, commitment: args.commitment, status: 'open', ms: context.timestampMs };
    context.put(key, fact);
    context.emit('record.disputed', { pid, dispute: args.dispute });
    return { dispute: args.dispute };
  },
});

type AnswerArgs = {
  readonly pid: string;
  readonly dispute: string;
  readonly outcome: DisputeOutcome;
  readonly commitment: string;
};
type AnswerPrivate = { readonly answer: DisputeAnswer; readonly salt: string };

export const answerDispute = defineTransaction<AnswerArgs, AnswerPrivate>({
  contract: 'record',
  name: 'answerDispute',
  summary: 'The organisation that wrote the record answers a dispute: it has amended it, or says why it does not.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: WRITING_ROLES,
  checks: [
    'The caller is of the organisation that keeps the record: `owner-foreign`.',
    'The dispute is open: `dispute-unknown`, `dispute-answered`.',
    'It is called amended only when the disputed version is no longer the current one: `dispute-not-amended`.',
    'Private: the answer opens the commitment and is of this network, pid, dispute and outcome: `commitment-mismatch`, `terms-mismatch`.',
  ],
  writes: ['record/dispute/<pid>/<dispute> {…, status: amended | declined, answer, answeredMs}'],
  errors: [
    ...(['patient-unknown', 'patient-closed', 'owner-foreign', 'dispute-unknown', 'dispute-answered'] as const),
    ...(['dispute-not-amended', 'commitment-mismatch', 'terms-mismatch', 'args-invalid'] as const),
  ],
  private: { summary: '{answer: DisputeAnswer, salt}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'dispute', 'outcome', 'commitment']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      dispute: parseId(fields.dispute, 'args.dispute'),
      outcome: parseOneOf(fields.outcome, 'args.outcome', DISPUTE_OUTCOMES),
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['answer', 'salt']);
    return { answer: parseAnswer(fields.answer), salt: parseHash(fields.salt, 'private.salt') };
  },
  run: async (context, args, priv) => {
    const { pid, outcome, commitment } = args;
    const { organisation } = await readUnclosedPatient(context, pid);
    const { caller } = context;
    demand(caller.kind === 'id' && caller.organisation === organisation, 'owner-foreign');
    const fact = await readOpenDispute(context, pid, args.dispute);
    const ended = await context.get<LeafFact>(leafKey(fact.keyId, fact.leafHash));
    demand(outcome === 'declined' || ended !== undefined, 'dispute-not-amended');
    if (priv !== undefined) checkAnswer(context, args, priv);
    const answered = { status: outcome, answer: commitment, answeredMs: context.timestampMs };
    context.put(disputeKey(pid, args.dispute), { ...fact, ...answered } satisfies DisputeFact);
    context.emit('record.disputed', { pid, dispute: args.dispute });
    return { dispute: args.dispute, outcome };
  },
});

export const withdrawDispute = defineTransaction<{ readonly dispute: string }>({
  contract: 'record',
  name: 'withdrawDispute',
  summary: 'A patient takes a dispute back, answered or not: the statement no longer goes with the record.',
  signers: ['pid'],
  guardian: 'dispute',
  checks: ['The dispute is of the pid whose device signed, and not withdrawn: `dispute-unknown`, `dispute-answered`.'],
  writes: ['record/dispute/<pid>/<dispute> {…, status: withdrawn}'],
  errors: ['patient-closed', 'dispute-unknown', 'dispute-answered', 'args-invalid'],
  parse: (value) => ({ dispute: parseId(parseFields(value, 'args', ['dispute']).dispute, 'args.dispute') }),
  run: async (context, args) => {
    const pid = signerPid(context);
    const key = disputeKey(pid, args.dispute);
    const fact = await context.get<DisputeFact>(key);
    if (fact === undefined) throw new ContractError('dispute-unknown');
    demand(fact.status !== 'withdrawn', 'dispute-answered');
    context.put(key, { ...fact, status: 'withdrawn' } satisfies DisputeFact);
    context.emit('record.disputed', { pid, dispute: args.dispute });
    return { dispute: args.dispute };
  },
});

async function readOpenDispute(context: Context, pid: string, id: string): Promise<DisputeFact> {
  const fact = await context.get<DisputeFact>(disputeKey(pid, id));
  if (fact === undefined) throw new ContractError('dispute-unknown');
  demand(fact.status === 'open', 'dispute-answered');
  return fact;
}

/** The runtime has checked that a device of a patient signed. */
function signerPid({ caller }: Context): string {
  if (caller.kind !== 'pid') throw new ContractError('signer-not-allowed');
  return caller.pid;
}

type Named = { readonly network: string; readonly pid: string; readonly dispute: string };

function isOf(said: Named, context: Context, args: { readonly pid: string; readonly dispute: string }): boolean {
  return said.network === context.network && said.pid === args.pid && said.dispute === args.dispute;
}

function checkStatement(context: Context, args: DisputeArgs & { readonly pid: string }, priv: DisputePrivate): void {
  const { statement, salt } = priv;
  demand(disputeCommitment(context.pure as Pure, statement, salt) === args.commitment, 'commitment-mismatch');
  demand(isOf(statement, context, args) && statement.leafHash === args.leaf.leafHash, 'terms-mismatch');
}

function checkAnswer(context: Context, args: AnswerArgs, { answer, salt }: AnswerPrivate): void {
  demand(disputeAnswerCommitment(context.pure as Pure, answer, salt) === args.commitment, 'commitment-mismatch');
  demand(isOf(answer, context, args) && answer.outcome === args.outcome, 'terms-mismatch');
}

function parseStatement(value: Json): DisputeStatement {
  const name = 'private.statement';
  const fields = parseFields(value, name, ['version', 'network', 'pid', 'dispute', 'leafHash', 'text']);
  return {
    version: parseOneOf(fields.version, `${name}.version`, [DISPUTE_VERSION]),
    network: parseId(fields.network, `${name}.network`),
    pid: parseId(fields.pid, `${name}.pid`),
    dispute: parseId(fields.dispute, `${name}.dispute`),
    leafHash: parseHash(fields.leafHash, `${name}.leafHash`),
    text: parseText(fields.text, `${name}.text`, TEXT, TEXT_FORM),
  };
}

function parseAnswer(value: Json): DisputeAnswer {
  const name = 'private.answer';
  const fields = parseFields(value, name, ['version', 'network', 'pid', 'dispute', 'outcome', 'text']);
  return {
    version: parseOneOf(fields.version, `${name}.version`, [DISPUTE_ANSWER_VERSION]),
    network: parseId(fields.network, `${name}.network`),
    pid: parseId(fields.pid, `${name}.pid`),
    dispute: parseId(fields.dispute, `${name}.dispute`),
    outcome: parseOneOf(fields.outcome, `${name}.outcome`, DISPUTE_OUTCOMES),
    text: parseText(fields.text, `${name}.text`, TEXT, TEXT_FORM),
  };
}

export const disputes: readonly AnyTransaction[] = [dispute, answerDispute, withdrawDispute];
