import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEnd } from '@salus/contracts';
import { canonicalBytes } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import { parseCanonical, requireMembers } from '../strict-json.ts';
import { ImportFault } from './import-fault.ts';

export const TAKE_OVER_VERSION = 'salus:take-over:v1';
/** In the folder of a chaincode's configuration. */
export const TAKE_OVER_FILE = 'take-over.json';
const FILE_BYTES_MAX = 4_096;

/**
 * The ledger that an organisation agrees to take over, as its administrator knows it from the organisation's own node: the key that
 * signed its blocks, and its last block. Its chaincode endorses no other: two members cannot bring a ledger that they made up.
 */
export type TakeOver = { readonly ledgerKey: string; readonly number: number; readonly hash: string };

/** The agreement in a chaincode's folder; undefined where there is none. `bad-configuration` for anything else. */
export function findTakeOver(folder: string): TakeOver | undefined {
  const bytes = findFile(join(folder, TAKE_OVER_FILE));
  if (bytes === undefined) return undefined;
  try {
    if (bytes.length > FILE_BYTES_MAX) throw new FabricError('bad-wire', 'the file is too large');
    const { version, ledgerKey, number, hash } = requireMembers(parseCanonical(bytes), [
      'hash',
      'ledgerKey',
      'number',
      'version',
    ]);
    const isTakeOver =
      version === TAKE_OVER_VERSION &&
      typeof ledgerKey === 'string' &&
      typeof number === 'number' &&
      typeof hash === 'string';
    if (!isTakeOver) throw new FabricError('bad-wire', `expected the version ${TAKE_OVER_VERSION}`);
    return { ledgerKey, number, hash };
  } catch (cause) {
    if (!(cause instanceof FabricError)) throw cause;
    throw new FabricError('bad-configuration', `${TAKE_OVER_FILE} is not an agreement to take a ledger over`, {
      cause,
    });
  }
}

/** The bytes of the file. */
export function takeOverBytes({ ledgerKey, number, hash }: TakeOver): Uint8Array {
  return canonicalBytes({ version: TAKE_OVER_VERSION, ledgerKey, number, hash });
}

/** `not-expected` unless the organisation agreed to the ledger of this key. */
export function demandExpected(takeOver: TakeOver | 'any' | undefined, ledgerKey: string): void {
  if (takeOver !== 'any' && takeOver?.ledgerKey !== ledgerKey) throw new ImportFault('not-expected');
}

/** `not-expected` unless it ends with the block that the organisation knows as its last. */
export function demandExpectedEnd(takeOver: TakeOver | 'any' | undefined, end: LedgerEnd): void {
  if (takeOver === 'any') return;
  if (takeOver?.number !== end.number || takeOver.hash !== end.hash) throw new ImportFault('not-expected');
}

function findFile(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FabricError('bad-configuration', `${TAKE_OVER_FILE} cannot be read`, { cause });
  }
}
