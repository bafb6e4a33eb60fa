import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CryptoError, type Json, parseJson } from '@salus/crypto';
import type { PlacedFinding, VerifiedHead } from './verification.ts';

const NODE_FILE_BYTES_MAX = 64 * 1024;

/** What `network.json` of a data directory says the node is; the ledger says the same. */
export interface NodeFile {
  readonly network: string;
  /** null where a consortium orders the blocks. */
  readonly ledgerKey: string | null;
  /** Slugs of the organisations that this node hosts. */
  readonly organisations: readonly string[];
}

/** @returns undefined where the file is missing or damaged: a finding of `checkNodeFile`. */
export function readNodeFile(directory: string): NodeFile | undefined {
  const file = join(directory, 'network.json');
  if (!existsSync(file) || statSync(file).size > NODE_FILE_BYTES_MAX) return undefined;
  try {
    const parsed = parseJson(readFileSync(file), { sizeMax: NODE_FILE_BYTES_MAX, depthMax: 8 });
    const { network, ledgerKey, organisations } = (parsed ?? {}) as { readonly [name: string]: Json };
    const slugs = Array.isArray(organisations) ? organisations.map(slugOf) : [undefined];
    const isKey = typeof ledgerKey === 'string' || ledgerKey === null;
    if (typeof network !== 'string' || !isKey) return undefined;
    return slugs.every((slug) => slug !== undefined) ? { network, ledgerKey, organisations: slugs } : undefined;
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

export function checkNodeFile(file: NodeFile | undefined, head: VerifiedHead | undefined): readonly PlacedFinding[] {
  const finding = (message: string): PlacedFinding => ({ place: 'network.json', code: 'node-file', message });
  if (file === undefined) return [finding('the file is missing or damaged')];
  if (head === undefined) return [];
  const problems: PlacedFinding[] = [];
  if (file.network !== head.network) problems.push(finding('it names another network than the ledger'));
  if (file.ledgerKey !== (head.ledgerKey ?? null))
    problems.push(finding('it names another ledger key than the blocks'));
  return problems;
}

function slugOf(value: Json): string | undefined {
  const slug = (value as { readonly slug?: Json } | null)?.slug;
  return typeof slug === 'string' && /^[a-z][a-z0-9-]{1,31}$/.test(slug) ? slug : undefined;
}
