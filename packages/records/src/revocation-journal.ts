import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  callKey,
  type GrantFact,
  grantKey,
  type IdentityFact,
  identityKey,
  type Json,
  LEAF_PREFIX,
  type LeafFact,
  type SignedCall,
} from '@salus/contracts';
import { CryptoError, canonical, parseJson } from '@salus/crypto';
import type { Ledger, TransactionView } from '@salus/ledger';
import { isDistrusted } from './distrusted.ts';
import { idOfCall } from './node-call.ts';
import { makeDurableDirectory } from './packs.ts';
import { RecordsError } from './records-error.ts';

export const JOURNAL_VERSION = 'salus:revocations:v1';
/** Bytes of one journal; at about 800 a revocation, room for a million. */
export const JOURNAL_BYTES_MAX = 1024 * 1024 * 1024;
/** Blocks after which the place is noted even where nothing was revoked, so that a start looks at few blocks. */
const PLACE_INTERVAL = 1_000;

type JournalEntry =
  /** `consent.revoke` never lapses: it can be sent again as it is. */
  | { readonly kind: 'revocation'; readonly block: number; readonly call: SignedCall }
  /** `leaves`: the state keys `leaf/<key id>/<leaf hash>`. */
  | { readonly kind: 'erasure'; readonly block: number; readonly leaves: readonly string[] }
  | { readonly kind: 'member'; readonly block: number; readonly id: string }
  | { readonly kind: 'place'; readonly block: number };

export interface JournalParts {
  readonly ledger: Ledger;
  /** Told what the ledger distrusts: it is neither noted nor brought back. */
  readonly onFailure: (error: unknown) => void;
}

export interface Replay {
  /** Revocations that the ledger did not hold and holds now. */
  readonly replayed: number;
  /** State keys of leaves whose erasure the ledger does not hold: their bytes must go again, and their owners be asked to sign again. */
  readonly erased: readonly string[];
  /** Ids of members whose revocation only their administrator can sign again; and of revocations of grants that live on, whose call is distrusted. */
  readonly outstanding: readonly string[];
}

/**
 * What was taken back, kept outside the data directory beside the checkpoint: whoever restores an older backup finds
 * there what must not come alive again (DESIGN §6). It follows the ledger's blocks and holds only what stands in them.
 */
export class RevocationJournal implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #ledger: Ledger;
  readonly #onFailure: (error: unknown) => void;
  readonly #entries: JournalEntry[];
  #place: number;
  #following: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(file: FileHandle, parts: JournalParts, entries: readonly JournalEntry[]) {
    this.#file = file;
    this.#ledger = parts.ledger;
    this.#onFailure = parts.onFailure;
    this.#entries = [...entries];
    this.#place = entries.at(-1)?.block ?? -1;
  }

  /**
   * Brings the ledger back what it does not hold any more. Call it before anything is released, at every start: on a
   * ledger that was not rolled back it finds nothing to do. A refusal throws `ledger-refused`.
   */
  async replay(): Promise<Replay> {
    let replayed = 0;
    const erased: string[] = [];
    const outstanding = new Set<string>();
    for (const entry of this.#entries) {
      switch (entry.kind) {
        case 'revocation':
          switch (await this.#bringBack(entry.call)) {
            case 'replayed':
              replayed += 1;
              break;
            case 'alive':
              outstanding.add(idOfCall(entry.call));
              break;
            case 'settled':
              break;
          }
          break;
        case 'erasure':
          for (const leaf of entry.leaves) if ((await this.#isErased(leaf)) === false) erased.push(leaf);
          break;
        case 'member':
          if (await this.#isActive(entry.id)) outstanding.add(entry.id);
          else outstanding.delete(entry.id);
          break;
        case 'place':
          break;
      }
    }
    return { replayed, erased, outstanding: [...outstanding] };
  }

  /** Notes what the ledger's blocks take back, from where the journal stands, until it is closed. */
  follow(onFailure: (error: unknown) => void): void {
    this.#following ??= this.#follow().catch(onFailure);
  }

  /** Notes everything up to the ledger's present height. */
  async catchUp(): Promise<void> {
    const height = await this.#ledger.height();
    for (let number = this.#firstBlock(height); number <= height; number += 1) {
      const block = await this.#ledger.block(number);
      if (block !== undefined) await this.#note(number, block.transactions);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    if (this.#entries.at(-1)?.block !== this.#place && this.#place >= 0) {
      await this.#append([{ kind: 'place', block: this.#place }]);
    }
    await this.#file.close();
  }

  async #follow(): Promise<void> {
    const from = this.#firstBlock(await this.#ledger.height());
    for await (const { header, transactions } of this.#ledger.follow(from, this.#stop.signal)) {
      await this.#note(header.number, transactions);
    }
  }

  /** After a rollback the numbers start again below the journal's place. */
  #firstBlock(height: number): number {
    return Math.min(this.#place, height) + 1;
  }

  async #note(block: number, transactions: readonly TransactionView[]): Promise<void> {
    const entries: JournalEntry[] = [];
    for (const entry of transactions.flatMap((transaction) => entriesOf(block, transaction))) {
      entries.push(entry.kind === 'erasure' ? { ...entry, leaves: await this.#erasedOf(entry.leaves) } : entry);
    }
    if (entries.length > 0) await this.#append(entries);
    else if (block - (this.#entries.at(-1)?.block ?? 0) >= PLACE_INTERVAL)
      await this.#append([{ kind: 'place', block }]);
    this.#place = block;
  }

  async #append(entries: readonly JournalEntry[]): Promise<void> {
    const text = entries
      .map((entry) => `${canonical({ version: JOURNAL_VERSION, ...entry } as unknown as Json)}\n`)
      .join('');
    await this.#file.appendFile(text);
    await this.#file.datasync();
    this.#entries.push(...entries);
  }

  async #submitAgain(call: SignedCall): Promise<boolean> {
    if ((await this.#ledger.get(callKey(idOfCall(call)))) !== undefined) return false;
    const outcome = await this.#ledger.submit(call);
    if (outcome.kind === 'committed') return true;
    // A pid that the rolled-back ledger does not know has no grants to take back.
    if (outcome.code === 'signer-unknown' || outcome.code === 'patient-unknown') return false;
    throw new RecordsError('ledger-refused', 'the ledger refused a known revocation', { detail: outcome.code });
  }

  /** A grant whose state is distrusted releases nothing; one that lives on after a distrusted revocation must not. */
  async #bringBack(call: SignedCall): Promise<'replayed' | 'settled' | 'alive'> {
    try {
      return (await this.#submitAgain(call)) ? 'replayed' : 'settled';
    } catch (error) {
      // A guardian whose time is over signs nothing again: the grant must not live on unseen.
      const isOver = error instanceof RecordsError && error.detail === 'guardian-ended';
      if (!isOver && !isDistrusted(error)) throw error;
      this.#onFailure(error);
    }
    const { signer, args } = call.payload;
    const [pid = ''] = signer.slice('pid:'.length).split('/');
    const { grant } = args as { readonly grant: string };
    const fact = await this.#find<GrantFact>(grantKey(pid, grant));
    return fact === 'distrusted' || fact?.status === 'revoked' ? 'settled' : 'alive';
  }

  /** Leaves that the ledger's state, too, says are erased. */
  async #erasedOf(leaves: readonly string[]): Promise<readonly string[]> {
    const erased: string[] = [];
    for (const leaf of leaves) if ((await this.#isErased(leaf)) === true) erased.push(leaf);
    return erased;
  }

  /** Undefined where the leaf is distrusted: no byte goes because of it. */
  async #isErased(key: string): Promise<boolean | undefined> {
    const fact = await this.#find<LeafFact>(key);
    return fact === 'distrusted' ? undefined : fact?.status === 'erased';
  }

  /** Nothing is released to a member whose identity is distrusted. */
  async #isActive(id: string): Promise<boolean> {
    const identity = await this.#find<IdentityFact>(identityKey(id));
    return identity !== 'distrusted' && identity?.status === 'active';
  }

  async #find<Fact>(key: string): Promise<Fact | 'distrusted' | undefined> {
    try {
      return (await this.#ledger.get(key)) as Fact | undefined;
    } catch (error) {
      if (!isDistrusted(error)) throw error;
      this.#onFailure(error);
      return 'distrusted';
    }
  }
}

/** Opens or makes a journal; a torn last line, from a crash, is cut off, since the ledger still has what it said. */
export async function openRevocationJournal(path: string, parts: JournalParts): Promise<RevocationJournal> {
  await makeDurableDirectory(dirname(path));
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    if (size > JOURNAL_BYTES_MAX)
      throw new RecordsError('too-large', `a journal has at most ${JOURNAL_BYTES_MAX} bytes`);
    const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
    const end = buffer.lastIndexOf('\n') + 1;
    if (end < size) await file.truncate(end);
    const lines = buffer.toString('utf8', 0, end).split('\n').slice(0, -1);
    return new RevocationJournal(file, parts, lines.map(parseEntry));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function parseEntry(line: string): JournalEntry {
  try {
    const { version, ...entry } = parseJson(line) as { readonly [name: string]: Json };
    if (version === JOURNAL_VERSION && typeof entry.block === 'number') return entry as unknown as JournalEntry;
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
  }
  throw new RecordsError('corrupt', 'the journal of revocations has a line that is none');
}

function entriesOf(block: number, { call, outcome }: TransactionView): readonly JournalEntry[] {
  if (outcome.kind !== 'committed') return [];
  const { contract, transaction, args } = call.payload;
  switch (`${contract}.${transaction}`) {
    case 'consent.revoke':
      return [{ kind: 'revocation', block, call }];
    case 'membership.revoke':
      return [{ kind: 'member', block, id: (args as { readonly id: string }).id }];
    case 'record.erase':
    case 'record.approveErasure': {
      const leaves = outcome.writes.flatMap(([key]) => (key.startsWith(LEAF_PREFIX) ? [key] : []));
      return [{ kind: 'erasure', block, leaves }];
    }
    default:
      return [];
  }
}
