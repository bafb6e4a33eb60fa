import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type IdentityFact, identityKey, type Json } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import {
  type Checkpoint,
  type CheckpointReport,
  FABRIC_BLOCK_VERSION,
  type FabricBlockHeader,
  FINDINGS_MAX,
  type Finding,
  hashFabricHeader,
  LedgerError,
  type VerifyReport,
  verifyCheckpointSignature,
} from '@salus/ledger';
import {
  nextCommitment,
  openReadOnly,
  placeOf,
  positionOf,
  readCheckpointFile,
  rootOf,
  textLeaf,
  viewOf,
  writesText,
} from '@salus/ledger/store';

export type ReplicaReport = Omit<VerifyReport, 'head'> & {
  readonly head: { readonly network: string; readonly number: number; readonly hash: string } | undefined;
  /** Blocks that hold what no call justifies, or an import's marks: their write sets stand with the peers. */
  readonly alarms: number;
};

export type ReplicaOptions = {
  readonly checkpointFile?: string | undefined;
  readonly checkpoints?: readonly Checkpoint[] | undefined;
  readonly onProgress?: (progress: {
    readonly transactions: number;
    readonly block: number;
    readonly head: number;
  }) => void;
};

const LAST_PLACE = 65_535;

/**
 * Checks a node's replica, or a copy of it, by itself, without changing it and without any secret: the chain of Fabric's
 * headers, the roots over calls and write sets, the state commitments, and that state and history hold exactly what the
 * calls wrote. Whether the calls are those of the channel, a peer's block files tell: `verifyPeer`. Damage is reported, not
 * thrown; `not-a-ledger` only when there is no file.
 */
export function verifyReplica(file: string, options: ReplicaOptions = {}): ReplicaReport {
  const startMs = performance.now();
  if (!existsSync(file)) throw new LedgerError('not-a-ledger', 'there is no ledger file');
  const check = new ReplicaCheck();
  // Before the file is looked at: the node may be running, and what it vouched for until now must be there.
  const vouched = options.checkpointFile === undefined ? [] : readCheckpointFile(options.checkpointFile);
  const known = [...vouched.map(({ checkpoint }) => checkpoint), ...(options.checkpoints ?? [])];
  try {
    using database = openReadOnly(file);
    // One state of the file throughout.
    database.exec('BEGIN');
    check.run(database, known, options.onProgress);
  } catch (error) {
    if (!(error instanceof Error && (error as { readonly code?: unknown }).code === 'ERR_SQLITE_ERROR')) throw error;
    check.tell({ code: 'unreadable', message: 'SQLite cannot read the file to its end' });
  }
  return { ...check.report(), durationMs: performance.now() - startMs };
}

type Row = readonly unknown[];

class ReplicaCheck {
  readonly #findings: Finding[] = [];
  readonly #hashes: string[] = [];
  #head: ReplicaReport['head'];
  #checkpoint: CheckpointReport = { kind: 'absent' };
  #transactions = 0;
  #signatures = 0;
  #versions = 0;
  #alarms = 0;

  tell(finding: Finding): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }

  report(): Omit<ReplicaReport, 'durationMs'> {
    return {
      ...{ findings: this.#findings, checkpoint: this.#checkpoint, head: this.#head, alarms: this.#alarms },
      ...{ blocks: this.#hashes.length, transactions: this.#transactions, signatures: this.#signatures },
      ...{ versions: this.#versions, reexecuted: 0, otherVersion: 0 },
    };
  }

  run(database: DatabaseSync, known: readonly Checkpoint[], onProgress: ReplicaOptions['onProgress']): void {
    const beside = this.#besides(database);
    this.#alarms = beside.size;
    const bodies = database.prepare('SELECT position, text FROM body WHERE position BETWEEN ? AND ? ORDER BY position');
    const version = database.prepare(
      'SELECT value FROM state WHERE key = ?1 AND position = ?2 UNION ALL SELECT value FROM history WHERE key = ?1 AND position = ?2',
    );
    const [last] = rowsOf(database, 'SELECT max(number) FROM block')[0] ?? [];
    let previous: FabricBlockHeader | undefined;
    for (const row of database.prepare('SELECT number, header FROM block ORDER BY number').iterate()) {
      const [number, text] = row as unknown as Row;
      const header = this.#header(Number(number), String(text), previous);
      if (header === undefined) return;
      const stored = rowsIn(bodies, positionOf(header.number, 0), positionOf(header.number, LAST_PLACE));
      const leaves = this.#bodies(header, stored, (key, position) => rowsIn(version, key, position)[0]);
      this.#roots(header, previous, { leaves, isWhole: !beside.has(header.number) });
      this.#hashes.push(hashFabricHeader(header));
      this.#head = { network: header.network, number: header.number, hash: this.#hashes.at(-1)! };
      previous = header;
      onProgress?.({ transactions: this.#transactions, block: header.number, head: Number(last ?? 0) });
    }
    this.#strays(database);
    this.#compareCheckpoints(database, known);
  }

  /** Blocks with writes that are no call's. */
  #besides(database: DatabaseSync): ReadonlySet<number> {
    const blocks = new Set<number>();
    const stray = `SELECT DISTINCT v.position FROM (SELECT position FROM state UNION ALL SELECT position FROM history) AS v
      LEFT JOIN body ON body.position = v.position WHERE body.position IS NULL`;
    for (const [position] of rowsOf(database, stray)) blocks.add(placeOf(Number(position)).block);
    return blocks;
  }

  #header(number: number, text: string, previous: FabricBlockHeader | undefined): FabricBlockHeader | undefined {
    const place = { table: 'block', block: number } as const;
    const header = parseHeader(text);
    if (header === undefined) {
      this.tell({ code: 'header', message: 'the header is malformed or not canonical', ...place });
      return undefined;
    }
    const follows =
      previous === undefined
        ? number === 0
        : number === previous.number + 1 &&
          header.previousHash === hashFabricHeader(previous) &&
          header.network === previous.network &&
          header.timestampMs >= previous.timestampMs;
    if (header.number !== number || !follows) {
      this.tell({ code: 'header', message: 'the header does not continue the one before', ...place });
    }
    return header;
  }

  /** Each call's text, its id and what it wrote; returns the leaves of both trees. */
  #bodies(
    header: FabricBlockHeader,
    stored: readonly Row[],
    find: (key: string, position: number) => Row | undefined,
  ): { readonly bodies: readonly Uint8Array[]; readonly writes: readonly Uint8Array[] } {
    const [bodies, writes]: [Uint8Array[], Uint8Array[]] = [[], []];
    for (const [at, [position, text]] of stored.entries()) {
      const place = { table: 'body', block: header.number, index: at } as const;
      this.#transactions += 1;
      bodies.push(textLeaf(String(text)));
      const written = writesOf(String(text), header.number, at);
      if (written === undefined || Number(position) !== positionOf(header.number, at)) {
        this.tell({ code: 'transaction', message: 'the call is malformed or out of its place', ...place });
        continue;
      }
      const texts = written.map(([key, value]) => [key, value === null ? null : canonical(value)] as const);
      writes.push(textLeaf(writesText(texts)));
      for (const [key, value] of texts) {
        this.#versions += 1;
        const row = find(key, Number(position));
        if (row === undefined) this.tell({ code: 'version-missing', message: 'a write is in no table', ...place, key });
        else if (row[0] !== value) {
          this.tell({
            code: 'version-unexpected',
            message: 'a version has another value than its call wrote',
            ...place,
            key,
          });
        }
      }
    }
    return { bodies, writes };
  }

  #roots(
    header: FabricBlockHeader,
    previous: FabricBlockHeader | undefined,
    about: {
      readonly leaves: { readonly bodies: readonly Uint8Array[]; readonly writes: readonly Uint8Array[] };
      readonly isWhole: boolean;
    },
  ): void {
    const { bodies, writes } = about.leaves;
    const place = { table: 'block', block: header.number } as const;
    if (bodies.length !== header.count) {
      this.tell({ code: 'transaction-missing', message: `the header counts ${header.count} calls`, ...place });
    }
    if (rootOf(bodies) !== header.transactionsRoot) {
      this.tell({ code: 'transactions-root', message: 'the calls do not have the header’s root', ...place });
    }
    if (about.isWhole && rootOf(writes) !== header.writesRoot) {
      this.tell({ code: 'writes-root', message: 'the write sets do not have the header’s root', ...place });
    }
    if (
      previous !== undefined &&
      nextCommitment(previous.stateCommitment, header.writesRoot) !== header.stateCommitment
    ) {
      this.tell({ code: 'state-commitment', message: 'the state does not follow from the block before', ...place });
    }
  }

  /** Versions that no call wrote, and those in the wrong table. */
  #strays(database: DatabaseSync): void {
    const [[stored] = [0]] = rowsOf(database, 'SELECT (SELECT count(*) FROM state) + (SELECT count(*) FROM history)');
    const [[beside] = [0]] = rowsOf(
      database,
      `SELECT count(*) FROM (SELECT position FROM state UNION ALL SELECT position FROM history) AS v
       LEFT JOIN body ON body.position = v.position WHERE body.position IS NULL`,
    );
    if (Number(stored) !== this.#versions + Number(beside)) {
      this.tell({ code: 'version-unexpected', message: 'the tables hold versions that no call wrote', table: 'state' });
    }
    const misplaced = 'SELECT h.key FROM history AS h JOIN state AS s ON s.key = h.key WHERE h.position >= s.position';
    for (const [key] of rowsOf(database, misplaced).slice(0, FINDINGS_MAX)) {
      this.tell({
        code: 'version-order',
        message: 'an old version stands as the newest',
        table: 'state',
        key: String(key),
      });
    }
  }

  #compareCheckpoints(database: DatabaseSync, known: readonly Checkpoint[]): void {
    if (known.length === 0) return;
    const identity = database.prepare(
      'SELECT value FROM state WHERE key = ?1 UNION ALL SELECT value FROM history WHERE key = ?1',
    );
    for (const checkpoint of known) {
      const { number, hash, network } = checkpoint;
      if (network !== this.#head?.network || this.#hashes[number] !== hash) {
        const message = `a checkpoint vouches for another block ${number}, or one that was cut off`;
        this.tell({ code: 'checkpoint', message, table: 'block', block: number });
        continue;
      }
      for (const [at, { id }] of checkpoint.signatures.entries()) {
        // A renewed identity may have another key since.
        const facts = rowsIn(identity, identityKey(id)).map(([value]) => JSON.parse(String(value)) as IdentityFact);
        if (facts.some(({ publicKey }) => verifyCheckpointSignature(checkpoint, at, publicKey))) this.#signatures += 1;
        else
          this.tell({
            code: 'checkpoint-signature',
            message: 'a checkpoint is not signed by its member',
            block: number,
          });
      }
    }
    const newest = Math.max(...known.map(({ number }) => number));
    this.#checkpoint = { kind: 'compared', compared: known.length, newest, signatures: this.#signatures };
  }
}

function parseHeader(text: string): FabricBlockHeader | undefined {
  try {
    const header = JSON.parse(text) as FabricBlockHeader;
    const isHeader = header?.version === FABRIC_BLOCK_VERSION && canonical(header as unknown as Json) === text;
    return isHeader ? header : undefined;
  } catch {
    return undefined; // No JSON, or none with a canonical form.
  }
}

function writesOf(text: string, block: number, index: number): readonly (readonly [string, Json | null])[] | undefined {
  try {
    const { outcome } = viewOf(text, block, index);
    return outcome.kind === 'committed' ? outcome.writes : [];
  } catch {
    return undefined; // No JSON, or no call.
  }
}

function rowsOf(database: DatabaseSync, sql: string): readonly Row[] {
  return rowsIn(database.prepare(sql));
}

/** Rows as arrays: how `openReadOnly` reads. */
function rowsIn(statement: ReturnType<DatabaseSync['prepare']>, ...parameters: (string | number)[]): readonly Row[] {
  return statement.all(...parameters) as unknown as readonly Row[];
}
