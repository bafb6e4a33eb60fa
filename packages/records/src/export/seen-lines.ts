import { fromBase64url } from '@salus/crypto';
import type { Attachments } from '../attachments.ts';
import type { CompartmentParts } from '../compartment.ts';
import type { Sight } from '../sight.ts';
import type { StoredRecord } from '../vault-types.ts';
import { contentsOf, type SealedLines } from './export-job.ts';
import { type NamedLine, parseLine } from './export-line.ts';
import { exportable } from './exportable.ts';
import { linesOf } from './line-file.ts';

/** Lines that are decided together. */
const LINES_AT_ONCE = 500;

type Parts = Pick<CompartmentParts, 'guard' | 'rows'> & { readonly files: Pick<Attachments, 'read'> };

/** A line that may be seen, with the version that it is of. */
export interface SeenLine {
  readonly record: StoredRecord;
  readonly line: string;
  readonly named: NamedLine;
}

/**
 * What lies written, some lines at a time and each decided again: what the caller may not see any more, or what was hidden
 * or erased since, is left out. `count` is how many there were. Throws as `Attachments.read` where bytes were lost or changed.
 */
export async function* seenLines(
  parts: Parts,
  sight: Sight,
  written: Pick<SealedLines, 'content' | 'more'>,
): AsyncGenerator<{ readonly count: number; readonly seen: readonly SeenLine[] }> {
  let gathered: string[] = [];
  for (const content of contentsOf(written)) {
    for await (const line of linesOf(parts.files.read({ ...content, key: fromBase64url(content.key) }))) {
      gathered.push(line);
      if (gathered.length < LINES_AT_ONCE) continue;
      yield { count: gathered.length, seen: await decide(parts, sight, gathered) };
      gathered = [];
    }
  }
  if (gathered.length > 0) yield { count: gathered.length, seen: await decide(parts, sight, gathered) };
}

/** Those of the lines that may be seen now. */
export async function stillSeen(parts: Parts, sight: Sight, lines: readonly string[]): Promise<readonly string[]> {
  const left: string[] = [];
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    const seen = await decide(parts, sight, lines.slice(at, at + LINES_AT_ONCE));
    left.push(...seen.map(({ line }) => line));
  }
  return left;
}

async function decide(parts: Parts, sight: Sight, lines: readonly string[]): Promise<readonly SeenLine[]> {
  const all = lines.map((line) => ({ line, named: parseLine(line) }));
  const latest = await parts.rows.findRecords(all.map(({ named }) => named.recordId));
  const written = new Map<string, StoredRecord>();
  for (const { named } of all) {
    const { recordId, version } = named;
    const found = latest.get(recordId);
    if (found === undefined) continue;
    const record = found.version === version ? found : await parts.rows.findRecord(recordId, version);
    if (record !== undefined) written.set(`${recordId} ${version}`, record);
  }
  // Hidden, erased or labelled higher since: the latest version decides as well.
  const seen = new Set(await exportable(parts, sight, [...new Set([...latest.values(), ...written.values()])]));
  return all.flatMap(({ line, named }) => {
    const record = written.get(`${named.recordId} ${named.version}`);
    const isSeen = record !== undefined && seen.has(record) && seen.has(latest.get(named.recordId)!);
    return isSeen ? [{ record, line, named }] : [];
  });
}
