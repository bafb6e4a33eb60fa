import type { Caller, CallPayload, Context, MemberKind, Pure, SignerKind } from './context.ts';
import type { ContractCode } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import type { Members } from './members.ts';
import type { GuardianScope } from './patient/guardian-terms.ts';

export type ContractName = 'membership' | 'patient' | 'record' | 'consent' | 'access';

/**
 * One transaction: `signers`, `memberKinds` and `roles` are enforced by the runtime before `run`, the rest of the authorisation
 * by `run` itself; the texts become `docs/CONTRACTS.md`.
 *
 * `run` decides from `context`, `args` and, when it runs with them, `priv`. Without them (`priv` undefined: other members,
 * re-verification) it must give the same result, writes and events, and may only check less.
 */
export interface Transaction<Args, Private> {
  readonly contract: ContractName;
  readonly name: string;
  readonly summary: string;
  /** Which keys may sign. */
  readonly signers: readonly SignerKind[];
  /** For `id` signers: which kinds of member. Demanded where `signers` names `id`, else absent. */
  readonly memberKinds?: readonly MemberKind[];
  /** For `id` signers: the signer itself has at least one of these roles. */
  readonly roles?: readonly string[];
  /** May a node or client act for a user by the user's delegation? Absent: a delegation is refused. */
  readonly onBehalfOf?: 'optional' | 'required';
  /** What a guardian must be allowed to sign it for the patient; `any`: every guardian may. Absent: none. */
  readonly guardian?: GuardianScope | 'any';
  /** May `notAfter` be null? Only for what must never be too late. */
  readonly timeless?: boolean;
  /** What is checked, in order, one sentence each. */
  readonly checks: readonly string[];
  /** State keys written, with placeholders. */
  readonly writes: readonly string[];
  /** The codes that `run` and the parsers give beyond those of the runtime. */
  readonly errors: readonly ContractCode[];
  /** What travels beside the call; demanded (`required`) or possible. Absent: a call with `privateHash` is refused. */
  readonly private?: {
    readonly summary: string;
    readonly required: boolean;
    /** Which pid it concerns: the organisation that keeps its records submits the call and checks the private arguments. */
    readonly pid: 'signer' | 'args.pid';
  };
  /** Only for the founding, whose signer no state knows yet: finds caller and key in the arguments. */
  resolveSigner?(founding: Founding, args: Args): Promise<ResolvedSigner>;
  parse(args: Json): Args;
  /** Demanded where `private` is present. */
  parsePrivate?(values: JsonObject): Private;
  run(context: Context, args: Args, priv: Private | undefined): Promise<Json>;
}

/** What is known before there is a caller. */
export type Founding = {
  readonly payload: CallPayload;
  readonly timestampMs: number;
  readonly members: Members;
  readonly pure: Pure;
};

/** Who signs and the key that the signature must verify under. */
export type ResolvedSigner = { readonly caller: Caller; readonly publicKey: string };

/** A transaction of any types; its own `parse` makes what its `run` takes, so the types need not be known outside. */
export type AnyTransaction = Transaction<unknown, unknown>;

/** Keeps the types of arguments together inside one definition and forgets them outside. */
export function defineTransaction<Args, Private = never>(definition: Transaction<Args, Private>): AnyTransaction {
  return definition as AnyTransaction;
}
