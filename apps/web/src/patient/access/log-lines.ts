import { type AuditEvent, checkLine, type GivenLine, type ProvenLine } from '@salus/client';
import type { SeenCheckpoint } from '@salus/wallet';
import type { LogPage } from './log-queries.ts';

/** A log that has no root for longer than this proves nothing. */
const PENDING_MS_MAX = 10 * 60_000;

/** What a line says, and whether this device could prove it. */
export interface ShownLine {
  readonly line: GivenLine;
  readonly page: LogPage;
  /** Undefined where the text is none that a log holds. */
  readonly event: AuditEvent | undefined;
  /** `wrong` where anything in line or proof was changed. */
  readonly state: 'proven' | 'pending' | 'wrong';
  /** Lines are missing between the one above and this. */
  readonly gap: boolean;
}

export interface Checking {
  readonly network: string;
  readonly pid: string;
  readonly seen: SeenCheckpoint | null;
  readonly nowMs: number;
}

/** Checks each line by itself: one that was changed does not take the others with it. */
export function shownLines(pages: readonly LogPage[], checking: Checking): readonly ShownLine[] {
  let expected: number | undefined;
  return pages.flatMap((page) =>
    page.lines.map((line) => {
      const gap = expected !== undefined && line.pidSeq !== expected;
      expected = (line.pidSeq ?? 0) - 1;
      const event = eventOf(line);
      return { line, page, event, state: stateOf(line, page, { event, checking }), gap };
    }),
  );
}

function stateOf(
  line: GivenLine,
  page: LogPage,
  { event, checking }: { readonly event: AuditEvent | undefined; readonly checking: Checking },
): ShownLine['state'] {
  const isNew = event !== undefined && checking.nowMs - event.atMs < PENDING_MS_MAX;
  if (page.proof === null) return isNew ? 'pending' : 'wrong';
  return proveLine(line, page, checking)?.state ?? 'wrong';
}

/** Proves a line from what is at hand, without a network; undefined where it cannot be proven. */
export function proveLine(line: GivenLine, { proof }: LogPage, checking: Checking): ProvenLine | undefined {
  if (proof === null) return undefined;
  try {
    return checkLine(line, proof, checking);
  } catch {
    // Whatever is wrong with it, malformed or forged: it is not proven, and the page says so.
    return undefined;
  }
}

function eventOf({ text }: GivenLine): AuditEvent | undefined {
  try {
    const event = JSON.parse(text) as AuditEvent | null;
    return typeof event?.atMs === 'number' && typeof event.kind === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}
