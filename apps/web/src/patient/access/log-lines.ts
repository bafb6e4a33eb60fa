import { type AuditEvent, checkLine, type GivenLine, type ProvenLine } from '@salus/client';
import type { SeenCheckpoint } from '@salus/wallet';
import type { LogPage } from './log-queries.ts';

/** A log that has no root for longer than this proves nothing; clocks differ by as much at most. */
const PENDING_MS_MAX = 10 * 60_000;

/** What a line says, and whether this device could prove it. */
export interface ShownLine {
  readonly line: GivenLine;
  readonly page: LogPage;
  /** Undefined where the text is none that a log holds. */
  readonly event: AuditEvent | undefined;
  /** `wrong` where anything in line or proof was changed, `told` where it fits together but only the node vouches for its end. */
  readonly state: 'proven' | 'told' | 'pending' | 'wrong';
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

/** Where a log that was read to its end lacks lines that there were: at the newest, or before the first of all. */
export function missingIn(pages: readonly LogPage[]): { readonly newest: boolean; readonly oldest: boolean } {
  const [first] = pages;
  const last = pages.at(-1);
  const ends = last?.lines.at(-1);
  return {
    newest: first !== undefined && (first.lines[0]?.pidSeq ?? 0) < first.known,
    oldest: ends === undefined ? (last?.before ?? 1) > 1 : ends.pidSeq !== 1,
  };
}

function stateOf(
  line: GivenLine,
  page: LogPage,
  { event, checking }: { readonly event: AuditEvent | undefined; readonly checking: Checking },
): ShownLine['state'] {
  const isNew = event !== undefined && Math.abs(checking.nowMs - event.atMs) < PENDING_MS_MAX;
  if (page.proof === null) return isNew ? 'pending' : 'wrong';
  return proveLine(line, page, checking)?.state ?? 'wrong';
}

/** Proves a line from what is at hand, without a network; undefined where it cannot be proven. */
export function proveLine(line: GivenLine, { proof, anchor }: LogPage, checking: Checking): ProvenLine | undefined {
  if (proof === null) return undefined;
  try {
    return checkLine(line, proof, { ...checking, anchor });
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
