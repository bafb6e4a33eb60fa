import type { OpenedTerms, SignedCall } from '@salus/contracts';
import type { AttachmentReference } from '../attachment-reference.ts';
import type { AuditEvent, AuditKind, Owner } from '../vault-types.ts';
import type { Reader } from './gateway-session.ts';
import type { GatheredReads } from './gathered-reads.ts';
import type { Chart } from './manifest-checks.ts';

/** What a person of this organisation brings to read elsewhere. */
export interface ReadingRequest {
  readonly author: string;
  readonly reader: Reader;
  readonly request: SignedCall;
  readonly chain: readonly string[];
  /** null in an emergency without card. */
  readonly token: OpenedTerms | null;
  readonly ancestors: readonly OpenedTerms[];
  /** The pid here of the patient who is the same person, as the reader says. */
  readonly ownPid?: string | null;
  /** A patient's app reads, by a session that the node opened for it. */
  readonly isApp?: boolean;
}

export interface ReadRecord {
  readonly recordId: string;
  readonly version: number;
  /** The record's own JSON text, byte for byte as its author wrote it, attachments put back in. */
  readonly text: string;
  /** Attachments too large for that: their references stand in the text, and they are read as streams. */
  readonly attachments: readonly AttachmentReference[];
}

/** One open session at another organisation. */
export interface Reading {
  readonly session: string;
  readonly untilMs: number;
  readonly request: ReadingRequest;
  readonly owner: Owner;
  readonly keys: Map<string, Uint8Array>;
  readonly reads: GatheredReads;
  chart: Chart | undefined;
  /** When it was asked for. */
  chartMs: number;
}

/** What the reader's log says of one step. */
export interface ReadingStep {
  readonly author: string;
  readonly nonce: string;
  readonly pid: string;
  readonly request: ReadingRequest;
  readonly session: string;
  readonly records?: readonly { readonly recordId: string; readonly version: number }[];
  readonly outcome?: string;
}

export function stepOf({ request, owner, session }: Reading, nonce: string): ReadingStep {
  return { author: request.author, nonce, pid: owner.slice('pid:'.length), request, session };
}

/** The event that the reader's organisation logs. */
export function readingEvent(kind: AuditKind, atMs: number, step: ReadingStep): AuditEvent {
  const { request } = step;
  const { purpose } = request.request.payload.args as { readonly purpose?: string };
  return {
    kind,
    atMs,
    pid: step.pid,
    who: { kind: 'member', ...request.reader },
    // HL7 v3 ActReason: emergency treatment, where the request has no purpose field of its own.
    purpose: purpose ?? 'ETREAT',
    grant: request.token?.terms.grant ?? null,
    session: step.session,
    records: (step.records ?? []).map(({ recordId, version }) => ({ recordId, version })),
    outcome: step.outcome ?? 'ok',
    request: request.request,
    exchange: { peer: step.author, id: step.nonce },
  };
}
