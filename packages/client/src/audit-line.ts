import type { SignedCall } from '@salus/contracts';
import { hashTuple, sha256, toBase64url, utf8 } from '@salus/crypto';

/** Who did something, as the log of an organisation names them. */
export type AuditWho =
  | {
      readonly kind: 'member';
      readonly id: string;
      readonly organisation: string;
      readonly roles: readonly string[];
    }
  | {
      readonly kind: 'patient';
      readonly pid: string;
      readonly kid: string;
      /** A guardian acted for the patient, by the key `kid`. */
      readonly guardian?: true;
    };

/** What happened with a patient's records: parsed from the very text that the log's hash covers. */
export interface AuditEvent {
  readonly kind: string;
  readonly atMs: number;
  readonly pid: string | null;
  readonly who: AuditWho | null;
  /** HL7 v3 PurposeOfUse. */
  readonly purpose: string | null;
  readonly grant: string | null;
  readonly session: string | null;
  readonly records: readonly { readonly recordId: string; readonly version: number }[];
  /** `ok` or a stable refusal code. */
  readonly outcome: string;
  /** The reader's signed request, when there is one. */
  readonly request: SignedCall | null;
  readonly query?: string;
  readonly exchange?: { readonly peer: string; readonly id: string };
}

/** A line of the patient's audit log as the node answers, with what proves it; null until the next root. */
export interface GivenLine {
  readonly seq: number;
  /** `hash` of the entry before; null for the first. */
  readonly previous: string | null;
  readonly pidToken: string | null;
  readonly pidSeq: number | null;
  /** SHA-256 over the bytes that the node stores. */
  readonly sealedHash: string;
  readonly text: string;
  readonly proof: {
    readonly index: number;
    readonly size: number;
    readonly root: string;
    readonly proof: readonly string[];
  } | null;
}

/** What the chain and the tree of a log hold of one entry; `contentHash` is `auditContentHash` of its text. */
export function auditEntryHash(
  entry: Pick<GivenLine, 'seq' | 'previous' | 'pidToken' | 'pidSeq' | 'sealedHash'> & { readonly contentHash: string },
): string {
  const { seq, previous, pidToken, pidSeq, contentHash, sealedHash } = entry;
  return hashTuple('audit', seq, previous, pidToken, pidSeq, contentHash, sealedHash);
}

export function auditContentHash(text: string): string {
  return toBase64url(sha256(utf8(text)));
}

/** The event that a line's text holds; undefined where the text is not JSON. */
export function findEvent(text: string): AuditEvent | undefined {
  try {
    return JSON.parse(text) as AuditEvent;
  } catch {
    return undefined;
  }
}
