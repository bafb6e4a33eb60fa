import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader, FormError } from './byte-reader.ts';
import type { BlockFileFinding } from './finding.ts';
import { readStoredBlock, type StoredBlock } from './stored-block.ts';

/** How Fabric names them: six digits and more, from 0 on without a gap. */
const NAME = /^blockfile_(\d{6,})$/;

/** Something to look at: a block, or where reading a file had to end. */
export type Read = { readonly block: StoredBlock } | { readonly finding: BlockFileFinding };

/**
 * The block files of one channel in a peer's `ledgersData/chains/chains/<channel>`, block after block, one file in memory at a
 * time (Fabric begins a new one at 64 MiB). Where a block cannot be read nobody knows where the next one begins: that file ends
 * there, with the finding.
 */
export function* readBlockFiles(folder: string): Generator<Read, void, undefined> {
  const names = readdirSync(folder);
  for (const finding of foreignFindings(names)) yield { finding };
  const files = names.filter((name) => NAME.test(name)).sort((left, right) => numberOf(left) - numberOf(right));
  if (files.length === 0) {
    yield { finding: { code: 'file', message: 'the folder holds no block files', file: '', offsetBytes: 0 } };
  }
  for (const [at, file] of files.entries()) {
    if (numberOf(file) !== at) {
      const message = `the block file before this one is missing: expected number ${at}`;
      yield { finding: { code: 'file', message, file, offsetBytes: 0 } };
      return;
    }
    yield* readBlocks(readFileSync(join(folder, file)), file);
  }
}

/** The blocks of one file. */
export function* readBlocks(bytes: Buffer, file: string): Generator<Read, void, undefined> {
  const reader = new ByteReader({ bytes, offsetBytes: 0 });
  while (reader.remaining > 0) {
    const offsetBytes = reader.offsetBytes;
    try {
      yield { block: readStoredBlock(reader.part('a block'), file, offsetBytes) };
    } catch (error) {
      if (!(error instanceof FormError)) throw error;
      const isCutOff = error.offsetBytes === offsetBytes;
      yield {
        finding: { code: isCutOff ? 'cut-off' : 'form', message: error.message, file, offsetBytes: error.offsetBytes },
      };
      return;
    }
  }
}

function foreignFindings(names: readonly string[]): readonly BlockFileFinding[] {
  return names
    .filter((name) => !NAME.test(name))
    .map((file) => ({ code: 'file', message: 'the file is none of Fabric’s block files', file, offsetBytes: 0 }));
}

function numberOf(name: string): number {
  return Number(NAME.exec(name)?.[1]);
}
