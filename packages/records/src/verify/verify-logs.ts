import type { DatabaseSync } from 'node:sqlite';
import { type LogRootFact, logRootKey } from '@salus/contracts';
import { MerkleLog, sha256, toBase64url } from '@salus/crypto';
import { auditEntryHash } from '../audit-entry.ts';
import type { LedgerView } from '../ledger-view.ts';
import { treeLeaf } from '../record-tree.ts';
import { COVER_KIND, rowEntryHash } from '../row-entry.ts';
import { type LogName, STORED_LEVEL_MIN } from '../tree-log.ts';
import type { Report } from './finding.ts';

export interface LogContext {
  readonly database: DatabaseSync;
  readonly ledger: LedgerView;
  readonly organisation: string;
  readonly report: Report;
}

interface AuditRow {
  readonly seq: number;
  readonly pidToken: string | null;
  readonly pidSeq: number | null;
  readonly sealed: Uint8Array;
  readonly contentHash: string;
  readonly hash: string;
}

interface EntryRow {
  readonly seq: number;
  readonly kind: string;
  readonly rowKey: string;
  readonly rowHash: string | null;
  readonly hash: string;
}

/** Every event: chain, counters per patient, tree, and the root on the ledger. */
export async function verifyAuditLog(context: LogContext): Promise<void> {
  const { database, report } = context;
  const pidSeqs = new Map<string, number>();
  let previous: string | null = null;
  const tree = new TreeCheck(context, 'audit');
  await tree.start();
  for (const row of database.prepare('select * from "auditEvent" order by "seq"').iterate() as Iterable<AuditRow>) {
    const { seq, pidToken, pidSeq, contentHash } = row;
    const place = `auditEvent/${seq}`;
    tree.fillGap(seq, 'auditEvent');
    const expected = pidToken === null ? null : (pidSeqs.get(pidToken) ?? 0) + 1;
    const hash = auditEntryHash({ seq, previous, pidToken, pidSeq, contentHash, sealedHash: hashOf(row.sealed) });
    if (seq !== tree.size || hash !== row.hash || pidSeq !== expected) report.find('log-entry-changed', place);
    // Goes on from what the row says of itself: one changed row is one finding, not one for each after it.
    previous = row.hash;
    if (pidToken !== null && pidSeq !== null) pidSeqs.set(pidToken, pidSeq);
    tree.append(row.hash, place);
    report.seen.auditEvents += 1;
  }
  tree.end();
}

/** Every entry of the rows log; returns what counts for each key now: `kind` and row key to row hash. */
export async function verifyRowsLog(context: LogContext): Promise<ReadonlyMap<string, CoveredRow>> {
  const { database, report } = context;
  const covered = new Map<string, CoveredRow>();
  const tree = new TreeCheck(context, 'rows');
  await tree.start();
  for (const row of database.prepare('select * from "rowEntry" order by "seq"').iterate() as Iterable<EntryRow>) {
    const { seq, kind, rowKey, rowHash } = row;
    const place = `rowEntry/${seq}`;
    tree.fillGap(seq, 'rowEntry');
    if (seq !== tree.size || rowEntryHash(seq, kind, rowKey, rowHash) !== row.hash)
      report.find('log-entry-changed', place);
    if (kind !== COVER_KIND) covered.set(coveredName(kind, rowKey), { rowHash, seq });
    tree.append(row.hash, place);
    report.seen.rowEntries += 1;
  }
  tree.end();
  return covered;
}

export interface CoveredRow {
  readonly rowHash: string | null;
  readonly seq: number;
}

export function coveredName(kind: string, rowKey: string): string {
  return `${kind}/${rowKey}`;
}

/** Stands in a tree for an entry that is gone: its root is none that the ledger holds. */
const MISSING_HASH = toBase64url(new Uint8Array(32));

/** Builds a log's tree anew and compares it with the stored nodes and with the root on the ledger. */
class TreeCheck {
  readonly #context: LogContext;
  readonly #log: LogName;
  readonly #tree = new MerkleLog();
  readonly #nodes = new Map<string, string>();
  #rooted: LogRootFact | undefined;

  constructor(context: LogContext, log: LogName) {
    this.#context = context;
    this.#log = log;
  }

  get size(): number {
    return this.#tree.size;
  }

  async start(): Promise<void> {
    const { database, ledger, organisation } = this.#context;
    this.#rooted = (await ledger.get(logRootKey(organisation, this.#log))) as LogRootFact | undefined;
    const select = database.prepare('select "level", "position", "hash" from "logNode" where "log" = ?');
    for (const { level, position, hash } of select.iterate(this.#log)) {
      this.#nodes.set(`${String(level)}/${String(position)}`, String(hash));
    }
  }

  /** Names each entry that is missing before this one, and goes on behind it; as far as the ledger knows of entries. */
  fillGap(seq: number, table: string): void {
    if (seq > (this.#rooted?.size ?? 0)) return;
    while (this.#tree.size < seq) {
      const place = `${table}/${this.#tree.size}`;
      this.#find('log-entry-missing', place);
      this.append(MISSING_HASH, place);
    }
  }

  append(hash: string, place: string): void {
    const leaf = this.#leafOf(hash, place);
    for (const node of this.#tree.append(leaf)) {
      if (node.level < STORED_LEVEL_MIN) continue;
      const name = `${node.level}/${node.index}`;
      if (this.#nodes.get(name) !== toBase64url(node.hash))
        this.#find('log-node-changed', `logNode/${this.#log}/${name}`);
      this.#nodes.delete(name);
    }
    if (this.#tree.size === this.#rooted?.size && toBase64url(this.#tree.root()) !== this.#rooted.root) {
      this.#find('log-root-mismatch', `${this.#log} log up to entry ${this.#rooted.size - 1}`);
    }
  }

  end(): void {
    const { report } = this.#context;
    const rooted = this.#rooted?.size ?? 0;
    if (this.#tree.size < rooted) this.#find('log-cut', `${this.#log} log at entry ${this.#tree.size} of ${rooted}`);
    else report.notes.unrooted += this.#tree.size - rooted;
    for (const name of this.#nodes.keys()) this.#find('log-node-changed', `logNode/${this.#log}/${name}`);
  }

  /** A hash that is none was found already; its leaf is then one that no tree has. */
  #leafOf(hash: string, place: string): Uint8Array {
    try {
      return treeLeaf(hash);
    } catch {
      this.#find('log-entry-changed', place);
      return new Uint8Array(32);
    }
  }

  #find(code: Parameters<Report['find']>[0], place: string): void {
    this.#context.report.find(code, place);
  }
}

function hashOf(sealed: Uint8Array): string {
  return toBase64url(sha256(sealed));
}
