import { hashTuple, sha256Base64url, utf8 } from '@salus/crypto';
import type { AuditEvent } from './vault-types.ts';

export const AUDIT_EVENT_VERSION = 'salus:audit-event:v1';

/** The facts of an audit row that are hashed into the chain; all of them are columns or hashes of columns. */
export interface AuditEntry {
  readonly seq: number;
  /** `hash` of the entry before; null for the first. */
  readonly previous: string | null;
  readonly pidToken: string | null;
  readonly pidSeq: number | null;
  readonly contentHash: string;
  /** SHA-256 over the stored bytes. */
  readonly sealedHash: string;
}

/** Says nothing: it hides how many of the entries beside it say something (ADR 0002). Not even its time is anybody's. */
export const COVER_EVENT = { kind: 'cover', pid: null } as const;

/** What an entry of the log holds. */
export type LoggedEvent = AuditEvent | typeof COVER_EVENT;

/** The event as text: canonical order does not matter, since its hash is over these very bytes. `salt`: 32 bytes, base64url. */
export function auditEventText(event: LoggedEvent, salt: string): string {
  return JSON.stringify({ version: AUDIT_EVENT_VERSION, salt, ...event } satisfies Record<string, unknown>);
}

/** What the chain and the tree hold of one row. */
export function auditEntryHash(entry: AuditEntry): string {
  const { seq, previous, pidToken, pidSeq, contentHash, sealedHash } = entry;
  return hashTuple('audit', seq, previous, pidToken, pidSeq, contentHash, sealedHash);
}

export function auditContentHash(text: string): string {
  return sha256Base64url(utf8(text));
}
