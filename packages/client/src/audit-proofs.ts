import { type LogRootFact, logRootKey } from '@salus/contracts';
import { fromBase64url, type Json, leafHash, type SignedCall, verifyCall, verifyInclusion } from '@salus/crypto';
import { type AuditEvent, auditContentHash, auditEntryHash, findEvent, type GivenLine } from './audit-line.ts';
import { ClientError } from './client-error.ts';
import { checkTransaction, type ProvenTransaction } from './ledger-proofs.ts';
import { type NodeSession, readState } from './session.ts';

/** Roots reach the ledger within a second; clocks differ by minutes. */
const PENDING_MS_MAX = 10 * 60_000;

/** A line whose proof was checked here. */
export interface CheckedLine {
  readonly seq: number;
  readonly pidSeq: number;
  /** Parsed from the very text that the log's hash covers. */
  readonly event: AuditEvent;
  /** As `ProvenLine` has it. */
  readonly proof: 'proven' | 'told' | 'pending';
  /** Whether the reader's own signature over the request was verified; null where an event has none. */
  readonly signedByReader: boolean | null;
}

/** Whether a committed call of the ledger wrote this root of an organisation's log; needs no network. @throws ClientError `proof-invalid` */
export function checkRoot(organisation: string, root: LogRootFact, found: ProvenTransaction): void {
  checkTransaction(found);
  const { writes = [] } = found.transaction.outcome as unknown as {
    readonly writes?: readonly (readonly [string, Json])[];
  };
  const written = writes.find(([key]) => key === logRootKey(organisation, 'audit'))?.[1] as LogRootFact | undefined;
  const same = written !== undefined && written.size === root.size && written.root === root.root;
  demand(
    same && found.transaction.callId === root.call,
    'The ledger does not hold the audit root that the node shows.',
  );
}

/**
 * Checks the lines of one pid, newest first: each is the text that the log holds at its place, and their counter runs
 * down without a gap, so that none was left out between the first and the last.
 *
 * @throws ClientError `proof-invalid`
 */
export async function checkLines(
  session: NodeSession,
  lines: readonly GivenLine[],
  {
    root,
    isAnchored,
    pid,
    before,
    nowMs,
  }: {
    readonly nowMs: number;
    /** As `checkLogProof` found it. */
    readonly root: LogRootFact | undefined;
    readonly isAnchored: boolean;
    readonly pid: string;
    readonly before: number | undefined;
  },
): Promise<readonly CheckedLine[]> {
  const checked: CheckedLine[] = [];
  const keys = new Map<string, string | undefined>();
  let expected = before === undefined ? undefined : before - 1;
  demand(lines.length > 0 || expected === undefined || expected === 0, `Line ${expected} of your log is missing.`);
  for (const line of lines) {
    const { seq, pidSeq, text } = line;
    demand(
      pidSeq !== null && (expected === undefined || pidSeq === expected),
      `Line ${expected} of your log is missing.`,
    );
    expected = pidSeq - 1;
    const event = findEvent(text);
    demand(event?.pid === pid, `Line ${pidSeq} of your log is about somebody else.`);
    const signedByReader = await checkReader(session, event, keys);
    const place = checkPlace(line, { root, nowMs, atMs: event.atMs });
    checked.push({ seq, pidSeq, event, proof: place === 'proven' && !isAnchored ? 'told' : place, signedByReader });
  }
  return checked;
}

/** Whether the log holds this very text at its place; needs no network. @throws ClientError `proof-invalid` */
export function checkPlace(
  line: GivenLine,
  { root, atMs, nowMs }: { readonly root: LogRootFact | undefined; readonly atMs: number; readonly nowMs: number },
): 'proven' | 'pending' {
  const { seq, previous, pidToken, pidSeq, sealedHash, text, proof } = line;
  if (root === undefined || seq >= root.size) {
    // A node that shows an old root for ever, or dates a line into the future, proves nothing any more.
    demand(Math.abs(nowMs - atMs) < PENDING_MS_MAX, `Line ${pidSeq} of your log has waited too long for its proof.`);
    return 'pending';
  }
  demand(proof !== null && proof.index === seq && proof.size === root.size, `Line ${pidSeq} of your log has no proof.`);
  const hash = auditEntryHash({ seq, previous, pidToken, pidSeq, contentHash: auditContentHash(text), sealedHash });
  const holds = verifyInclusion({
    leafHash: leafHash(fromBase64url(hash)),
    index: seq,
    size: root.size,
    proof: proof.proof.map(fromBase64url),
    root: fromBase64url(root.root),
  });
  demand(holds, `Line ${pidSeq} of your log is not what the ledger’s root covers.`);
  return 'proven';
}

/** The reader's request is signed by the key that the ledger lists for who is said to have read. */
async function checkReader(
  session: NodeSession,
  { request, who }: AuditEvent,
  keys: Map<string, string | undefined>,
): Promise<boolean | null> {
  if (request === null || who?.kind !== 'member') return null;
  const { signer } = request.payload;
  if (signer !== `id:${who.id}`) return null;
  if (!keys.has(who.id)) {
    const fact = await readState<{ readonly publicKey: string }>(session, `membership/identity/${who.id}`);
    keys.set(who.id, fact?.publicKey);
  }
  const publicKey = keys.get(who.id);
  return publicKey !== undefined && verifyCall(request as unknown as SignedCall, publicKey);
}

function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new ClientError('proof-invalid', problem);
}
