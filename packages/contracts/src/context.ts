import type { ContractCode } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import type { Members } from './members.ts';
import type { GuardianScope } from './patient/guardian-terms.ts';

/** What the signer of a call signs; binary values are base64url without padding. `args` is public, private values are only hashed. */
export type CallPayload = {
  readonly version: 'salus:call:v1';
  readonly alg: 'ES256';
  readonly network: string;
  readonly contract: string;
  readonly transaction: string;
  readonly args: JsonObject;
  readonly privateHash?: string;
  readonly signer: string;
  readonly onBehalfOf?: SignedDelegation;
  readonly nonce: string;
  readonly notAfter: number | null;
};

export type SignedCall = { readonly payload: CallPayload; readonly signature: string };

/** A user's permission for a client or node of the same organisation to act under the user's name for at most 12 hours. */
export type DelegationPayload = {
  readonly version: 'salus:delegation:v1';
  readonly alg: 'ES256';
  readonly network: string;
  readonly user: string;
  readonly delegate: string;
  readonly scope: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly nonce: string;
};

/** `signature` is over the canonical form of `payload`, by the user's enrolled key. */
export type SignedDelegation = { readonly payload: DelegationPayload; readonly signature: string };

/** Values that never enter a block: hashTuple('private', salt, values) is the payload's `privateHash`. */
export type PrivateArgs = { readonly salt: string; readonly values: JsonObject };

/** What kind of member an identity is; an administrator is staff with the role `administrator`. */
export type MemberKind = 'staff' | 'client' | 'device' | 'node';
export const MEMBER_KINDS: readonly MemberKind[] = ['staff', 'client', 'device', 'node'];

/** What a verified certificate says. */
export type CertificateFacts = {
  readonly id: string;
  readonly organisation: string;
  readonly kind: string;
  readonly roles: readonly string[];
  readonly publicKey: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly issuer: string;
};

/** Pure functions that every engine supplies, from `@salus/crypto`: none of them throws on hostile input. */
export interface Pure {
  /** RFC 8785. */
  canonical(value: Json): string;
  /** SHA-256 of the canonical array ["salus:<use>:v1", …items], base64url. */
  hashTuple(use: string, ...items: Json[]): string;
  /** The key id of a public key, 22 characters. */
  kidOf(publicKey: string): string;
  callId(payload: CallPayload): string;
  /** Is it a point on P-256, to which something can be sealed? */
  isPublicKey(publicKey: string): boolean;
  verifyCall(call: SignedCall, publicKey: string): boolean;
  /** ES256, low S, over the UTF-8 bytes of `message`. */
  verifySignature(publicKey: string, message: string, signature: string): boolean;
  /** The facts of `chain[0]` when the chain leads to one of `roots`, each an authority, all valid at `atMs`; else undefined. */
  verifyCertificate(input: {
    readonly chain: readonly string[];
    readonly roots: readonly string[];
    readonly atMs: number;
  }): Promise<CertificateFacts | undefined>;
  /** RFC 9162 §2.1.3.2. */
  verifyInclusion(input: {
    readonly leafHash: string;
    readonly index: number;
    readonly size: number;
    readonly proof: readonly string[];
    readonly root: string;
  }): boolean;
  /** RFC 9162 §2.1.4.2. */
  verifyConsistency(input: {
    readonly size1: number;
    readonly size2: number;
    readonly root1: string;
    readonly root2: string;
    readonly proof: readonly string[];
  }): boolean;
}

export type Entry = { readonly key: string; readonly value: Json };
type MaybePromise<T> = T | Promise<T>;

/** What an engine supplies. Values it returns are never changed by contracts and may be shared or frozen. */
export interface Host {
  readonly network: string;
  readonly pure: Pure;
  /** Is the ledger a channel of Hyperledger Fabric, from which none moves? Absent: no. */
  readonly onChannel?: boolean;
  get(key: string): MaybePromise<Json | undefined>;
  /** Entries of [start, end) in ascending byte order, at most `limit`. */
  range(start: string, end: string, limit: number): MaybePromise<readonly Entry[]>;
}

/**
 * One call to run. `full`: private arguments are demanded where `privateHash` is set, and everything is checked.
 * `public`: without them; what is public is checked, result and writes are the same.
 */
export interface Execution {
  readonly call: unknown;
  readonly privateArgs?: PrivateArgs | undefined;
  readonly timestampMs: number;
  readonly mode: 'full' | 'public';
}

export type SignerKind = 'id' | 'pid' | 'claim' | 'recovery';

/** An enrolled identity that signed the call; `onBehalfOf` is the user whose delegation it carried. */
export type MemberCaller = {
  readonly kind: 'id';
  readonly id: string;
  readonly organisation: string;
  readonly memberKind: MemberKind;
  readonly roles: readonly string[];
  readonly onBehalfOf?: { readonly id: string; readonly roles: readonly string[] };
};
/** A device of a claimed patient, or of a guardian who acts for one. */
export type PatientCaller = {
  readonly kind: 'pid';
  readonly pid: string;
  readonly kid: string;
  readonly organisation: string;
  readonly guardian?: { readonly scope: readonly GuardianScope[] };
};
/** The slip of an unclaimed patient, or a patient's recovery key. */
export type PatientKeyCaller = {
  readonly kind: 'claim' | 'recovery';
  readonly pid: string;
  readonly organisation: string;
};
export type Caller = MemberCaller | PatientCaller | PatientKeyCaller;

/** A value to store: members that are undefined are left out, so that optional fields of state types need no assembling. */
export type Storable = Json | { readonly [key: string]: Json | undefined };

/** All that a transaction can see and do. */
export interface Context {
  readonly network: string;
  /** The call's id, 43 characters. */
  readonly txId: string;
  readonly timestampMs: number;
  readonly caller: Caller;
  readonly members: Members;
  readonly pure: Pure;
  /** Is the ledger a channel already? */
  readonly onChannel: boolean;
  /** Sees the transaction's own writes. `T` is the type that the contract which owns the key writes there: state is trusted. */
  get<T = Json>(key: string): Promise<T | undefined>;
  /** Entries of [start, end) in ascending byte order with the transaction's own writes; `limit` at most `RANGE_MAX`. */
  range<T = Json>(
    start: string,
    end: string,
    limit: number,
  ): Promise<readonly { readonly key: string; readonly value: T }[]>;
  put(key: string, value: Storable): void;
  delete(key: string): void;
  emit(name: string, value: Json): void;
}

/** null deletes. */
export type Write = readonly [key: string, value: Json | null];
export type Event = { readonly name: string; readonly value: Json };

export type Outcome =
  | {
      readonly kind: 'committed';
      readonly callId: string;
      readonly result: Json;
      /** Sorted by key, each key once, `call/<callId>` included. */
      readonly writes: readonly Write[];
      readonly events: readonly Event[];
      readonly signer: string;
    }
  | { readonly kind: 'repeated'; readonly callId: string; readonly result: Json }
  | {
      readonly kind: 'refused';
      readonly callId: string | null;
      readonly code: ContractCode;
      readonly detail?: string;
    };
