import { type BatchFact, type KeyFact, keyKey, type LeafFact, leafKey, type TableFact } from '@salus/contracts';
import { CryptoError, verifyInclusion } from '@salus/crypto';
import { PAIRS } from '@salus/fhir';
import { pairHash } from '../epoch-table.ts';
import { type LedgerView, listUnder } from '../ledger-view.ts';
import { recordLeafHash, treeLeaf, treeRoot } from '../record-tree.ts';
import { RecordsError, type RecordsErrorCode } from '../records-error.ts';
import type { Owner, PairOpening } from '../vault-types.ts';
import type { ManifestLeaf, ManifestPage, ManifestTree, ReleasedFacts } from './exchange-peer.ts';
import type { PairIndex } from './release-rules.ts';

/** Epochs of one owner, and batches of one key, that a receiver looks through. */
export const EPOCHS_MAX = 100_000;
export const BATCHES_PER_KEY_MAX = 100_000;
/** State keys asked for at once. */
const STATES_AT_ONCE = 500;
/**
 * The ledger goes on while a manifest is made and read. Only what is wrong twice in a row, for the same thing, cannot be
 * explained by that; so often it may be something new each time.
 */
export const MANIFEST_TRIES_MAX = 5;

/** A record that the receiver knows to be the current version, from its own view of the ledger. */
export interface ChartRecord extends ReleasedFacts {
  readonly keyId: string;
  readonly epoch: number;
  readonly callId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly pair: PairIndex;
}

/** What became of the leaves of one granted pair, over all epochs. */
export interface ChartPair {
  readonly category: string;
  readonly labelClass: string;
  readonly released: number;
  /** Current, but withheld by the terms' narrowing: the wallet can check how many. */
  readonly withheld: number;
  /** No longer current. */
  readonly ended: number;
  /** `complete`: every current record is there, proven. */
  readonly state: 'complete' | 'narrowed';
}

export interface Chart {
  readonly records: ReadonlyMap<string, ChartRecord>;
  readonly pairs: readonly ChartPair[];
}

export interface ChartQuestion {
  readonly owner: Owner;
  readonly pairs: readonly PairIndex[];
  /** Do the terms narrow inside a pair? */
  readonly narrowed: boolean;
  readonly ledger: LedgerView;
  /** Asks the author's node for all pages anew. */
  ask(): Promise<ManifestPage>;
}

type Suspicion = { readonly code: RecordsErrorCode; readonly about: string };
type Suspicions = Map<string, Suspicion>;

/**
 * Asks for a manifest and checks it against the receiver's own view of the ledger until one try is beyond suspicion.
 * Throws, with what it is about as detail: `omitted-record`, `superseded-served`, `tombstoned-served`, `erased-served`,
 * `proof-invalid`, `key-mismatch`.
 */
export async function askChart(question: ChartQuestion): Promise<Chart> {
  let before: Suspicions = new Map();
  for (let attempt = 1; ; attempt += 1) {
    const { chart, suspicions } = await checkAnswer(question, await question.ask());
    if (suspicions.size === 0) return chart;
    const [certain] = [...suspicions].filter(([name]) => before.has(name) || attempt === MANIFEST_TRIES_MAX);
    if (certain !== undefined) {
      const [, { code, about }] = certain;
      throw new RecordsError(code, `the author's node does not show what the ledger holds: ${about}`);
    }
    before = suspicions;
  }
}

/** As `checkManifest`; an answer that has not even the shape of one proves nothing. */
async function checkAnswer(
  question: ChartQuestion,
  page: ManifestPage,
): Promise<{ readonly chart: Chart; readonly suspicions: Suspicions }> {
  try {
    return await checkManifest(question, page);
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new RecordsError('proof-invalid', "the author's node sent a malformed manifest", { cause });
  }
}

async function checkManifest(
  question: ChartQuestion,
  page: ManifestPage,
): Promise<{ readonly chart: Chart; readonly suspicions: Suspicions }> {
  const suspicions: Suspicions = new Map();
  const suspect = (code: RecordsErrorCode, about: string): void => {
    suspicions.set(`${code} ${about}`, { code, about });
  };
  const openings = await checkOpenings(question, page.pairs, suspect);
  const trees = await checkTrees(question, { openings, trees: page.trees, suspect });
  const records = new Map<string, ChartRecord>();
  const counts = new Map<PairIndex, { released: number; withheld: number; ended: number }>();
  for (const pair of question.pairs) counts.set(pair, { released: 0, withheld: 0, ended: 0 });
  for (const { opening, tree, states } of trees) {
    const count = counts.get(opening.pair);
    if (count === undefined) continue;
    tree.leaves.forEach((leaf, leafIndex) => {
      const fate = checkLeaf({
        leaf,
        keyId: tree.keyId,
        state: states[leafIndex],
        mayWithhold: question.narrowed,
        suspect,
      });
      if (fate === undefined) return;
      count[fate] += 1;
      if (fate !== 'released' || leaf.record === undefined) return;
      if (records.has(leaf.record.recordId)) suspect('superseded-served', `record ${leaf.record.recordId}`);
      const { keyId, callId } = tree;
      const place = { keyId, callId, leafIndex, leafHash: leaf.leafHash, pair: opening.pair, epoch: opening.epoch };
      records.set(leaf.record.recordId, { ...leaf.record, ...place });
    });
  }
  const pairs = question.pairs.map((pair): ChartPair => {
    const count = counts.get(pair) ?? { released: 0, withheld: 0, ended: 0 };
    const { category, labelClass } = PAIRS[pair] ?? { category: '', labelClass: '' };
    return { category, labelClass, ...count, state: question.narrowed ? 'narrowed' : 'complete' };
  });
  return { chart: { records, pairs }, suspicions };
}

type Suspect = (code: RecordsErrorCode, about: string) => void;

/** Every granted pair of every epoch that the ledger knows, opened against the epoch's table. */
async function checkOpenings(
  { owner, pairs, ledger }: ChartQuestion,
  openings: readonly PairOpening[],
  suspect: Suspect,
): Promise<ReadonlyMap<string, PairOpening>> {
  const tables = new Map<number, TableFact>();
  for (const { key, value } of await listUnder(ledger, tablePrefix(owner), EPOCHS_MAX)) {
    tables.set(Number(key.slice(tablePrefix(owner).length)), value as TableFact);
  }
  const byPlace = new Map<string, PairOpening>();
  for (const opening of openings) {
    const name = `${opening.epoch}/${opening.pair}`;
    const isSound = isOpeningSound(opening, owner, tables.get(opening.epoch)) && !byPlace.has(name);
    if (isSound) byPlace.set(name, opening);
    else suspect('proof-invalid', `opening of pair ${name}`);
  }
  const byKey = new Map<string, PairOpening>();
  for (const epoch of tables.keys()) {
    for (const pair of pairs) {
      const opening = byPlace.get(`${epoch}/${pair}`);
      if (opening === undefined) suspect('omitted-record', `pair ${epoch}/${pair}`);
      else byKey.set(opening.keyId, opening);
    }
  }
  return byKey;
}

function isOpeningSound(opening: PairOpening, owner: Owner, table: TableFact | undefined): boolean {
  const named = PAIRS[opening.pair];
  if (table === undefined || named === undefined || opening.owner !== owner) return false;
  if (opening.category !== named.category || opening.labelClass !== named.labelClass) return false;
  const leafHash = treeLeaf(pairHash(opening));
  return verifyInclusion({ leafHash, index: opening.pair, size: table.size, proof: opening.proof, root: table.root });
}

interface CheckedTree {
  readonly opening: PairOpening;
  readonly tree: ManifestTree;
  /** What the ledger says of each leaf; undefined: current. */
  readonly states: readonly (LeafFact | undefined)[];
}

/** All batches that the ledger has under each key, and no other, with all their leaves. */
async function checkTrees(
  { owner, ledger }: ChartQuestion,
  {
    openings,
    trees,
    suspect,
  }: {
    readonly openings: ReadonlyMap<string, PairOpening>;
    readonly trees: readonly ManifestTree[];
    readonly suspect: Suspect;
  },
): Promise<readonly CheckedTree[]> {
  const shown = new Map<string, ManifestTree>();
  for (const tree of trees) shown.set(`${tree.keyId}/${tree.callId}`, tree);
  const checked: CheckedTree[] = [];
  for (const [keyId, opening] of openings) {
    const key = (await ledger.get(keyKey(keyId))) as KeyFact | undefined;
    // A pair that was never written to has a name for its key, but no key.
    if (key === undefined) continue;
    if (key.owner !== owner || key.epoch !== opening.epoch) suspect('key-mismatch', `key ${keyId}`);
    for (const { key: stateKey, value } of await listUnder(ledger, batchPrefix(keyId), BATCHES_PER_KEY_MAX)) {
      const name = stateKey.slice('record/root/'.length);
      const tree = shown.get(name);
      shown.delete(name);
      if (tree === undefined) suspect('omitted-record', `batch ${name}`);
      else if (isTreeSound(tree, value as BatchFact, owner, suspect)) {
        checked.push({ opening, tree, states: await readStates(ledger, tree) });
      }
    }
  }
  for (const name of shown.keys()) suspect('proof-invalid', `batch ${name}`);
  return checked;
}

function isTreeSound(tree: ManifestTree, fact: BatchFact, owner: Owner, suspect: Suspect): boolean {
  const name = `batch ${tree.keyId}/${tree.callId}`;
  if (fact.owner !== owner) suspect('key-mismatch', name);
  else if (tree.leaves.length !== fact.count) suspect('omitted-record', name);
  else if (treeRoot(tree.leaves.map(({ leafHash }) => leafHash)) !== fact.root) suspect('proof-invalid', name);
  else return true;
  return false;
}

/** What counts for a leaf: undefined when it was suspected. */
function checkLeaf({
  leaf,
  keyId,
  state,
  mayWithhold,
  suspect,
}: {
  readonly leaf: ManifestLeaf;
  readonly keyId: string;
  readonly state: LeafFact | undefined;
  readonly mayWithhold: boolean;
  readonly suspect: Suspect;
}): 'released' | 'withheld' | 'ended' | undefined {
  const { record, leafHash } = leaf;
  if (record === undefined) {
    if (state !== undefined) return 'ended';
    if (mayWithhold) return 'withheld';
    suspect('omitted-record', `leaf ${leafHash}`);
    return undefined;
  }
  if (recordLeafHash({ ...record, keyId }) !== leafHash) suspect('proof-invalid', `leaf ${leafHash}`);
  else if (state !== undefined) suspect(`${state.status}-served`, `leaf ${leafHash}`);
  else return 'released';
  return undefined;
}

async function readStates(
  ledger: LedgerView,
  { keyId, leaves }: ManifestTree,
): Promise<readonly (LeafFact | undefined)[]> {
  const states: (LeafFact | undefined)[] = [];
  for (let at = 0; at < leaves.length; at += STATES_AT_ONCE) {
    const some = leaves.slice(at, at + STATES_AT_ONCE);
    const read = await Promise.all(some.map(({ leafHash }) => ledger.get(leafKey(keyId, leafHash))));
    states.push(...(read as (LeafFact | undefined)[]));
  }
  return states;
}

/** `record/table/<owner>/`: byte order is the order of epochs. */
function tablePrefix(owner: Owner): string {
  return `record/table/${owner}/`;
}

/** `record/root/<keyId>/` */
function batchPrefix(keyId: string): string {
  return `record/root/${keyId}/`;
}
